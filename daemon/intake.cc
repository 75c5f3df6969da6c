// SPDX-License-Identifier: Apache-2.0
#include "daemon/intake.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "base/log.h"

namespace gatehoused {
namespace {

// After a broken ticket.
constexpr base::Micros kPause = std::chrono::milliseconds(20);
// After a ticket for which there was no descriptor: time for other workers, and for one to come free here.
constexpr base::Micros kRest = std::chrono::milliseconds(500);

void put_over(int fd, int number) {
  while (dup3(fd, number, O_CLOEXEC) < 0 && (errno == EINTR || errno == EBUSY)) {
  }
}

}  // namespace

base::Result<std::unique_ptr<Intake>> Intake::create(Queues queues, bool one_may_wait) {
  base::Result<std::pair<base::UniqueFd, base::UniqueFd>> pair = base::socket_pair(SOCK_SEQPACKET);
  if (!pair) return pair.error();
  base::UniqueFd epoll(epoll_create1(EPOLL_CLOEXEC));
  base::UniqueFd stop(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  std::unique_ptr<Intake> intake(
      new Intake(queues, std::move(pair->first), std::move(epoll), std::move(stop), one_may_wait));
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = intake->stop_.get();
  if (epoll_ctl(intake->epoll_.get(), EPOLL_CTL_ADD, intake->stop_.get(), &event) != 0 || !intake->watch_all())
    return base::os_error(base::Message::kSystemCall, "the group's queue cannot be watched");
  return intake;
}

bool Intake::watch(int fd, std::uint32_t more) {
  epoll_event event{};
  event.events = EPOLLIN | EPOLLEXCLUSIVE | more;
  event.data.fd = fd;
  return epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) == 0;
}

bool Intake::watch_all() {
  if (queues_.nudge >= 0) watch(queues_.nudge, EPOLLET);  // nobody reads it
  return watch(queues_.normal) && (queues_.priority < 0 || watch(queues_.priority));
}

void Intake::watch_none() {
  for (const int fd : {queues_.nudge, queues_.normal, queues_.priority})
    if (fd >= 0) watch_not(fd);
}

void Intake::watch_not(int fd) { epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr); }

void Intake::requeue(int queue) {
  const base::MutexLock lock(place_);
  if (closed_.load() || paused_ != 0) return;
  watch_not(queue);
  watch(queue);
}

Intake::Taken Intake::take(wire::Ticket* ticket, int* channel) {
  for (;;) {
    lookout_.enter();
    epoll_event event{};
    waiting_.fetch_add(1);
    const int ready = closed_.load() ? 0 : epoll_wait(epoll_.get(), &event, 1, -1);
    // Once closed, every thread that waited looks once: it may have been woken for a ticket, and nobody else was.
    const bool is_over = closed_.load();
    const bool looks = is_over || (ready > 0 && is_for_ticket(event.data.fd));
    const Receipt receipt = looks ? receive_any(ticket, channel) : Receipt::kNothing;
    stop_waiting();
    const bool is_ticket = receipt == Receipt::kTicket;
    if (receipt == Receipt::kEnd || (is_over && !is_ticket)) return Taken::kEnd;
    if (!is_ticket) {
      if (looks || ready <= 0) continue;
      *channel = event.data.fd;
      if (!kept_.begin(*channel)) continue;
    }
    if (waiting() == 0) pass_on();
    return is_ticket ? Taken::kTicket : Taken::kNext;
  }
}

// The kernel may have woken a thread of this worker for a ticket, and none of another worker; but that thread has found
// a request on a kept channel first, or the queue gone from the set.
void Intake::pass_on() const {
  if (queues_.nudge >= 0 && (has_tickets(queues_.normal) || has_tickets(queues_.priority)))
    eventfd_write(queues_.nudge, 1);
}

void Intake::stop_waiting() {
  if (waiting_.fetch_sub(1) == 1 && closed_.load()) leave_queues();
}

// Both queues end together, with the last httpd child: the lane's end is told by the other's.
Intake::Receipt Intake::receive_any(wire::Ticket* ticket, int* channel) {
  if (queues_.priority >= 0 && receive_ticket(queues_.priority, ticket, channel) == Receipt::kTicket)
    return Receipt::kTicket;
  return receive_ticket(queues_.normal, ticket, channel);
}

