// SPDX-License-Identifier: Apache-2.0
#pragma once

// One request's channel, as what reads the request and what writes its response share it: is httpd still there, and
// which frames wait to be sent. Thread: the request's own.

#include <cstdint>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/posix.h"
#include "daemon/outbox.h"
#include "wire/channel.h"
#include "wire/group_spec.h"
#include "wire/message.h"
#include "wsgi/engine_abi.h"

namespace gatehoused {

class SessionChannel {
 public:
  // fd stays the caller's. launch and outbox must outlive the channel.
  SessionChannel(const wire::Launch& launch, int fd, std::uint32_t request, Outbox* outbox);
  ~SessionChannel() { outbox_.take_back(); }
  SessionChannel(const SessionChannel&) = delete;
  SessionChannel& operator=(const SessionChannel&) = delete;

  int fd() const { return fd_; }
  std::uint32_t request() const { return request_; }
  base::Micros timeout() const { return timeout_; }  // of each wait for httpd
  const wire::GroupSpec& spec() const { return spec_; }
  Outbox& outbox() { return outbox_; }
  // What waits for the next send, to be appended to.
  std::string& frames() { return outbox_.frames(); }
  // What the request is, for log lines; must outlive the channel.
  void describe(std::string_view summary) { summary_ = summary; }

  bool is_gone() const { return gone_; }
  void set_gone() { gone_ = true; }  // nothing can be sent any more
  // httpd's child shuts its side down when the client has gone, and closes it when it has given up.
  bool client_gone() const;

  gatehouse_io flush() { return sent(wire::send_all(fd_, base::as_bytes(frames()), timeout_)); }
  // What has become of the frames that waited. A timeout is logged.
  gatehouse_io sent(wire::Sent outcome);
  // What httpd has sent breaks the protocol: logged, and gone.
  void garbage(const char* reason);

 private:
  const wire::GroupSpec& spec_;
  const int fd_;
  const std::uint32_t request_;
  const base::Micros timeout_;
  Outbox& outbox_;
  std::string_view summary_;
  bool gone_ = false;
};

}  // namespace gatehoused
