// SPDX-License-Identifier: Apache-2.0
#include "daemon/session.h"

#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/log.h"
#include "daemon/function_call.h"
#include "daemon/request_input.h"
#include "daemon/response_output.h"
#include "daemon/session_channel.h"
#include "wire/channel.h"
#include "wire/frame_codec.h"

namespace gatehoused {
namespace {

using base::Message;
using wire::FrameType;

constexpr std::size_t kKeptMemory = 256u << 10;
constexpr std::size_t kKeptPairs = 1000;

std::string_view view(const gatehouse_text& text) { return {text.data, text.size}; }
gatehouse_text text(std::string_view view) { return {view.data(), view.size()}; }

// One request. The host table's functions find it as their context.
class Session {
 public:
  Session(const SessionContext& context, std::uint32_t request, int channel, SessionBuffers* buffers);
  // peeked: bytes of a first part on a kept channel that are in the buffers already, and in the channel; 0: a ticket's.
  Served run(std::size_t peeked);

  gatehouse_io entered();
  RequestInput& input() { return input_; }
  ResponseOutput& output() { return output_; }
  bool client_gone() const { return channel_.client_gone(); }
  FunctionCall& function_call() { return *function_call_; }

 private:
  void decline();
  void handle(gatehouse_outcome* outcome);
  wire::End answers(const gatehouse_outcome& outcome);
  Served end(const gatehouse_outcome& outcome);
  bool keep();
  void note_activity();
  void note_end();

