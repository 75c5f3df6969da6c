// SPDX-License-Identifier: Apache-2.0
#include "daemon/workers.h"

#include <algorithm>
#include <span>

namespace gatehoused {
namespace {

std::size_t busy_threads(std::span<const ThreadSlot> threads) {
  return static_cast<std::size_t>(std::count_if(threads.begin(), threads.end(), [](const ThreadSlot& thread) {
    return thread.taken_us.load(std::memory_order_relaxed) != 0;
  }));
}

}  // namespace

std::size_t Workers::count(int brood) const {
  return static_cast<std::size_t>(std::count_if(slots_.begin(), slots_.end(), [brood](const Worker& worker) {
    return worker.state != Worker::State::kNone && worker.brood == brood;
  }));
}

std::size_t Workers::count_ready(int brood) const {
  return static_cast<std::size_t>(std::count_if(slots_.begin(), slots_.end(), [brood](const Worker& worker) {
    return worker.state == Worker::State::kTaking && worker.brood == brood && !worker.wants_relief;
  }));
}

std::size_t Workers::count_busy_threads(int brood, SlotTable& table) const {
  std::size_t busy = 0;
  for (std::size_t slot = 0; slot < slots_.size(); ++slot)
    if (slots_[slot].state == Worker::State::kTaking && slots_[slot].brood == brood)
      busy += busy_threads(table.threads_of(slot));
  return busy;
}

void Workers::count_for(int brood, Census* census) const {
  for (const Worker& worker : slots_) {
    if (worker.state == Worker::State::kNone) {
      ++census->free_slots;
    } else if (worker.brood == brood && worker.state != Worker::State::kLeaving && !worker.wants_relief) {
      ++census->taking;
    }
  }
}

std::optional<std::size_t> Workers::find(pid_t pid) const {
  for (std::size_t slot = 0; slot < slots_.size(); ++slot)
    if (slots_[slot].state != Worker::State::kNone && slots_[slot].pid == pid) return slot;
  return std::nullopt;
}

std::optional<std::size_t> Workers::free_slot() const {
  for (std::size_t slot = 0; slot < slots_.size(); ++slot)
    if (slots_[slot].state == Worker::State::kNone) return slot;
  return std::nullopt;
}

Worker* Workers::most_dispensable(int brood, SlotTable& table) {
  Worker* chosen = nullptr;
  bool chosen_is_idle = false;
  for (std::size_t slot = 0; slot < slots_.size(); ++slot) {
    Worker& worker = slots_[slot];
    if (worker.brood != brood || worker.state != Worker::State::kTaking) continue;
    const bool is_idle = busy_threads(table.threads_of(slot)) == 0;
    if (chosen != nullptr && (chosen_is_idle && !is_idle)) continue;
    if (chosen != nullptr && chosen_is_idle == is_idle && chosen->started > worker.started) continue;
    chosen = &worker;
    chosen_is_idle = is_idle;
  }
  return chosen;
}

void Workers::tell_all(int brood, const WorkerOrder& order) const {
  for (const Worker& worker : slots_)
    if (worker.brood == brood && worker.line.valid()) tell(worker.line.get(), order);
}

void Workers::forget(int brood, Which which) {
  for (Worker& worker : slots_)
    if (worker.brood == brood && (which == Which::kAll || worker.pid == 0)) worker = {};
}

}  // namespace gatehoused
