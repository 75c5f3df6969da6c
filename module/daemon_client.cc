// SPDX-License-Identifier: Apache-2.0
#include "module/daemon_client.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string>

#include "base/bytes.h"
#include "module/client_watch.h"
#include "module/relay.h"
#include "module/scoreboard_page.h"
#include "wire/channel.h"
#include "wire/head_size.h"
#include "wsgi/engine_abi.h"

namespace httpd {
namespace {

using base::Deadline;
using base::Message;
using base::Micros;

constexpr int kMaxLost = 3;         // workers that die before they enter the application
constexpr int kMaxDeclined = 1000;  // workers that have stale code; each says so once and then pauses
// What fits into the empty socket of a kept channel without waiting.
constexpr std::size_t kMostOnKept = 96u << 10;
// For a size of 0. Most responses of slow clients stay in memory; those that do not should be no danger to a disk.
constexpr std::int64_t kResponseBuffer = 4 << 20;
constexpr std::int64_t kResponseSpool = 1 << 30;
// So that a large response, or one of many pieces, makes its worker wait less often; the kernel may allow less.
constexpr int kResponseInSocket = 512 << 10;
// The queue's socket says POLLOUT only when three quarters of it are empty; a place may be free before.
constexpr Micros kRetryQueue = std::chrono::milliseconds(20);
// Requests that come all at once are in the queue for a moment although threads are free to take them.
constexpr Micros kRush = std::chrono::milliseconds(50);

Micros socket_timeout(const request_rec* r, const wire::GroupSpec& spec) {
  return Micros(spec.socket_timeout > 0 ? spec.socket_timeout : r->server->timeout);
}

std::int64_t size_or(std::int64_t size, std::int64_t fallback) { return size > 0 ? size : fallback; }

void set_buffer_sizes(const wire::GroupSpec& spec, int socket, int usual_send_size) {
  const int send_size = spec.send_buffer_size > 0 ? static_cast<int>(spec.send_buffer_size) : usual_send_size,
            receive_size = static_cast<int>(spec.receive_buffer_size);
  if (send_size > 0) setsockopt(socket, SOL_SOCKET, SO_SNDBUF, &send_size, sizeof send_size);
  if (receive_size > 0) setsockopt(socket, SOL_SOCKET, SO_RCVBUF, &receive_size, sizeof receive_size);
}

class Forwarding {
 public:
  Forwarding(request_rec* r, const DaemonRequest& request, BodyReader* body, ResponseWriter* writer)
      : r_(r),
        group_(*request.group),
        kept_(request.group->kept),
        spec_(request.group->spec),
        head_(*request.head),
        body_first_(head_.content_length == 0 ? BodyFirst::kNothing : request.body_first),
        body_(body),
        prefetch_(r, group_, head_.content_length, body),
        writer_(writer) {
    plan_.group = spec_.name;
    plan_.request = static_cast<std::uint32_t>(head_.submitted_us);
    plan_.head_request = (head_.request_flags & GATEHOUSE_HEAD_REQUEST) != 0;
    plan_.answers = request.answers;
    plan_.timeout = std::max(socket_timeout(r, spec_), wire::kWithdrawAfter);
    plan_.client_timeout =
        spec_.response_socket_timeout > 0 ? Micros(spec_.response_socket_timeout) : socket_timeout(r, spec_);
    plan_.spool = {static_cast<std::size_t>(size_or(spec_.response_buffer_size, kResponseBuffer)),
                   size_or(spec_.response_spool_size, kResponseSpool), group_.spool_directory};
    plan_.kept = kept_;
    plan_.bodies = group_.bodies;
    is_urgent_ = group_.queue.priority >= 0 && directory_config(r).queue_priority == QueuePriority::kHigh;
  }
  int run();

 private:
  bool make_first_part();
  void append_body_file();
  void tell_attempt(std::uint32_t connects, std::uint32_t restarts);
  ssize_t send_first_part(int channel) const;
  KeptChannels::InUse submit();
  KeptChannels::InUse submit_to_kept();
  bool find_place();
  WaitingCounts::Key key() const;
  bool send_ticket(int worker_end);
  bool is_full(int queue) const;
  Deadline patience(Micros now) const;
  bool wait_for_room(int queue, Deadline deadline);
  bool gone();
  bool fail(int status);
  bool unavailable(Message message, const std::string& what);
  std::string group() const { return "group '" + spec_.name + "': "; }

