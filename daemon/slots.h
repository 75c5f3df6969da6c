// SPDX-License-Identifier: Apache-2.0
#pragma once

// The page on which each worker thread notes what it holds, so that the line about a worker's death can name
// its requests, and each worker that it lives. Made by the supervisor before the zygote, inherited by all below it,
// never mapped by httpd. Workers write, the supervisor reads: what it reads is untrusted, so it is copied, cut and
// escaped.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/posix.h"
#include "base/result.h"

namespace gatehoused {

inline constexpr std::size_t kSummarySize = 256;

// Written by one thread of one worker. All zero: nothing in hand.
struct ThreadSlot {
  std::atomic<std::int64_t> taken_us;  // monotonic, when the ticket was taken; 0 = idle
  std::atomic<std::uint32_t> summary_size;
  char summary[kSummarySize];
};
static_assert(std::atomic<std::int64_t>::is_always_lock_free);

// The thread has taken a ticket; what for is not known yet.
void hold(ThreadSlot& slot, base::Micros now);
// "GET /path [id]", cut to kSummarySize.
void describe(ThreadSlot& slot, std::string_view summary);
void let_go(ThreadSlot& slot);

// The number of the request that a thread took at this time, by which the engine can interrupt it. Never 0, and never
// that of another request of the worker.
inline std::uint64_t request_number(std::int64_t taken_us, std::size_t thread) {
  return static_cast<std::uint64_t>(taken_us) << 16 | (thread + 1);
}

// Worker slots of threads thread slots each, in one shared mapping. Move-only; unmapped at destruction.
class SlotTable {
 public:
  // kSystemCall when the mapping cannot be made.
  static base::Result<SlotTable> create(std::size_t workers, std::size_t threads);
  std::size_t workers() const { return workers_; }
  std::span<ThreadSlot> threads_of(std::size_t worker) { return {slots_ + worker * threads_, threads_}; }
  // When Python's lock was last got in this worker (lock_probe.h), monotonic, in us; 0: nothing looks for that.
  std::atomic<std::int64_t>& beat_of(std::size_t worker) { return beats_[worker]; }
  // Before the slot is given to another worker.
  void clear(std::size_t worker);

 private:
  SlotTable(base::Mapping memory, std::size_t workers, std::size_t threads);

  base::Mapping memory_;
  ThreadSlot* slots_;
  std::atomic<std::int64_t>* beats_;  // behind them
  std::size_t workers_;
  std::size_t threads_;
};

// "no request", "1 request: GET /a [id]", "9 requests: GET /a [id], GET /b [id], and 6 more"; escaped. Safe on
// whatever the slots contain, also while it changes.
std::string requests_held(std::span<ThreadSlot> slots);

}  // namespace gatehoused
