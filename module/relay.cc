// SPDX-License-Identifier: Apache-2.0
#include "module/relay.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "module/rest_watch.h"
#include "wire/channel.h"
#include "wsgi/engine_abi.h"

namespace httpd {
namespace {

using base::Deadline;
using base::Message;
using base::Micros;

constexpr std::size_t kFrames = 32u << 10;      // one read of frames
constexpr std::size_t kDirectBody = 16u << 10;  // so much of a body frame is read into memory that httpd sends from
// A request that has shown no sign of life is looked at after so long, then after twice that, and so on.
constexpr Micros kFirstLook = std::chrono::milliseconds(250);
constexpr Micros kLongestLook = std::chrono::seconds(1);
// A stream of HTTP/2 has no socket that could be waited for along with the channel: it is asked this often, for its
// input and for room.
constexpr Micros kStreamLook = std::chrono::milliseconds(10);
constexpr Micros kFirstStreamLook = std::chrono::milliseconds(1);
constexpr Micros kLongestStreamLook = std::chrono::milliseconds(50);

long long seconds(Micros duration) { return static_cast<long long>(duration.count() / 1'000'000); }

}  // namespace

void ask_to_retry(request_rec* r) { apr_table_setn(r->err_headers_out, "Retry-After", "1"); }

Relay::Relay(request_rec* r, const RelayPlan& plan, KeptChannels::InUse channel, BodyReader* body,
             ResponseWriter* writer)
    : r_(r),
      plan_(plan),
      channel_(std::move(channel)),
      interruptible_(channel_.get()),
      body_(body),
      writer_(writer),
      delivery_(r, writer, plan.spool),
      reader_(plan.request, plan.more_body ? ResponseReader::Body::kFollows : ResponseReader::Body::kInFirstPart,
              plan.head_request),
      client_(r),
      look_(channel_.was_kept() ? wire::kWithdrawAfter : kFirstLook),
      to_send_(plan.first_part.substr(plan.sent)),
      rest_(body, plan.body_spool, plan.body_left, plan.more_body, plan.request, Micros(r->server->timeout)),
      first_part_sent_(to_send_.empty()) {
  if (plan_.answers != nullptr) reader_.expect_answers(plan_.answers->size());
  if (plan_.place != nullptr && first_part_sent_) read_signal_.emplace(channel_.get());
}

Relay::Result Relay::run() {
  progress();
  while (step() == Flow::kContinue) continue;
  return result_;
}

Relay::Flow Relay::step() {
  if (is_to_ask_stream() && ask_stream_.passed() && offer() == Flow::kOver) return Flow::kOver;
  if (wants_body() && read_client() == Flow::kOver) return Flow::kOver;
  if (wants_body() && rest_.is_buffered()) return Flow::kContinue;
  if (has_received() && delivery_.has_room()) return receive(Wait::kNo);
  if (may_wait_in_call()) return receive(Wait::kInCall);
  const Ready ready = wait();
  if (ready.count < 0) return on_close(errno);
  if (ready.client != 0 && on_client(ready.client) == Flow::kOver) return Flow::kOver;
  if (read_signal_ && (ready.channel & POLLOUT) != 0) on_read_signal();
  if ((ready.channel & POLLOUT) != 0 && send() == Flow::kOver) return Flow::kOver;
  if ((ready.channel & ~POLLOUT) != 0) return receive(Wait::kNo);
  return ready.count == 0 ? on_silence() : Flow::kContinue;
}

// An answer that comes soon, with nothing to be sent meanwhile, costs one system call: the wait is that of the
// receive itself, up to wire::kWithdrawAfter. Whatever takes longer is waited for by poll, whose deadline is exact. So
// is the answer to a ticket: that is for slow requests, and a wait in the receive is woken when the worker takes the
// request from the channel, too (unix_write_space).
bool Relay::may_wait_in_call() const {
  if (!channel_.was_kept() || silent_ || read_signal_ || rest_.is_wanted() || delivery_.is_behind() ||
      !to_send_.empty())
    return false;
  return plan_.queue_deadline.is_never() || plan_.queue_deadline.when() - base::now() > wire::kWithdrawAfter;
}

// Up to next_deadline(). The client is waited for along with the channel, at the cost of no system call.
Relay::Ready Relay::wait() const {
  const short channel = channel_events();
  const short client = client_events();
  const Deadline deadline = next_deadline();
  // What is not wanted must not be looked at: the end of a socket cannot be masked out.
  pollfd sockets[] = {{channel != 0 ? channel_.get() : -1, channel, 0},
                      {client != 0 ? client_.descriptor() : -1, client, 0}};
  int count;
  while ((count = poll(sockets, 2, deadline.poll_timeout())) < 0 && errno == EINTR) continue;
  return {count, sockets[0].revents, sockets[1].revents};
}

short Relay::channel_events() const {
  const int sending = to_send_.empty() && !read_signal_ ? 0 : POLLOUT;
  return static_cast<short>(delivery_.has_room() ? sending | POLLIN : sending);
}

short Relay::client_events() const {
  int events = watches_client() || (may_be_queued() && client_.descriptor() >= 0) ? ClientWatch::kEvents : 0;
  if (!client_.is_stream() && wants_body()) events |= POLLIN;
  if (!client_.is_stream() && delivery_.is_behind()) events |= POLLOUT;
  return static_cast<short>(events);
}

// Its socket is writable, readable, or closed from its side.
Relay::Flow Relay::on_client(short events) {
  if (!client_.is_stream() && delivery_.is_behind() && (events & ~(POLLIN | ClientWatch::kEvents)) != 0 &&
      offer() == Flow::kOver)
    return Flow::kOver;
  return (events & ~(POLLIN | POLLOUT)) != 0 ? on_client_gone() : Flow::kContinue;
}

// A request that waits is dropped.
Relay::Flow Relay::on_client_gone() {
  if (may_be_queued()) {
    // Whatever the worker says meanwhile comes first.
    if (base::wait_for(channel_.get(), POLLIN, may_withdraw_) != 0) return Flow::kContinue;
    if (withdraw()) return over(Result::kClientGone);
    note_entered();
  }
  if (watches_client()) tell_client_gone();
  return Flow::kContinue;
}

// As much as the client takes now; the rest when its socket is writable.
Relay::Flow Relay::offer() { return note_offered(delivery_.offer()); }

Relay::Flow Relay::note_offered(bool is_there) {
  unflushed_ = false;
  const bool has_moved = delivery_.has_moved();
  if (!delivery_.is_behind()) {
    client_deadline_ = Deadline::never();
  } else if (has_moved || client_deadline_.is_never()) {
    client_deadline_ = Deadline::after(plan_.client_timeout);
  }
  if (is_to_ask_stream()) {
    stream_look_ = has_moved ? kFirstStreamLook : std::min(2 * stream_look_, kLongestStreamLook);
    ask_stream_ = Deadline::after(stream_look_);
  }
  return passed(is_there);
}

// While the application runs and has all of its input. Before, a shut-down channel would say something else (frame.h).
bool Relay::watches_client() const {
  return !may_be_queued() && !ended_ && !rest_.is_held() && to_send_.empty() && client_.descriptor() >= 0;
}

// gatehouse.client_disconnected() sees it. The response is relayed all the same: who has only shut down the sending
// side gets it, and a write finds out about all others.
void Relay::tell_client_gone() {
  ended_ = true;
  shutdown(channel_.get(), SHUT_WR);
}

Deadline Relay::next_deadline() const {
  if (may_be_queued()) {
    const Micros look = std::min(deadline_.when(), base::now() + look_);
    return Deadline::at(std::min(look, plan_.queue_deadline.when()));
  }
  Micros when = std::min({deadline_.when(), client_deadline_.when(), rest_.deadline().when()});
  // httpd's filters may have a limit of their own (RequestReadTimeout), and a stream is to be asked.
  if (wants_body()) when = std::min(when, base::now() + (client_.is_stream() ? kStreamLook : kLongestLook));
  if (is_to_ask_stream()) when = std::min(when, ask_stream_.when());
  // The channel is not looked at, so it cannot tell that httpd's child must end.
  if (!delivery_.has_room()) when = std::min({when, delivery_.slow_at().when(), base::now() + kLongestLook});
  if (client_.is_stream() && watches_client()) when = std::min(when, base::now() + kLongestLook);
  return Deadline::at(when);
}

// Nothing happened up to next_deadline(). A request that waits in the queue, or whose script is being loaded,
// is told from one that runs by the bytes which its worker leaves unread until then.
Relay::Flow Relay::on_silence() {
  if (client_.is_stream() && (may_be_queued() || watches_client()) && client_.is_gone()) return on_client_gone();
  if (may_be_queued()) {
    look_ = std::min(2 * look_, kLongestLook);
    const bool is_late = plan_.queue_deadline.passed();
    if ((channel_.was_kept() || is_late || deadline_.passed()) && withdraw())
      return over(channel_.was_kept() ? Result::kLost : is_late ? Result::kQueueTimeout : Result::kNotTaken);
    if (is_entered()) note_entered();
    return Flow::kContinue;
  }
  if (is_interrupted()) return cut(HTTP_SERVICE_UNAVAILABLE);
  if (client_deadline_.passed()) {
    writer_->give_client_up();
    return passed(false);
  }
  // The worker may be waiting for the client's bytes, or for the client to take some.
  if (wants_body() || !delivery_.has_room()) progress();
  if (!deadline_.passed()) return Flow::kContinue;
  log_request(r_, Message::kResponseTimeout, "group '%.*s': the application sent nothing for %lld s",
              static_cast<int>(plan_.group.size()), plan_.group.data(), seconds(plan_.timeout));
  return cut(HTTP_GATEWAY_TIME_OUT);
}

void Relay::note_entered() {
  if (!entered_) progress();
  entered_ = true;
  read_signal_.reset();
  if (plan_.place != nullptr) plan_.place->leave();
}

// Bytes that are too few to be signalled may be left: then the looks of on_silence() find out.
void Relay::on_read_signal() {
  read_signal_.reset();
  if (is_entered()) note_entered();
}

// A request that was not entered until now never will be: the order of the two steps makes sure of that (frame.h). A
// worker that does not come to one on its kept channel gets no others.
bool Relay::withdraw() {
  if (is_entered()) return false;
  ended_ = true;
  shutdown(channel_.get(), SHUT_WR);
  if (is_entered()) return false;
  if (channel_.was_kept()) plan_.kept->avoid(channel_);
  return true;
}

// A worker that has gone is found out by receive(), which may still find what it has sent before.
Relay::Flow Relay::send() {
  const ssize_t sent = wire::send_now(channel_.get(), base::as_bytes(to_send_));
  if (sent < 0) {
    to_send_ = {};
    rest_.drop();
    return Flow::kContinue;
  }
  if (sent > 0) progress();
  to_send_.remove_prefix(static_cast<std::size_t>(sent));
  if (to_send_.empty()) first_part_sent_ = true;
  return Flow::kContinue;
}

// What the client has sent meanwhile. What the worker has sent goes on first.
Relay::Flow Relay::read_client() {
  if (delivery_.has_room() && receive(Wait::kNo) == Flow::kOver) return Flow::kOver;
  std::string_view frames;
  switch (rest_.next(&frames)) {
    case BodyRest::Got::kNothing:
      return Flow::kContinue;
    case BodyRest::Got::kFailed:
      log_request(r_, Message::kRequestBody, "%s", body_->error());
      return answered(abort(body_->status()));
    case BodyRest::Got::kFrames:
      break;
  }
  progress();
  to_send_ = frames;
  return send();
}

// Takes what there is. When nothing more is, the client gets what it has not seen: a streamed piece never waits
// for the next one. Of a response that the client is slow to take, one read at a time.
Relay::Flow Relay::receive(Wait wait) {
  int flags = wait == Wait::kInCall ? 0 : MSG_DONTWAIT;
  silent_ = true;
  for (bool dry = false; !dry || has_received(); flags = MSG_DONTWAIT) {
    if (receive_next(flags, &dry) == Flow::kOver) return Flow::kOver;
    if (delivery_.is_worth_a_pass() && offer() == Flow::kOver) return Flow::kOver;
    if (delivery_.is_behind()) return Flow::kContinue;
  }
  if (silent_ && wait == Wait::kInCall) return on_silence();
  return unflushed_ ? offer() : Flow::kContinue;
}

// What comes next of the response, wherever it is.
Relay::Flow Relay::receive_next(int flags, bool* dry) {
  if (!placed_.empty()) return pass_placed();
  if (!after_placed_.empty()) {
    const std::string frames = std::exchange(after_placed_, {});
    return on_bytes(base::as_bytes(frames));
  }
  return reader_.body_left() >= kDirectBody ? receive_body(flags, dry) : receive_frames(flags, dry);
}

Relay::Flow Relay::receive_frames(int flags, bool* dry) {
  std::byte buffer[kFrames];
  base::UniqueFd file;
  const ssize_t size = base::receive_with_fd(channel_.get(), buffer, &file, flags);
  if (size <= 0) return on_nothing(size, dry);
  silent_ = false;
  // The kernel ends a read where a descriptor came, so more may be there.
  *dry = static_cast<std::size_t>(size) < sizeof buffer && !file.valid();
  progress();
  if (file.valid()) reader_.add_descriptor(std::move(file));
  return on_bytes(std::span(buffer).first(static_cast<std::size_t>(size)));
}

Relay::Flow Relay::receive_body(int flags, bool* dry) {
  const std::size_t room = std::min<std::size_t>(reader_.body_left(), Delivery::kBlock);
  Block block = new_block(room);
  const ssize_t size =
      base::receive_with_fd(channel_.get(), {reinterpret_cast<std::byte*>(block.get()), room}, nullptr, flags);
  if (size <= 0) return on_nothing(size, dry);
  silent_ = false;
  *dry = static_cast<std::size_t>(size) < room;
  progress();
  delivery_.add_block(std::move(block), static_cast<std::size_t>(size));
  unflushed_ = true;
  return reader_.take_body(static_cast<std::uint32_t>(size)) ? Flow::kContinue : garbage(reader_.reason());
}

// A read that brought nothing.
Relay::Flow Relay::on_nothing(ssize_t size, bool* dry) {
  if (size == 0) return on_close(0);
  if (errno == EBADMSG) return garbage("descriptors that no frame announces");
  if (errno != EAGAIN) return on_close(errno);
  *dry = true;
  return Flow::kContinue;
}

Relay::Flow Relay::on_bytes(std::span<const std::byte> bytes) {
  using Event = ResponseReader::Event;
  for (;;) {
    switch (reader_.next(&bytes)) {
      case Event::kMore:
        return Flow::kContinue;
      case Event::kStarted:
        note_entered();
        rest_.ask();
        break;
      case Event::kDeclined:
        return over(Result::kDeclined);
      case Event::kInterim:
        if (on_interim() == Flow::kOver) return Flow::kOver;
        break;
      case Event::kHead:
        on_head();
        break;
      case Event::kBody:
        delivery_.add(reader_.body());
        unflushed_ = true;
        break;
      case Event::kFile:
        if (on_file() == Flow::kOver) return Flow::kOver;
        break;
      case Event::kMemory:
        lend_memory();
        break;
      case Event::kPlaced:
        is_to_tell_ = reader_.is_to_tell();
        placed_ = std::string_view(memory_.data() + reader_.place().offset, reader_.place().length);
        after_placed_.assign(reinterpret_cast<const char*>(bytes.data()), bytes.size());
        return Flow::kContinue;
      case Event::kAnswers:
        on_answers();
        break;
      case Event::kLog:
        on_log();
        break;
      case Event::kEnd:
        return on_end(bytes.empty());
      case Event::kGarbage:
        return garbage(reader_.reason());
    }
  }
}

void Relay::on_log() {
  const wire::LogLine& log = reader_.log();
  const gatehouse_place place = {{log.file.data(), log.file.size()}, log.line};
  log_request_line(r_, log.level, log.text, log.file.empty() ? nullptr : &place);
}

Relay::Flow Relay::on_interim() {
  std::vector<gatehouse_pair> headers;
  for (const wire::Pair& header : reader_.interim().headers)
    headers.push_back({{header.name.data(), header.name.size()}, {header.value.data(), header.value.size()}});
  return passed(writer_->send_interim(reader_.interim().status, headers));
}

void Relay::on_head() {
  const wire::ResponseHead& head = reader_.head();
  writer_->set_status(head.status, head.reason);
  for (const wire::Pair& header : head.headers) writer_->add_header(header.name, header.value);
  if (head.content_length >= 0) writer_->set_content_length(head.content_length);
  unflushed_ = true;
}

void Relay::on_answers() {
  for (std::size_t i = 0; i < plan_.answers->size(); ++i) {
    const wire::Answer& answer = reader_.answers()[i];
    (*plan_.answers)[i] = {static_cast<gatehouse_answer>(answer.kind), {answer.texts.begin(), answer.texts.end()}};
  }
}

// Whoever runs in the worker chose the file: one that could block a read, or end early, is refused.
Relay::Flow Relay::on_file() {
  base::UniqueFd fd = reader_.take_file();
  const wire::FileRange range = reader_.file();
  struct stat facts {};
  if (fstat(fd.get(), &facts) != 0 || !S_ISREG(facts.st_mode)) return garbage("a descriptor of no regular file");
  if (static_cast<std::uint64_t>(facts.st_size) < range.offset + range.length)
    return garbage("a file that is too short");
  unflushed_ = true;
  if (delivery_.add_file(std::move(fd), static_cast<std::int64_t>(range.offset),
                         static_cast<std::int64_t>(range.length)))
    return Flow::kContinue;
  log_request(r_, Message::kOutOfDescriptors, "group '%.*s': the file of the response cannot be sent",
              static_cast<int>(plan_.group.size()), plan_.group.data());
  return cut(HTTP_INTERNAL_SERVER_ERROR);
}

// By way of memory, a large body is copied once less than by the channel. For a stream of HTTP/2 it would have to be
// copied all the same.
void Relay::lend_memory() {
  if (ended_) return;  // the worker sees that nothing can come
  if (!client_.is_stream()) memory_ = plan_.bodies->take();
  const std::uint32_t size = client_.is_stream() || !memory_.open_memory() ? 0 : BodyBuffers::kSize;
  if (size > 0 && send_size(wire::FrameType::kMemory, size, memory_.memory())) return reader_.lend(size);
  send_size(wire::FrameType::kMemory, 0);
}

// A worker that has gone is found out by receive().
bool Relay::send_size(wire::FrameType type, std::uint32_t size, int fd) const {
  std::string frame;
  wire::append_size(type, size, plan_.request, &frame);
  return base::send_with_fd(channel_.get(), base::as_bytes(frame), fd, MSG_DONTWAIT) > 0;
}

// Some of it. The worker is told when it may use the memory again.
Relay::Flow Relay::pass_placed() {
  // While the client takes it, none of it has to be copied.
  const std::string_view part = delivery_.is_behind() ? placed_.substr(0, Delivery::kBlock) : placed_;
  silent_ = false;
  progress();
  if (delivery_.is_behind()) {
    delivery_.add(part);
  } else if (note_offered(delivery_.pass(part)) == Flow::kOver) {
    return Flow::kOver;
  }
  placed_.remove_prefix(part.size());
  if (placed_.empty() && is_to_tell_ && !ended_) send_size(wire::FrameType::kTaken, reader_.place().length);
  return Flow::kContinue;
}

// is_last: nothing follows END in what was received.
Relay::Flow Relay::on_end(bool is_last) {
  const wire::End& end = reader_.end();
  has_ended_ = true;
  if (memory_.is_open() && plan_.bodies->put(std::move(memory_), base::now())) watch_rest(plan_.bodies);
  if (is_last && reader_.is_kept() && !ended_ && to_send_.empty() && !plan_.more_body) keep_channel();
  if (end.outcome == GATEHOUSE_COMPLETE) {
    if (plan_.answers != nullptr) return answered(OK);
    let_client_send();
    return answered(delivery_.finish());
  }
  if (end.outcome == GATEHOUSE_FAILED) {
    if (end.status == HTTP_SERVICE_UNAVAILABLE) ask_to_retry(r_);
    return answered(abort(end.status));
  }
  return cut(HTTP_INTERNAL_SERVER_ERROR);
}

// A client may read nothing before it has sent all of its body, which nobody wants any more.
void Relay::let_client_send() {
  char unwanted[16u << 10];
  if (client_.is_stream()) return;  // its windows are its own
  while (plan_.more_body && !body_->is_over() && delivery_.is_behind() && !client_deadline_.passed()) {
    if (body_->read_now(unwanted, sizeof unwanted) != BodyReader::kNothing) continue;
    pollfd socket = {client_.descriptor(), POLLIN | POLLOUT, 0};
    if (poll(&socket, 1, client_deadline_.poll_timeout()) < 0 && errno != EINTR) return;
    if ((socket.revents & ~POLLIN) != 0 && offer() == Flow::kOver) return;
  }
}

// Before the client gets its answer, which may take long.
void Relay::keep_channel() {
  interruptible_.reset();
  read_signal_.reset();
  if (plan_.kept->put(std::move(channel_), reader_.end(), base::now())) watch_rest(plan_.kept);
}

// End of file (error 0) or an error instead of END. A reset says that the worker left bytes of the first part
// unread, so the application was not entered (frame.h).
Relay::Flow Relay::on_close(int error) {
  if (is_interrupted()) return cut(HTTP_SERVICE_UNAVAILABLE);
  if (!reader_.is_started() && (error == ECONNRESET || !first_part_sent_)) return over(Result::kLost);
  log_request(r_, Message::kWorkerLost, "group '%.*s': the process ended while it ran the request%s",
              static_cast<int>(plan_.group.size()), plan_.group.data(),
              reader_.has_head() ? "; its response is cut off" : "");
  return cut(HTTP_BAD_GATEWAY);
}

Relay::Flow Relay::over(Result result) {
  result_ = result;
  return Flow::kOver;
}

Relay::Flow Relay::answered(int status) {
  status_ = status;
  return over(Result::kAnswered);
}

// After the head, the client gets what there is before the connection is aborted, so that the same failure
// looks the same however the frames happened to arrive; but a child that must end does not wait for a slow client.
Relay::Flow Relay::cut(int status) {
  const bool waits_for_client = delivery_.is_behind() && is_interrupted();
  if (reader_.has_head() && !waits_for_client && !delivery_.flush()) return answered(OK);
  return answered(abort(status));
}

// A call has no response: what httpd has prepared of it so far stays.
int Relay::abort(int status) { return plan_.answers != nullptr ? status : writer_->abort(status); }

Relay::Flow Relay::garbage(const char* reason) {
  log_request(r_, Message::kChannelGarbage, "group '%.*s': the response is refused: %s",
              static_cast<int>(plan_.group.size()), plan_.group.data(), reason);
  return cut(HTTP_BAD_GATEWAY);
}

// A slow client is not the worker's silence. One that has gone ends the request: the worker sees the channel close.
Relay::Flow Relay::passed(bool client_is_there) {
  progress();
  return client_is_there ? Flow::kContinue : answered(OK);
}

}  // namespace httpd
