// SPDX-License-Identifier: Apache-2.0
#pragma once

// Looks after one worker: whether requests take too long, whether Python's lock is ever free, whether the worker is
// too old or too idle (limits.h decides). look() runs on the worker's main thread, which waits without Python; what may
// have to wait for Python's lock runs on threads of its own.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/posix.h"
#include "daemon/limits.h"
#include "daemon/lock_probe.h"
#include "daemon/slots.h"
#include "wire/group_spec.h"
#include "wsgi/engine_abi.h"

namespace gatehoused {

// What the threads that serve note of it. Each member is written by any of them.
struct Progress {
  std::atomic<std::int64_t> first_taken_us = 0;  // with startup-timeout= only
  std::atomic<std::int64_t> last_active_us = 0;  // with inactivity-timeout= only
  std::atomic<bool> loaded = false;              // an application was entered
};

class Watchdog {
 public:
  // beat: the worker's. intake: its, to be paused while Python's lock cannot be got, or nullptr (lock_probe.h).
  Watchdog(const wire::GroupSpec& spec, const gatehouse_engine_table& engine, std::span<ThreadSlot> slots,
           std::atomic<std::int64_t>& beat, const Progress& progress, Intake* intake);

  // Begins to ask for Python's lock, if deadlock-timeout= wants that.
  void start();
  LockProbe& lock() { return lock_; }
  // What is to be done now; call again at verdict.next.
  Verdict look(Micros now, bool retiring, bool leaving);

  // Raises RequestTimeout in the request of a thread. Does not wait for that.
  void interrupt(std::size_t thread, Micros now);
  // Tells subscribers of a signal. Does not wait for them.
  void publish_signal(int number);
  // Logs the stacks of Python's threads. hung: without waiting for Python's lock, else for as long as a second.
  void tell_stacks(bool hung);

 private:
  struct Watched {
    std::int64_t taken_us = 0;
    Micros interrupted{};
  };
  const gatehouse_engine_table& engine_;
  const std::span<ThreadSlot> slots_;
  const Progress& progress_;
  const Limits limits_;
  const Micros started_;
  std::vector<Watched> watched_;
  std::vector<ThreadView> views_;
  LockProbe lock_;
  Micros awake_since_;  // the process was not stopped or starved since then
  Micros expected_;     // when look() was to be called at the latest
};

}  // namespace gatehoused
