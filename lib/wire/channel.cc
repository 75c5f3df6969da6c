// SPDX-License-Identifier: Apache-2.0
#include "wire/channel.h"

#include <linux/sockios.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cerrno>

namespace wire {
namespace {

using base::Deadline;

template <typename Call>
ssize_t retried(Call call) {
  ssize_t result;
  do {
    result = call();
  } while (result < 0 && errno == EINTR);
  return result;
}

ssize_t send_once(int channel, std::span<iovec> pieces) {
  msghdr message{};
  message.msg_iov = pieces.data();
  message.msg_iovlen = pieces.size();
  return retried([&] { return sendmsg(channel, &message, MSG_DONTWAIT | MSG_NOSIGNAL); });
}

// Removes the first size bytes from the pieces.
std::span<iovec> without(std::span<iovec> pieces, std::size_t size) {
  while (!pieces.empty() && size >= pieces.front().iov_len) {
    size -= pieces.front().iov_len;
    pieces = pieces.subspan(1);
  }
  if (!pieces.empty()) {
    pieces.front().iov_base = static_cast<char*>(pieces.front().iov_base) + size;
    pieces.front().iov_len -= size;
  }
  return pieces;
}

Sent wait_for_room(int channel, base::Micros timeout) {
  const int ready = base::wait_for(channel, POLLOUT, Deadline::after(timeout));
  return ready > 0 ? Sent::kAll : ready == 0 ? Sent::kTimeout : Sent::kGone;
}

}  // namespace

Sent send_all(int channel, std::span<iovec> pieces, base::Micros timeout) {
  pieces = without(pieces, 0);
  while (!pieces.empty()) {
    const ssize_t sent = send_once(channel, pieces);
    if (sent >= 0) {
      pieces = without(pieces, static_cast<std::size_t>(sent));
    } else if (errno != EAGAIN) {
      return Sent::kGone;
    } else if (const Sent room = wait_for_room(channel, timeout); room != Sent::kAll) {
      return room;
    }
  }
  return Sent::kAll;
}

Sent send_all(int channel, std::span<const std::byte> bytes, base::Micros timeout) {
  iovec piece{const_cast<std::byte*>(bytes.data()), bytes.size()};
  return send_all(channel, std::span(&piece, 1), timeout);
}

ssize_t send_now(int channel, std::span<const std::byte> bytes) {
  const ssize_t sent = retried([&] { return send(channel, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL); });
  return sent < 0 && errno == EAGAIN ? 0 : sent;
}

Sent send_descriptor(int channel, std::span<const std::byte> bytes, int fd, base::Micros timeout) {
  for (;;) {
    const ssize_t sent = base::send_with_fd(channel, bytes, fd, MSG_DONTWAIT);
    if (sent >= 0) return send_all(channel, bytes.subspan(static_cast<std::size_t>(sent)), timeout);
    if (errno != EAGAIN) return Sent::kGone;
    if (const Sent room = wait_for_room(channel, timeout); room != Sent::kAll) return room;
  }
}

ssize_t receive(int channel, std::span<iovec> pieces, int flags, base::Micros timeout) {
  msghdr message{};
  message.msg_iov = pieces.data();
  message.msg_iovlen = pieces.size();
  for (;;) {
    const ssize_t received = retried([&] { return recvmsg(channel, &message, flags | MSG_DONTWAIT); });
    if (received >= 0 || errno != EAGAIN) return received;
    const int ready = base::wait_for(channel, POLLIN, Deadline::after(timeout));
    if (ready == 0) errno = ETIMEDOUT;
    if (ready <= 0) return -1;
  }
}

void limit_wait(int channel, base::Micros limit) {
  const timeval time{limit.count() / 1'000'000, limit.count() % 1'000'000};
  setsockopt(channel, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time);
}

ssize_t peek_now(int channel, std::span<std::byte> into) {
  return retried([&] { return recv(channel, into.data(), into.size(), MSG_PEEK | MSG_DONTWAIT); });
}

bool has_unread(int channel) {
  int unread = 0;
  return ioctl(channel, SIOCOUTQ, &unread) == 0 && unread > 0;
}

// A stream socket is writable when a quarter of its buffer is used at most; the smallest buffer is no larger than four
// times what the shortest request costs in it.
ReadSignal::ReadSignal(int channel) : channel_(channel) {
  constexpr int kSmallest = 1;
  socklen_t size = sizeof size_;
  getsockopt(channel_, SOL_SOCKET, SO_SNDBUF, &size_, &size);
  setsockopt(channel_, SOL_SOCKET, SO_SNDBUF, &kSmallest, sizeof kSmallest);
}

ReadSignal::~ReadSignal() {
  const int half = size_ / 2;  // the kernel doubles it
  setsockopt(channel_, SOL_SOCKET, SO_SNDBUF, &half, sizeof half);
}

}  // namespace wire