  request_rec* r_;
  const DaemonGroup& group_;
  KeptChannels* kept_;
  const wire::GroupSpec& spec_;
  wire::RequestHead& head_;
  const BodyFirst body_first_;
  bool is_urgent_ = false;  // WSGIQueuePriority high
  BodyReader* body_;
  BodyPrefetch prefetch_;
  ResponseWriter* writer_;
  RelayPlan plan_{};
  std::string first_part_;
  WaitingCounts::Place place_;  // in the queue, with queue-fairness= only
  bool is_counted_ = false;
  int status_ = OK;  // once something has failed
};

int Forwarding::run() {
  if (!make_first_part()) return status_;
  // Who was refused before a request may be withdrawn could still see it run.
  const Micros patience = std::max(Micros(spec_.queue_timeout), wire::kWithdrawAfter);
  plan_.queue_deadline = spec_.queue_timeout > 0 ? Deadline::after(patience) : Deadline::never();
  bool may_use_kept = true;
  std::uint32_t connects = 0;
  for (int lost = 0, declined = 0; lost < kMaxLost && declined < kMaxDeclined; may_use_kept = false) {
    tell_attempt(++connects, static_cast<std::uint32_t>(declined));
    KeptChannels::InUse channel = may_use_kept ? submit_to_kept() : KeptChannels::InUse();
    if (!channel.valid()) channel = submit();
    if (!channel.valid()) return status_;
    const bool was_kept = channel.was_kept();
    Relay relay(r_, plan_, std::move(channel), body_, writer_);
    switch (relay.run()) {
      case Relay::Result::kAnswered:
        if (relay.has_ended()) prefetch_.give_back();
        return relay.status();
      case Relay::Result::kDeclined:
        ++declined;
        break;
      case Relay::Result::kLost:
        if (!was_kept) ++lost;  // else the worker may only have left
        break;
      case Relay::Result::kClientGone:
        gone();
        return status_;
      case Relay::Result::kQueueTimeout:
        unavailable(Message::kQueueTimeout, "no thread took the request within queue-timeout");
        return status_;
      case Relay::Result::kNotTaken:
        unavailable(Message::kQueueTimeout, "no thread took the request within socket-timeout");
        return status_;
    }
  }
  unavailable(Message::kRequestGivenBack, "every process that took the request ended, or left, before it ran it");
  return status_;
}

// As much of the body as fits goes along, or the file that holds it, so that a request whose body is there costs one
// write and one read.
bool Forwarding::make_first_part() {
  std::string body;
  if (body_first_ != BodyFirst::kNothing) {
    if (!prefetch_.read(body_first_, &body)) {
      log_request(r_, Message::kRequestBody, "%s", body_->error());
      return fail(body_->status());
    }
    head_.queue_start_us = base::wall_clock_us();
    head_.submitted_us = base::now().count();
  }
  plan_.more_body = prefetch_.has_more();
  plan_.body_left = prefetch_.left();
  plan_.body_spool = prefetch_.spool();
  first_part_.reserve(4096 + body.size());
  const int on_demand = body_first_ == BodyFirst::kNothing ? wire::kOnDemand : 0;
  const int flags = (plan_.more_body ? wire::kMoreBody | on_demand : 0) | (prefetch_.has_file() ? wire::kBodyFile : 0);
  wire::append_request_head(head_, plan_.request, static_cast<std::uint8_t>(flags), &first_part_);
  if (first_part_.size() > wire::kMaxRequestHead || head_.environ.size() > wire::kMaxPairs) {
    log_request(r_, Message::kRequestTooLarge, "%sthe request has too many or too large variables: %s", group().c_str(),
                wire::text_of_sizes(head_.environ).c_str());
    return fail(HTTP_REQUEST_HEADER_FIELDS_TOO_LARGE);
  }
  if (!body.empty()) {
    wire::append_frame_header({wire::FrameType::kBody, 0, static_cast<std::uint32_t>(body.size()), plan_.request},
                              &first_part_);
    first_part_.append(body);
  }
  if (prefetch_.has_file()) append_body_file();
  if (!plan_.more_body) wire::append_frame_header({wire::FrameType::kBodyEnd, 0, 0, plan_.request}, &first_part_);
  wire::set_first_part_size(&first_part_, 0, static_cast<std::uint32_t>(first_part_.size()));
  plan_.first_part = first_part_;
  return true;
}

void Forwarding::append_body_file() {
  const Spool::Range& file = prefetch_.file();
  const int flags = prefetch_.is_piped() ? wire::kPiped : 0;
  wire::append_file({static_cast<std::uint64_t>(file.offset), static_cast<std::uint64_t>(file.length)},
                    static_cast<std::uint8_t>(flags), plan_.request, &first_part_);
}

void Forwarding::tell_attempt(std::uint32_t connects, std::uint32_t restarts) {
  wire::RequestNotes notes = wire::notes_of(head_.request_flags);
  notes.connects = connects;
  notes.restarts = restarts;
  wire::set_request_flags(&first_part_, 0, wire::with_notes(head_.request_flags, notes));
}

// A kept channel with the first part in it. Invalid: there is none, or a ticket does better. One that the worker has
// closed costs the send that fails.
KeptChannels::InUse Forwarding::submit_to_kept() {
  if (is_urgent_ || plan_.more_body || first_part_.size() > kMostOnKept) return {};
  for (;;) {
    KeptChannels::InUse channel = kept_->take(Micros(head_.submitted_us));
    if (!channel.valid()) return channel;
    const ssize_t sent = send_first_part(channel.get());
    if (sent < 0) continue;
    plan_.sent = static_cast<std::size_t>(sent);
    return channel;
  }
}

// Without waiting; the descriptor of the body's file with the first byte. As wire::send_now.
ssize_t Forwarding::send_first_part(int channel) const {
  if (!prefetch_.has_file()) return wire::send_now(channel, base::as_bytes(first_part_));
  return base::send_with_fd(channel, base::as_bytes(first_part_), prefetch_.file().fd, MSG_DONTWAIT);
}

// A new channel with the first part in it, and its ticket in the queue. Invalid: status_ says why.
KeptChannels::InUse Forwarding::submit() {
  if (!find_place()) return {};
  base::Result<std::pair<base::UniqueFd, base::UniqueFd>> ends = base::socket_pair(SOCK_STREAM);
  if (!ends) {
    log_request(r_, ends.error());
    ask_to_retry(r_);
    fail(HTTP_SERVICE_UNAVAILABLE);
    return {};
  }
  auto& [ours, theirs] = ends.value();
  set_buffer_sizes(spec_, ours.get(), 0);
  set_buffer_sizes(spec_, theirs.get(), kResponseInSocket);
  const ssize_t sent = send_first_part(ours.get());
  if (sent < 0 && prefetch_.has_file()) {  // as for a ticket
    unavailable(Message::kQueueFull, "too many descriptors are on their way to it");
    return {};
  }
  plan_.sent = static_cast<std::size_t>(std::max<ssize_t>(sent, 0));
  if (!send_ticket(theirs.get())) return {};
  return KeptChannels::InUse(std::move(ours));
}

// queue-fairness=: false when the request's client, or virtual host, has its share of the queue already.
bool Forwarding::find_place() {
  if (group_.waiting == nullptr || is_urgent_ || is_counted_) return true;
  const WaitingCounts::Key whose = key();
  const std::size_t own = group_.waiting->waiting(whose);
  if (!may_wait(own, tickets_in(group_.queue.normal), static_cast<std::size_t>(spec_.queue_size)))
    return unavailable(Message::kQueueShare, "its " + spec_.queue_fairness + " has " + std::to_string(own) +
                                                 " requests waiting already, all that queue-fairness allows now");
  place_ = WaitingCounts::Place(group_.waiting, whose);
  plan_.place = &place_;
  is_counted_ = true;
  return true;
}

// The client is who the application sees: what trusted proxies say counts.
WaitingCounts::Key Forwarding::key() const {
  if (spec_.queue_fairness == "vhost") return group_.waiting->key_of(r_->server);
  const auto address = std::find_if(head_.environ.begin(), head_.environ.end(),
                                    [](const wire::Pair& pair) { return pair.name == "REMOTE_ADDR"; });
  return group_.waiting->key_of_client(address != head_.environ.end() ? address->value : view_of(r_->useragent_ip));
}

bool Forwarding::send_ticket(int worker_end) {
  const int queue = is_urgent_ ? group_.queue.priority : group_.queue.normal;
  const Micros now = base::now();
  wire::Ticket ticket;
  ticket.request = plan_.request;
  ticket.sent_us = now.count();
  ticket.deadline_us = plan_.queue_deadline.is_never() ? 0 : plan_.queue_deadline.when().count();
  std::array<std::byte, wire::kTicketSize> bytes;
  wire::encode(ticket, bytes);
  while (is_full(queue) || base::send_with_fd(queue, bytes, worker_end, MSG_DONTWAIT) < 0) {
    if (errno != EAGAIN && errno != ENOBUFS && errno != ETOOMANYREFS)
      return unavailable(Message::kGroupUnavailable, "it takes no requests");
    if (!wait_for_room(queue, patience(now))) return unavailable(Message::kQueueFull, "its queue is full");
    if (ClientWatch(r_).is_gone()) return gone();
  }
  return true;
}

// Where the kernel would let more in than queue-size= says; as it would say so.
bool Forwarding::is_full(int queue) const {
  if (!group_.queue.is_tiny || queue != group_.queue.normal) return false;
  if (tickets_in(queue) < static_cast<std::size_t>(std::max<std::int64_t>(spec_.queue_size, 1))) return false;
  errno = EAGAIN;
  return true;
}

// Until when a request that came at this time may wait for room. Who gives the queue a size by queue-size= wants no
// more requests to wait than that.
Deadline Forwarding::patience(Micros came) const {
  if (wire::is_given(spec_, "queue-size") && !wire::is_given(spec_, "connect-timeout"))
    return Deadline::at(std::min(came + kRush, plan_.queue_deadline.when()));
  return plan_.queue_deadline.is_never() ? Deadline::at(came + Micros(spec_.connect_timeout)) : plan_.queue_deadline;
}

// False: the deadline has passed.
bool Forwarding::wait_for_room(int queue, Deadline deadline) {
  if (deadline.passed()) return false;
  const bool is_full = errno == EAGAIN;
  // With too many descriptors in flight the socket itself is writable: then only time helps.
  base::wait_for(is_full && !group_.queue.is_tiny ? queue : -1, POLLOUT,
                 Deadline::at(std::min(deadline.when(), base::now() + kRetryQueue)));
  return true;
}

bool Forwarding::gone() {
  log_request(r_, Message::kClientLeftQueue, "%sthe client went away while its request waited; it is not started",
              group().c_str());
  ask_to_retry(r_);  // it may have shut down its sending side only
  return fail(HTTP_SERVICE_UNAVAILABLE);
}

bool Forwarding::fail(int status) {
  status_ = status;
  return false;
}

bool Forwarding::unavailable(Message message, const std::string& what) {
  log_request(r_, base::Error{message, 0, group() + what});
  ask_to_retry(r_);
  return fail(HTTP_SERVICE_UNAVAILABLE);
}

std::string_view summary_of(const request_rec* r) {
  std::string text;
  text.reserve(256);
  text.append(r->method).append(" ").append(r->uri);
  if (r->log_id != nullptr) text.append(" [").append(r->log_id).append("]");
  const std::string line = base::escape_line(text, 256);
  return {pool_copy(r->pool, line), line.size()};
}

std::span<const wire::Pair> wire_pairs(apr_pool_t* pool, std::span<const gatehouse_pair> pairs) {
  auto* const copies = static_cast<wire::Pair*>(apr_palloc(pool, pairs.size() * sizeof(wire::Pair)));
  std::transform(pairs.begin(), pairs.end(), copies, [](const gatehouse_pair& pair) -> wire::Pair {
    return {{pair.name.data, pair.name.size}, {pair.value.data, pair.value.size}};
  });
  return {copies, pairs.size()};
}

}  // namespace

wire::RequestHead head_of(request_rec* r, const Target& target, const wsgi::EnvironList& environ, std::uint32_t flags) {
  wire::RequestHead head;
  head.target_flags = target.flags;
  const int level = ap_get_request_module_loglevel(r, APLOG_MODULE_INDEX);
  head.request_flags = wire::with_notes(flags, {static_cast<std::uint32_t>(level), 0, 0});
  head.script_mtime_us = target.script_mtime_us;
  head.request_start_us = r->request_time;
  head.queue_start_us = base::wall_clock_us();
  head.submitted_us = base::now().count();
  head.script = target.script;
  head.callable = target.callable;
  head.application_group = target.application_group;
  head.interpreter = target.interpreter;
  head.summary = summary_of(r);
  head.environ = wire_pairs(r->pool, environ.pairs());
  return head;
}

int forward_to_daemon(request_rec* r, const DaemonRequest& request, BodyReader* body, ResponseWriter* writer) {
  const wire::GroupSpec& spec = request.group->spec;
  if (spec.is_service()) {
    log_request(r, Message::kServiceAsked, "group '%s' has threads=0: it runs scripts and serves no requests",
                spec.name.c_str());
    return HTTP_INTERNAL_SERVER_ERROR;
  }
  if (spec.server_metrics) configuration()->scoreboard_page->refresh();
  writer->limit_wait(Micros(spec.response_socket_timeout > 0 ? spec.response_socket_timeout : spec.socket_timeout));
  return Forwarding(r, request, body, writer).run();
}

}  // namespace httpd
