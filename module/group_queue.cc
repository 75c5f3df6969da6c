// SPDX-License-Identifier: Apache-2.0
#include "module/group_queue.h"

#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>

#include "base/posix.h"
#include "wire/message.h"

namespace httpd {
namespace {

constexpr std::int64_t kMostTickets = 100'000;
constexpr int kUsualCost = 768;

int unread_bytes(int socket) {
  int bytes = 0;
  return ioctl(socket, SIOCOUTQ, &bytes) == 0 ? bytes : 0;
}

// What the kernel counts for one ticket, which is more than its bytes.
int measure_ticket() {
  const auto pair = base::socket_pair(SOCK_SEQPACKET);
  constexpr std::array<std::byte, wire::kTicketSize> bytes{};
  if (!pair || send(pair->first.get(), bytes.data(), bytes.size(), MSG_DONTWAIT) < 0) return kUsualCost;
  const int cost = unread_bytes(pair->first.get());
  return cost > 0 ? cost : kUsualCost;
}

int cost_of_ticket() {
  static const int cost = measure_ticket();
  return cost;
}

}  // namespace

// A socket takes one more as long as less than its buffer is used.
bool limit_queue(int write_end, std::int64_t tickets) {
  const std::int64_t wanted = std::clamp<std::int64_t>(tickets, 1, kMostTickets) * cost_of_ticket();
  const int half = static_cast<int>(wanted / 2);  // the kernel doubles it
  if (setsockopt(write_end, SOL_SOCKET, SO_SNDBUFFORCE, &half, sizeof half) != 0)
    setsockopt(write_end, SOL_SOCKET, SO_SNDBUF, &half, sizeof half);
  int granted = 0;
  socklen_t size = sizeof granted;
  return getsockopt(write_end, SOL_SOCKET, SO_SNDBUF, &granted, &size) != 0 || granted <= wanted;
}

std::size_t tickets_in(int write_end) { return static_cast<std::size_t>(unread_bytes(write_end) / cost_of_ticket()); }

}  // namespace httpd