Intake::Receipt Intake::receive_ticket(int queue, wire::Ticket* ticket, int* channel) {
  std::array<std::byte, wire::kTicketSize> bytes;
  base::UniqueFd arrived;
  const ssize_t got = base::receive_with_fd(queue, bytes, &arrived, MSG_DONTWAIT);
  const int failure = errno;
  if (got < 0 && failure == EAGAIN) return Receipt::kNothing;
  if (got > 0 && arrived.valid() && wire::decode({bytes.data(), static_cast<std::size_t>(got)}, ticket)) {
    requeue(queue);
    *channel = arrived.release();
    return Receipt::kTicket;
  }
  if (got < 0 && failure != EBADMSG) {
    base::log({base::Message::kSystemCall, failure, "the group's queue cannot be read"});
    return Receipt::kEnd;
  }
  // An empty message reads like end-of-file.
  if (got == 0 && has_ended(queue)) return Receipt::kEnd;
  if (got < 0 && !has_descriptor()) {
    rest();
    return Receipt::kNothing;
  }
  base::log(base::Message::kTicketBroken, "a ticket of %zd bytes was dropped: %s", got,
            got < 0 ? "its descriptor did not arrive" : "malformed, or without a descriptor");
  usleep(static_cast<useconds_t>(kPause.count()));
  return Receipt::kNothing;
}

// The child sends the request of the ticket that was lost again, while others alone look into the queue.
void Intake::rest() {
  if (pause(kNoDescriptor))
    base::log(base::Message::kOutOfDescriptors, "worker %d had none for a request, which others must run",
              static_cast<int>(getpid()));
  usleep(static_cast<useconds_t>(kRest.count()));
  resume(kNoDescriptor);
}

bool Intake::has_descriptor() const { return base::UniqueFd(fcntl(stop_.get(), F_DUPFD_CLOEXEC, 0)).valid(); }

bool Intake::has_ended(int queue) const {
  return closed_.load() || (base::wait_for(queue, 0, base::Deadline::at(base::now())) & (POLLHUP | POLLNVAL)) != 0;
}

bool Intake::has_tickets(int queue) const {
  return queue >= 0 && (base::wait_for(queue, POLLIN, base::Deadline::at(base::now())) & POLLIN) != 0;
}

// Where others wait there are no tickets.
std::size_t Intake::to_spare() const {
  const std::size_t others = waiting();
  if (others == 0 && (has_tickets(queues_.normal) || has_tickets(queues_.priority))) return 0;
  return others + 1;
}

bool Intake::pause(Cause cause) {
  const base::MutexLock lock(place_);
  const unsigned before = paused_;
  paused_ |= cause;
  const bool is_new = (before & cause) == 0;
  if (closed_.load() || before != 0) return is_new;
  watch_none();
  pass_on();
  return is_new;
}

// Whatever has come meanwhile is seen by the set when the queue is put in.
void Intake::resume(Cause cause) {
  const base::MutexLock lock(place_);
  if (paused_ == 0) return;
  paused_ &= ~unsigned{cause};
  if (closed_.load() || paused_ != 0) return;
  watch_all();
}

void Intake::close() {
  if (closed_.exchange(true)) return;
  eventfd_write(stop_.get(), 1);
  lookout_.stop();
  kept_.stop();
  if (waiting_.load() == 0) leave_queues();
}

// No thread waits, so that the kernel wakes none of ours for a ticket any more.
void Intake::leave_queues() {
  if (left_.exchange(true)) return;
  // The set watches what the number stands for now, and would go on doing so.
  const base::MutexLock lock(place_);
  watch_none();
  for (const int queue : {queues_.normal, queues_.priority})
    if (queue >= 0) put_over(dead_end_.get(), queue);
}

void Intake::close_after_fork() {
  closed_.store(true);
  lookout_.forget();
  put_over(dead_end_.get(), queues_.normal);
  for (const int fd : {queues_.priority, queues_.nudge})
    if (fd >= 0) put_over(dead_end_.get(), fd);
  put_over(dead_end_.get(), epoll_.get());
  kept_.cover(dead_end_.get());
}

}  // namespace gatehoused
