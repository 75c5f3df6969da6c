// SPDX-License-Identifier: Apache-2.0
#pragma once

// Where a worker's free threads wait: for tickets in the group's queue, and for requests on channels that are kept.
// One epoll set a worker. The queue is in it with EPOLLEXCLUSIVE, so that a ticket wakes one thread of one worker. The
// kernel asks the workers in the order in which they put the queue into their sets, and always the first one first;
// so a worker that has taken a ticket puts it in again, behind the others. Then the tickets go round.
// A thread that was woken for a ticket may find a request on a kept channel first. So the last one of a worker that
// leaves the set for a request, and leaves tickets behind, wakes a thread of another worker by the group's nudge. With
// a priority lane, a thread that is woken for either looks into the lane first, then into the queue: who was woken for
// a ticket that another has taken must not leave the other's ticket behind.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "base/mutex.h"
#include "base/posix.h"
#include "base/result.h"
#include "daemon/kept_channels.h"
#include "daemon/lookout.h"
#include "daemon/queues.h"
#include "wire/message.h"

namespace gatehoused {

class Intake {
 public:
  enum class Taken {
    kTicket,
    kNext,  // something has come on a kept channel, which is the calling thread's now
    kEnd    // nothing will come any more: close() was called, or the last httpd child has gone
  };

  // queues: the descriptors stay the caller's, and close() puts another socket under their numbers. one_may_wait: for
  // the others as well (lookout.h).
  static base::Result<std::unique_ptr<Intake>> create(Queues queues, bool one_may_wait = false);

  // Blocks until there is something or an end. *channel: of the ticket, the caller's; or the kept one. A broken ticket
  // is logged and skipped; without a free descriptor it takes no tickets for a while. Any thread.
  Taken take(wire::Ticket* ticket, int* channel);

  KeptChannels& kept() { return kept_; }
  Lookout& lookout() { return lookout_; }
  // Threads that wait in take(). A hint.
  std::size_t waiting() const { return waiting_.load(std::memory_order_relaxed) + lookout_.resting(); }
  // Threads for requests that are yet to come, the calling one included, which ends its own: none while tickets wait
  // for it. A hint.
  std::size_t to_spare() const;

  enum Cause : unsigned {
    kOldCode = 1,       // new code is being loaded
    kLockHeld = 2,      // Python's lock cannot be got
    kNoDescriptor = 4,  // for the next request
  };
  // Takes no tickets as long as there is a cause: they stay in the queue for others, who are told of those that are
  // there. A take() that has been woken for one may take it all the same. False: there was this cause already. Any
  // thread, any number of times.
  bool pause(Cause cause);
  // The end of this cause. Nothing after close().
  void resume(Cause cause);

  // Leaves the queue: every take(), waiting or to come, returns kEnd, or a last ticket for which it may have been
  // woken; idle channels are closed. Any thread, any number of times.
  void close();

  // In a process that the application forked: lets go of the queue and of every kept channel. Async-signal-safe.
  void close_after_fork();
  // A connected socket without peer: reads end-of-file, writes EPIPE. To be dup2'ed over descriptors whose
  // number must stay taken.
  int dead_end() const { return dead_end_.get(); }

 private:
  Intake(Queues queues, base::UniqueFd dead_end, base::UniqueFd epoll, base::UniqueFd stop, bool one_may_wait)
      : queues_(queues),
        dead_end_(std::move(dead_end)),
        epoll_(std::move(epoll)),
        stop_(std::move(stop)),
        kept_(epoll_.get()),
        lookout_(one_may_wait) {}
  bool is_for_ticket(int fd) const { return fd == queues_.normal || fd == queues_.priority || fd == queues_.nudge; }
  bool watch_all();
  void watch_none();
  bool watch(int fd, std::uint32_t more = 0);
  void watch_not(int fd);
  void requeue(int queue);
  void stop_waiting();
  void leave_queues();
  enum class Receipt { kTicket, kNothing, kEnd };
  Receipt receive_any(wire::Ticket* ticket, int* channel);
  Receipt receive_ticket(int queue, wire::Ticket* ticket, int* channel);
  void rest();
  bool has_descriptor() const;
  bool has_ended(int queue) const;
  bool has_tickets(int queue) const;
  void pass_on() const;

  const Queues queues_;
  base::UniqueFd dead_end_;
  base::UniqueFd epoll_;
  base::UniqueFd stop_;  // eventfd, for ever readable after close()
  KeptChannels kept_;
  Lookout lookout_;
  base::Mutex place_;                          // of the queues in the set
  unsigned paused_ GH_GUARDED_BY(place_) = 0;  // a bit for each cause
  std::atomic<std::size_t> waiting_ = 0;
  std::atomic<bool> closed_ = false;
  std::atomic<bool> left_ = false;
};

}  // namespace gatehoused
