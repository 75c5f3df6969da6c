// SPDX-License-Identifier: Apache-2.0
#include "daemon/intake.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "base/log.h"

namespace gatehoused {
namespace {

// After a broken ticket: when descriptors have run out, other workers may fare better.
constexpr base::Micros kPause = std::chrono::milliseconds(20);

void on_wake(int) {}

// A signal that nothing else sends or minds. Its handler only makes recvmsg start again.
int wake_signal() { return SIGRTMIN; }

void install_wake_signal() {
  struct sigaction action {};
  action.sa_handler = on_wake;
  action.sa_flags = SA_RESTART;  // a busy thread is not disturbed by a late one
  sigaction(wake_signal(), &action, nullptr);
}

void put_over(int fd, int number) {
  while (dup3(fd, number, O_CLOEXEC) < 0 && (errno == EINTR || errno == EBUSY)) {
  }
}

}  // namespace

base::Result<std::unique_ptr<Intake>> Intake::create(int queue, std::size_t threads) {
  base::Result<std::pair<base::UniqueFd, base::UniqueFd>> pair = base::socket_pair(SOCK_SEQPACKET);
  if (!pair) return pair.error();
  install_wake_signal();
  return std::unique_ptr<Intake>(new Intake(queue, std::move(pair->first), threads));
}

Intake::Taken Intake::take(std::size_t thread, wire::Ticket* ticket, base::UniqueFd* channel) {
  Waiter& waiter = waiters_[thread];
  waiter.thread.store(pthread_self(), std::memory_order_relaxed);
  for (;;) {
    std::array<std::byte, wire::kTicketSize> bytes;
    waiter.waiting.store(true);
    const ssize_t got = base::receive_with_fd(queue_, bytes, channel, 0);
    const int failure = errno;
    waiter.waiting.store(false);

    if (got > 0 && channel->valid() && wire::decode({bytes.data(), static_cast<std::size_t>(got)}, ticket))
      return Taken::kTicket;
    channel->reset();
    if (got < 0 && failure != EBADMSG) {
      base::log({base::Message::kSystemCall, failure, "the group's queue cannot be read"});
      return Taken::kEnd;
    }
    // An empty message reads like end-of-file.
    if (got == 0 && has_ended()) return Taken::kEnd;
    base::log(base::Message::kTicketBroken, "a ticket of %zd bytes was dropped: %s", got,
              got < 0 ? "its descriptor did not arrive" : "malformed, or without a descriptor");
    usleep(static_cast<useconds_t>(kPause.count()));
  }
}

bool Intake::has_ended() const {
  return closed_.load() || (base::wait_for(queue_, 0, base::Deadline::at(base::now())) & (POLLHUP | POLLNVAL)) != 0;
}

void Intake::close() {
  if (closed_.exchange(true)) return;
  // From here on a recvmsg on this number meets the dead end; one that waits already is made to start again.
  // Nothing is missed: a thread that is not seen waiting has not yet looked up the number.
  put_over(dead_end_.get(), queue_);
  for (std::size_t i = 0; i < threads_; ++i) {
    if (waiters_[i].waiting.load()) pthread_kill(waiters_[i].thread.load(std::memory_order_relaxed), wake_signal());
  }
}

void Intake::close_after_fork() {
  closed_.store(true);
  put_over(dead_end_.get(), queue_);
}

}  // namespace gatehoused
