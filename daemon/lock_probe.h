// SPDX-License-Identifier: Apache-2.0
#pragma once

// Asks for Python's lock again and again, on a thread of its own. As long as it is not got, the worker takes no
// tickets, where others of the group can take them; how long it was not got is the watchdog's to judge.

#include <algorithm>
#include <atomic>
#include <cstdint>

#include "base/mutex.h"
#include "base/posix.h"
#include "daemon/intake.h"
#include "wsgi/engine_abi.h"

namespace gatehoused {

class LockProbe {
 public:
  // Held for so long, the lock counts as not to be got.
  static constexpr base::Micros kPatience = std::chrono::milliseconds(500);

  // beat: of the worker's slot, where the supervisor sees whether it lives. intake: to be paused meanwhile; nullptr:
  // nobody else could take its tickets.
  LockProbe(const gatehouse_engine_table& engine, std::atomic<std::int64_t>& beat, Intake* intake)
      : engine_(engine), beat_us_(beat), made_(base::now()), intake_(intake) {}

  // interval: between two questions. From then on until the process ends. Without a thread, logged, it always beats.
  void start(base::Micros interval);
  // When the lock was last got; before start(), when this was made.
  base::Micros last_beat() const { return std::max(made_, base::Micros(beat_us_.load(std::memory_order_relaxed))); }

  // Readable when the lock was not got for kPatience: on_overdue() is to be called. -1: never.
  int overdue() const { return timer_.get(); }
  // Any thread, any number of times.
  void on_overdue();

 private:
  static void* on_thread_start(void* probe) noexcept;
  void probe_for_ever();
  void ask();
  void set_timer(base::Micros patience);

  const gatehouse_engine_table& engine_;
  std::atomic<std::int64_t>& beat_us_;
  const base::Micros made_;
  Intake* const intake_;
  base::Micros interval_{};
  base::UniqueFd timer_;
  base::Mutex mutex_;
  base::Deadline due_ GH_GUARDED_BY(mutex_) = base::Deadline::never();  // while it is asked for
  bool paused_ GH_GUARDED_BY(mutex_) = false;
};

}  // namespace gatehoused
