// SPDX-License-Identifier: Apache-2.0
#pragma once

// How many of a worker's free threads wait for requests: all of them, or one.
// All is right in general: whatever a request waits for, another thread takes the next one. But where requests are
// many, quick, and wait for nothing, a thread that the kernel wakes for the next one finds Python's lock taken, and
// both switches are in vain. There one thread looks out, serves, and looks out again, while the others rest. One of
// those looks every kTick whether any request was answered meanwhile. If none was, all of them wait again: so a request
// that waits holds up those behind it for twice that time at most, and one that computes for kLongest.

#include <sys/types.h>

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "base/mutex.h"
#include "base/posix.h"

namespace gatehoused {

// The rule: what the requests were like. Not for several threads at once.
class Tempo {
 public:
  static constexpr std::uint32_t kSampled = 16;                          // one request of so many is looked at
  static constexpr base::Micros kMany = std::chrono::microseconds(500);  // from one request to the next at most
  static constexpr base::Micros kPause = std::chrono::milliseconds(100);

  // The end of about each kSampled-th request. served: all requests until now, modulo 2^32. has_waited: it gave the
  // processor up while the application ran.
  void add(base::Micros now, std::uint32_t served, bool has_waited);
  // One waiting thread was too few: not again before kPause.
  void disappoint(base::Micros now);
  bool is_one_enough() const { return is_one_enough_; }

 private:
  base::Micros last_{};
  std::uint32_t last_served_ = 0;
  base::Micros not_before_{};
  double interval_us_ = 1e6;  // between requests, of late
  double waited_ = 1;         // share of those that waited, of late
  bool is_one_enough_ = false;
};

class Lookout {
 public:
  static constexpr base::Micros kTick = std::chrono::milliseconds(2);
  static constexpr base::Micros kLongest = std::chrono::milliseconds(12);

  // may_be_one: false where threads run Python side by side, or there is only one.
  explicit Lookout(bool may_be_one) : may_be_one_(may_be_one) {}

  // The calling thread wants to wait for requests: rests as long as another one does that for it. Any thread.
  void enter() {
    if (is_one_.load(std::memory_order_relaxed) && who_.load() != own_id()) rest();
  }
  // Is the request to be looked at that begins now? Any thread.
  bool is_sample() const { return may_be_one_ && served_.load(std::memory_order_relaxed) % Tempo::kSampled == 0; }
  // A request has ended. Any thread.
  void note_end() { served_.fetch_add(1, std::memory_order_relaxed); }
  // One that was looked at. Any thread.
  void note_sample(bool has_waited);
  // Threads that rest. A hint.
  std::size_t resting() const { return resting_.load(std::memory_order_relaxed); }
  // Nobody rests from now on. Any thread, any number of times.
  void stop();
  // In a process that the application forked, where nobody rests. Async-signal-safe.
  void forget() { stopped_.store(true); }

 private:
  static pid_t own_id();
  void rest();
  void watch() GH_REQUIRES(mutex_);
  void let_all_wait() GH_REQUIRES(mutex_);

  const bool may_be_one_;
  std::atomic<std::uint32_t> served_ = 0;
  std::atomic<bool> is_one_ = false;
  std::atomic<pid_t> who_ = 0;  // looks out, by the kernel's number; 0: the first that comes
  std::atomic<std::size_t> resting_ = 0;
  std::atomic<bool> stopped_ = false;
  base::Mutex mutex_;
  base::CondVar changed_;
  bool is_watched_ GH_GUARDED_BY(mutex_) = false;  // by one that rests
  Tempo tempo_ GH_GUARDED_BY(mutex_);
};

}  // namespace gatehoused
