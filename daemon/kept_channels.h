// SPDX-License-Identifier: Apache-2.0
#pragma once

// A worker's end of the channels that httpd children keep for their next requests (frame.h). Idle ones are watched by
// the epoll set of the worker's intake; whichever thread gets the event owns the channel until it gives it back or
// closes it. Any thread; no locks.

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "base/posix.h"

namespace gatehoused {

class KeptChannels {
 public:
  // So many descriptors a worker spends on them at most; numbers from kNumbers on are not kept.
  static constexpr std::size_t kMost = 256;
  static constexpr int kNumbers = 1024;

  // epoll: outlives this.
  explicit KeptChannels(int epoll) : epoll_(epoll) {}

  // The thread that has a channel wants to keep it, and goes on owning it. False: there are too many, or the worker
  // leaves. The descriptor is this object's from now on. True for one that is kept already.
  bool adopt(int channel);
  // There was an event on this number. True: the calling thread owns the channel. False: it is not for us to read.
  bool begin(int channel);
  // The owner has sent END. True: it has let go of the channel, or closed it because the worker leaves. False: it still
  // owns it and must look at it again, because there was an event meanwhile.
  bool finish(int channel);
  // The owner is done with it; also for one that was never adopted.
  void close(int channel);

  // The worker leaves: idle channels are closed, and none is kept any more.
  void stop();
  // Closes what has been idle since the last call but one.
  void close_unused();
  // In a process that the application forked: puts dead_end over every channel. Async-signal-safe.
  void cover(int dead_end);

 private:
  enum State : std::uint8_t {
    kNone,
    kIdle,      // watched
    kIdleLong,  // the same, since the last close_unused
    kOwned,     // by a thread
    kEvent      // the same, and there was an event meanwhile
  };
  bool take(int channel, State from);
  void close_idle(int channel);

  const int epoll_;
  std::atomic<std::size_t> count_ = 0;
  std::atomic<bool> stopped_ = false;
  std::array<std::atomic<State>, kNumbers> states_{};
};

}  // namespace gatehoused
