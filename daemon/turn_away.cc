// SPDX-License-Identifier: Apache-2.0
#include "daemon/turn_away.h"

#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <string>

#include "base/posix.h"
#include "wire/message.h"
#include "wsgi/engine_abi.h"

namespace gatehoused {
namespace {

constexpr std::uint16_t kServiceUnavailable = 503;

// Unread input would make the close look like a broken connection (ECONNRESET). A socket holds a few hundred
// kilobytes; who sends more than this may be told so.
void discard_input(int channel) {
  std::array<char, 32u << 10> piece;
  for (int i = 0; i < 64; ++i) {
    if (recv(channel, piece.data(), piece.size(), MSG_DONTWAIT) <= 0) return;
  }
}

// An empty message reads like end-of-file.
bool has_ended(int queue) { return (base::wait_for(queue, 0, base::Deadline::at(base::now())) & POLLHUP) != 0; }

}  // namespace

TurnedAway turn_away_one(int queue, std::string_view reason) {
  std::array<std::byte, wire::kTicketSize> bytes;
  base::UniqueFd channel;
  const ssize_t got = base::receive_with_fd(queue, bytes, &channel, MSG_DONTWAIT);
  if (got == 0) return has_ended(queue) ? TurnedAway::kEnd : TurnedAway::kOne;
  if (got < 0) return errno == EBADMSG ? TurnedAway::kOne : TurnedAway::kNone;

  wire::Ticket ticket;
  if (!channel.valid() || !wire::decode({bytes.data(), static_cast<std::size_t>(got)}, &ticket))
    return TurnedAway::kOne;
  std::string answer;
  wire::append_log({base::Level::kError, reason}, ticket.request, &answer);
  wire::append_end({GATEHOUSE_FAILED, kServiceUnavailable}, ticket.request, 0, &answer);
  discard_input(channel.get());
  // Fits into the empty buffer of a fresh socket. A child that has given up is not our concern.
  [[maybe_unused]] const ssize_t sent = send(channel.get(), answer.data(), answer.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  return TurnedAway::kOne;
}

}  // namespace gatehoused
