// SPDX-License-Identifier: Apache-2.0
#include "module/daemon_client.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>
#include <string>

#include "module/relay.h"
#include "wire/channel.h"
#include "wsgi/engine_abi.h"

namespace httpd {
namespace {

using base::Deadline;
using base::Message;
using base::Micros;

constexpr int kMaxLost = 3;       // workers that die before they enter the application
constexpr int kMaxDeclined = 64;  // workers that have stale code
// The queue's socket says POLLOUT only when three quarters of it are empty; a place may be free before.
constexpr Micros kRetryQueue = std::chrono::milliseconds(20);

Micros socket_timeout(const request_rec* r, const wire::GroupSpec& spec) {
  return Micros(spec.socket_timeout > 0 ? spec.socket_timeout : r->server->timeout);
}

class Forwarding {
 public:
  Forwarding(request_rec* r, const DaemonRequest& request, BodyReader* body, ResponseWriter* writer)
      : r_(r), queue_(request.queue), spec_(*request.spec), head_(*request.head), body_(body), writer_(writer) {
    plan_.group = spec_.name;
    plan_.request = static_cast<std::uint32_t>(base::now().count());
    plan_.more_body = request.expects_continue && head_.content_length != 0;
    plan_.body_left = head_.content_length;
    plan_.head_request = (head_.request_flags & GATEHOUSE_HEAD_REQUEST) != 0;
    plan_.timeout = socket_timeout(r, spec_);
  }
  int run();

 private:
  bool make_first_part();
  bool read_first_body(std::string* into);
  bool open_channel(base::UniqueFd* channel);
  bool send_ticket(int worker_end);
  bool fail(int status) { return status_ = status, false; }
  template <typename... Arguments>
  bool unavailable(Message message, const char* format, Arguments... arguments);

  request_rec* r_;
  int queue_;
  const wire::GroupSpec& spec_;
  const wire::RequestHead& head_;
  BodyReader* body_;
  ResponseWriter* writer_;
  RelayPlan plan_{};
  std::string first_part_;
  int status_ = OK;  // once something has failed
};
}  // namespace
}  // namespace httpd