  const SessionContext& context_;
  const wire::GroupSpec& spec_;
  const std::int64_t taken_us_ = base::wall_clock_us();
  const base::Micros taken_ = base::now();
  SessionBuffers& buffers_;
  SessionChannel channel_;
  RequestInput input_;
  ResponseOutput output_;
  wire::RequestHead& head_;
  std::optional<FunctionCall> function_call_;  // when the request is one
  bool entered_ = false;
  const bool is_sample_ = context_.intake != nullptr && context_.intake->lookout().is_sample();
  long switches_ = 0;  // when the application was entered, of a sample
};

Session::Session(const SessionContext& context, std::uint32_t request, int channel, SessionBuffers* buffers)
    : context_(context),
      spec_(context.launch->spec),
      buffers_(*buffers),
      channel_(*context.launch, channel, request, &buffers->outbox()),
      input_(&channel_, &buffers->input(), &buffers->pairs()),
      output_(&channel_),
      head_(input_.head()) {}

gatehouse_io Session::entered() {
  entered_ = true;
  if (is_sample_) switches_ = base::voluntary_switches();
  if (context_.progress != nullptr && !context_.progress->loaded.load(std::memory_order_relaxed))
    context_.progress->loaded.store(true, std::memory_order_relaxed);
  input_.consume_first_part();
  if (channel_.is_gone()) return GATEHOUSE_GONE;
  if (input_.is_withdrawn() || input_.is_without_file()) {
    decline();
    channel_.set_gone();
    return GATEHOUSE_GONE;
  }
  if (!input_.has_more_body() && context_.maps != nullptr) output_.allow_memory(context_.maps);
  if (!input_.has_more_body() || input_.is_on_demand()) return GATEHOUSE_OK;
  // The channel is empty this way but for log lines; if those fill it, read_body sends what is left of it.
  std::string& output = channel_.frames();
  wire::append_frame_header({FrameType::kStarted, 0, 0, channel_.request()}, &output);
  const ssize_t sent = wire::send_now(channel_.fd(), base::as_bytes(output));
  if (sent > 0) output.erase(0, static_cast<std::size_t>(sent));
  return GATEHOUSE_OK;
}

void Session::decline() {
  wire::append_frame_header({FrameType::kDeclined, 0, 0, channel_.request()}, &channel_.frames());
  if (!channel_.is_gone()) channel_.flush();
}

const gatehouse_request_calls kCalls = {
    sizeof(gatehouse_request_calls),
    [](void* request) noexcept { return static_cast<Session*>(request)->entered(); },
    [](void* request, void* into, std::size_t size) noexcept {
      return static_cast<Session*>(request)->input().read_body(into, size);
    },
    [](void* request) noexcept { return static_cast<Session*>(request)->input().read_error(); },
    [](void* request, const gatehouse_response_head* head) noexcept {
      return static_cast<Session*>(request)->output().send_head(*head);
    },
    [](void* request, const gatehouse_text* pieces, std::size_t count, gatehouse_send how) noexcept {
      return static_cast<Session*>(request)->output().send_body(std::span(pieces, count), how);
    },
    [](void* request, int fd, std::int64_t offset, std::int64_t length) noexcept {
      return static_cast<Session*>(request)->output().send_file(fd, offset, length);
    },
    [](void* request, gatehouse_level level, gatehouse_text line, const gatehouse_place* place) noexcept {
      static_cast<Session*>(request)->output().log(level, view(line), place);
    },
    [](void* request, std::uint32_t status, const gatehouse_pair* headers, std::size_t count) noexcept {
      return static_cast<Session*>(request)->output().send_interim(status, std::span(headers, count));
    },
    [](void* request) noexcept { return static_cast<Session*>(request)->client_gone() ? 1 : 0; },
};

constexpr gatehouse_call kCallbacks = {
    sizeof(gatehouse_call),
    0,
    nullptr,
    nullptr,
    0,
    nullptr,
    0,
    [](void* request, gatehouse_text name) noexcept {
      return static_cast<Session*>(request)->function_call().ssl_variable(view(name));
    },
    [](void* request, std::size_t function, gatehouse_answer answer, const gatehouse_text* texts,
       std::size_t count) noexcept {
      static_cast<Session*>(request)->function_call().keep(function, answer, std::span(texts, count));
    },
};

void Session::handle(gatehouse_outcome* outcome) {
  gatehouse_target target{};
  target.size = sizeof target;
  target.flags = head_.target_flags;
  if ((target.flags & GATEHOUSE_RELOAD) != 0) target.flags |= GATEHOUSE_DECLINE_STALE;
  target.script = text(head_.script);
  target.callable = text(head_.callable);
  target.interpreter = text(head_.interpreter);
  target.application_group = text(head_.application_group);
  target.script_mtime_us = head_.script_mtime_us;

  std::vector<gatehouse_pair>& environ = buffers_.environ();
  environ.clear();
  for (const wire::Pair& pair : head_.environ) environ.push_back({text(pair.name), text(pair.value)});

  gatehouse_request request{};
  request.size = sizeof request;
  request.flags = head_.request_flags & (GATEHOUSE_HTTPS | GATEHOUSE_HEAD_REQUEST);
  if (spec_.threads != 1) request.flags |= GATEHOUSE_MULTITHREAD;
  if (spec_.processes_given) request.flags |= GATEHOUSE_MULTIPROCESS;
  if (spec_.threads == 1 && spec_.maximum_requests == 1) request.flags |= GATEHOUSE_RUN_ONCE;
  request.context = this;
  request.calls = &kCalls;
  request.target = &target;
  request.environ = environ.data();
  request.environ_count = environ.size();
  request.content_length = head_.content_length;
  request.request_start_us = head_.request_start_us;
  request.queue_start_us = head_.queue_start_us;
  request.daemon_start_us = taken_us_;
  request.thread_id = context_.thread_id;
  const wire::RequestNotes notes = wire::notes_of(head_.request_flags);
  request.log_level = static_cast<std::int32_t>(notes.log_level);
  request.daemon_connects = static_cast<std::int32_t>(notes.connects);
  request.daemon_restarts = static_cast<std::int32_t>(notes.restarts);
  if (context_.slot != nullptr) {
    const std::int64_t taken_us = context_.slot->taken_us.load(std::memory_order_relaxed);
    request.number = request_number(taken_us, static_cast<std::size_t>(context_.thread_id - 1));
  }
  if (!head_.call) return context_.engine->handle(&request, outcome);
  function_call_.emplace(*head_.call);
  function_call_->run(*context_.engine, request, kCallbacks, outcome);
}

// What the functions gave, which precedes the end.
wire::End Session::answers(const gatehouse_outcome& outcome) {
  if (outcome.result == GATEHOUSE_COMPLETE && function_call_->append_answers(channel_.request(), &channel_.frames()))
    return {GATEHOUSE_COMPLETE, 0};
  if (outcome.result == GATEHOUSE_COMPLETE)
    output_.log(GATEHOUSE_LOG_ERROR,
                base::text_of(base::Error{Message::kAnswersTooLarge, 0,
                                          "script " + std::string(head_.script) + " gave more than " +
                                              std::to_string(wire::kMaxAnswers) + " bytes"}));
  return {GATEHOUSE_FAILED, static_cast<std::uint16_t>(outcome.result == GATEHOUSE_FAILED ? outcome.status : 500)};
}

// The rest of the response and END in one piece. Without END the child sees that the response is cut.
Served Session::end(const gatehouse_outcome& outcome) {
  if (outcome.result == GATEHOUSE_DECLINED) {
    decline();
    return Served::kStale;
  }
  if (channel_.is_gone() || (outcome.result == GATEHOUSE_ABORTED && !output_.is_head_refused())) return Served::kDone;
  input_.consume_first_part();
  wire::End end{static_cast<std::uint8_t>(outcome.result), static_cast<std::uint16_t>(outcome.status)};
  if (output_.is_head_refused()) end = {GATEHOUSE_FAILED, 500};
  if (function_call_) end = answers(outcome);
  const bool is_kept = output_.settle() && keep();
  if (channel_.is_gone()) return Served::kDone;
  if (is_kept) {
    end.worker = context_.worker;
    end.free = static_cast<std::uint16_t>(std::min<std::size_t>(context_.intake->to_spare(), UINT16_MAX));
    end.taken_us = static_cast<std::uint32_t>(std::min<std::int64_t>((base::now() - taken_).count(), UINT32_MAX));
  }
  wire::append_end(end, channel_.request(), is_kept ? wire::kKept : 0, &channel_.frames());
  return channel_.flush() == GATEHOUSE_OK && is_kept ? Served::kKept : Served::kDone;
}

// Only a channel that holds nothing of this request any more.
bool Session::keep() {
  return context_.intake != nullptr && !input_.has_more_body() && !channel_.is_gone() &&
         context_.intake->kept().adopt(channel_.fd());
}

// For inactivity-timeout=, unless WSGIIgnoreActivity is on.
void Session::note_activity() {
  if (spec_.inactivity_timeout <= 0 || context_.progress == nullptr) return;
  if ((head_.request_flags & wire::kIgnoreActivity) != 0) return;
  context_.progress->last_active_us.store(base::now().count(), std::memory_order_relaxed);
}

// For the lookout.
void Session::note_end() {
  if (context_.intake == nullptr) return;
  Lookout& lookout = context_.intake->lookout();
  lookout.note_end();
  if (is_sample_ && entered_) lookout.note_sample(base::voluntary_switches() != switches_);
}

Served Session::run(std::size_t peeked) {
  if (!input_.begin(peeked)) return Served::kDone;
  if (context_.slot != nullptr) describe(*context_.slot, head_.summary);
  gatehouse_outcome outcome{sizeof outcome, GATEHOUSE_FAILED, 500};
  note_activity();
  handle(&outcome);
  if (outcome.result == GATEHOUSE_DECLINED && context_.changed != nullptr && context_.changed->may_serve(head_)) {
    head_.target_flags &= ~std::uint32_t{GATEHOUSE_RELOAD | GATEHOUSE_DECLINE_STALE};
    outcome = {sizeof outcome, GATEHOUSE_FAILED, 500};
    handle(&outcome);
  }
  const Served served = end(outcome);
  note_activity();
  note_end();
  return served;
}

}  // namespace

void SessionBuffers::shrink() {
  input_.shrink(kKeptMemory);
  outbox_.shrink(kKeptMemory);
  if (pairs_.capacity() > kKeptPairs) {
    pairs_ = std::vector<wire::Pair>();
    environ_ = std::vector<gatehouse_pair>();
  }
}

namespace {

// Past its deadline, or its child has hung up, because the client has gone. Only a ticket that has waited is worth the
// system call.
bool is_too_late(const wire::Ticket& ticket, int channel) {
  const std::int64_t now = base::now().count();
  if (ticket.deadline_us != 0 && now >= ticket.deadline_us) return true;
  if (now - ticket.sent_us < wire::kMayBeWithdrawn.count()) return false;
  return (base::wait_for(channel, POLLRDHUP, base::Deadline::at(base::Micros(0))) & (POLLRDHUP | POLLHUP)) != 0;
}

}  // namespace

Served serve_ticket(const SessionContext& context, const wire::Ticket& ticket, int channel, SessionBuffers* buffers) {
  if (is_too_late(ticket, channel)) return Served::kDone;
  const Served served = Session(context, ticket.request, channel, buffers).run(0);
  buffers->shrink();
  return served;
}

Served serve_next(const SessionContext& context, int channel, SessionBuffers* buffers) {
  std::byte* buffer = buffers->input().get(RequestInput::kUsualSize);
  const ssize_t peeked = wire::peek_now(channel, {buffer, buffers->input().capacity()});
  if (peeked < 0 && errno == EAGAIN) return Served::kKept;
  if (peeked <= 0) return Served::kDone;
  // Whoever sent the head says which request it is; from then on all frames must agree.
  wire::FrameHeader header{};
  wire::decode_frame_header({buffer, static_cast<std::size_t>(peeked)}, &header);
  const Served served = Session(context, header.request, channel, buffers).run(static_cast<std::size_t>(peeked));
  buffers->shrink();
  return served;
}

}  // namespace gatehoused
