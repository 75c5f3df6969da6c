// SPDX-License-Identifier: Apache-2.0
#pragma once

// A worker's end of the group's queue. Each free thread waits in recvmsg itself: the kernel then wakes exactly
// one thread per ticket, the one that has waited longest in any worker, which spreads tickets evenly over the
// processes and costs one system call. (EPOLLEXCLUSIVE was measured: it prefers the process that registered
// first until all of its threads are busy, and wakes more threads than there are tickets.)

#include <pthread.h>

#include <atomic>
#include <cstddef>
#include <memory>

#include "base/posix.h"
#include "base/result.h"
#include "wire/message.h"

namespace gatehoused {

class Intake {
 public:
  enum class Taken {
    kTicket,
    kEnd  // no ticket will come any more: close() was called, or the last httpd child has gone
  };

  // queue: the descriptor's number; it stays the caller's, and close() puts another socket under that number.
  static base::Result<std::unique_ptr<Intake>> create(int queue, std::size_t threads);

  // Blocks until there is a ticket or an end. A broken ticket is logged and skipped. Each thread its own index.
  Taken take(std::size_t thread, wire::Ticket* ticket, base::UniqueFd* channel);

  // Leaves the queue: every take(), waiting or to come, returns kEnd unless it has a ticket already. Any thread,
  // any number of times.
  void close();

  // In a process that the application forked: lets go of the queue. Async-signal-safe.
  void close_after_fork();
  // A connected socket without peer: reads end-of-file, writes EPIPE. To be dup2'ed over descriptors whose
  // number must stay taken.
  int dead_end() const { return dead_end_.get(); }

 private:
  struct Waiter {
    std::atomic<bool> waiting = false;
    std::atomic<pthread_t> thread{};
  };
  Intake(int queue, base::UniqueFd dead_end, std::size_t threads)
      : queue_(queue), dead_end_(std::move(dead_end)), threads_(threads), waiters_(new Waiter[threads]) {}
  bool has_ended() const;

  int queue_;
  base::UniqueFd dead_end_;
  std::size_t threads_;
  std::unique_ptr<Waiter[]> waiters_;
  std::atomic<bool> closed_ = false;
};

}  // namespace gatehoused
