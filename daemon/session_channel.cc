// SPDX-License-Identifier: Apache-2.0
#include "daemon/session_channel.h"

#include <poll.h>

#include "base/log.h"

namespace gatehoused {

using base::Message;

SessionChannel::SessionChannel(const wire::Launch& launch, int fd, std::uint32_t request, Outbox* outbox)
    : spec_(launch.spec),
      fd_(fd),
      request_(request),
      timeout_(spec_.socket_timeout > 0 ? spec_.socket_timeout : launch.default_timeout),
      outbox_(*outbox) {
  outbox_.begin(fd, request);
}

gatehouse_io SessionChannel::sent(wire::Sent outcome) {
  outbox_.clear();
  if (outcome == wire::Sent::kAll) return GATEHOUSE_OK;
  if (outcome == wire::Sent::kTimeout) {
    base::log(Message::kClientTooSlow,
              "group '%s': httpd took nothing of the response for %lld s, request dropped: %.*s", spec_.name.c_str(),
              static_cast<long long>(timeout_.count() / 1'000'000), static_cast<int>(summary_.size()), summary_.data());
  }
  gone_ = true;
  return GATEHOUSE_GONE;
}

bool SessionChannel::client_gone() const {
  pollfd channel = {fd_, POLLRDHUP, 0};
  return gone_ || poll(&channel, 1, 0) > 0;
}

void SessionChannel::garbage(const char* reason) {
  base::log(Message::kChannelGarbage, "group '%s': a channel from httpd is closed: %s%s%.*s", spec_.name.c_str(),
            reason, summary_.empty() ? "" : ": ", static_cast<int>(summary_.size()), summary_.data());
  gone_ = true;
}

}  // namespace gatehoused
