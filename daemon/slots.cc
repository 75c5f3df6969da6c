// SPDX-License-Identifier: Apache-2.0
#include "daemon/slots.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/log.h"

namespace gatehoused {
namespace {

constexpr std::size_t kShown = 8;  // requests that a line names

std::string summary_of(const ThreadSlot& slot) {
  char copy[kSummarySize];
  const std::size_t size = std::min<std::size_t>(slot.summary_size.load(std::memory_order_acquire), kSummarySize);
  std::memcpy(copy, slot.summary, size);
  if (size == 0) return "(not yet read)";
  return base::escape_line(std::string_view(copy, size), kSummarySize);
}

}  // namespace

void hold(ThreadSlot& slot, base::Micros now) {
  slot.summary_size.store(0, std::memory_order_relaxed);
  slot.taken_us.store(std::max<std::int64_t>(now.count(), 1), std::memory_order_release);
}

void describe(ThreadSlot& slot, std::string_view summary) {
  const std::size_t size = std::min(summary.size(), kSummarySize);
  std::memcpy(slot.summary, summary.data(), size);
  slot.summary_size.store(static_cast<std::uint32_t>(size), std::memory_order_release);
}

void let_go(ThreadSlot& slot) { slot.taken_us.store(0, std::memory_order_release); }

base::Result<SlotTable> SlotTable::create(std::size_t workers, std::size_t threads) {
  // Zeros: atomics and characters in it need no construction.
  const std::size_t size = workers * (threads * sizeof(ThreadSlot) + sizeof(std::atomic<std::int64_t>));
  base::Mapping memory = base::Mapping::of(-1, size, MAP_NORESERVE);
  if (!memory.valid()) return base::os_error(base::Message::kSystemCall, "no memory for the workers' slots");
  return SlotTable(std::move(memory), workers, threads);
}

SlotTable::SlotTable(base::Mapping memory, std::size_t workers, std::size_t threads)
    : memory_(std::move(memory)),
      slots_(reinterpret_cast<ThreadSlot*>(memory_.data())),
      beats_(reinterpret_cast<std::atomic<std::int64_t>*>(slots_ + workers * threads)),
      workers_(workers),
      threads_(threads) {}

void SlotTable::clear(std::size_t worker) {
  beat_of(worker).store(0, std::memory_order_relaxed);
  for (ThreadSlot& slot : threads_of(worker)) {
    let_go(slot);
    slot.summary_size.store(0, std::memory_order_relaxed);
  }
}

std::string requests_held(std::span<ThreadSlot> slots) {
  std::size_t count = 0;
  std::string list;
  for (const ThreadSlot& slot : slots) {
    if (slot.taken_us.load(std::memory_order_acquire) == 0) continue;
    if (++count > kShown) continue;
    if (!list.empty()) list.append(", ");
    list.append(summary_of(slot));
  }
  if (count == 0) return "no request";
  std::string text = std::to_string(count) + (count == 1 ? " request: " : " requests: ") + list;
  if (count > kShown) text.append(", and ").append(std::to_string(count - kShown)).append(" more");
  return text;
}

}  // namespace gatehoused
