// SPDX-License-Identifier: Apache-2.0
#include "module/relay.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "wire/channel.h"
#include "wsgi/engine_abi.h"

namespace httpd {
namespace {

using base::Deadline;
using base::Message;
using base::Micros;

constexpr std::size_t kFrames = 32u << 10;      // one read of frames
constexpr std::size_t kBlock = 64u << 10;       // one read of body bytes, either way
constexpr std::size_t kDirectBody = 16u << 10;  // so much of a body frame is read into memory that httpd sends from
constexpr std::size_t kPassOn = 64u << 10;      // appended bytes that are worth a pass through httpd's filters
constexpr Micros kLongestLook = std::chrono::seconds(1);

constexpr int kClientGone = -2;

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
      reader_(plan.request, plan.more_body ? ResponseReader::Body::kFollows : ResponseReader::Body::kInFirstPart,
              plan.head_request),
      client_(r),
      look_(kFirstLook),
      to_send_(plan.first_part.substr(plan.sent)),
      body_left_(plan.body_left),
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
  if (body_due_ && to_send_.empty()) {
    // Reading the client may block for long: what the worker has sent goes on first.
    return receive(Wait::kNo) == Flow::kOver ? Flow::kOver : read_client();
  }
  if (may_wait_in_call()) return receive(Wait::kInCall);
  const auto events = static_cast<short>(to_send_.empty() && !read_signal_ ? POLLIN : POLLIN | POLLOUT);
  const int ready = wait(events);
  if (ready == kClientGone) return on_client_gone();
  if (ready == 0) return on_silence();
  if (ready < 0) return on_close(errno);
  if (read_signal_ && (ready & POLLOUT) != 0) on_read_signal();
  if ((ready & POLLOUT) != 0 && send() == Flow::kOver) return Flow::kOver;
  return (ready & ~POLLOUT) != 0 ? receive(Wait::kNo) : Flow::kContinue;
}

// An answer that comes soon, with nothing to be sent meanwhile, costs one system call: the wait is that of the
// receive itself, up to kFirstLook. Whatever takes longer is waited for by poll, whose deadline is exact.
bool Relay::may_wait_in_call() const {
  if (silent_ || read_signal_ || !to_send_.empty() || plan_.timeout < kFirstLook) return false;
  return plan_.queue_deadline.is_never() || plan_.queue_deadline.when() - base::now() > kFirstLook;
}

// As base::wait_for, or kClientGone: the client is watched along with the channel, at the cost of no system call.
int Relay::wait(short events) {
  const bool watches = may_be_queued() ? client_.descriptor() >= 0 : watches_client();
  if (!watches) return base::wait_for(channel_.get(), events, next_deadline());
  const Deadline deadline = next_deadline();
  pollfd sockets[] = {{channel_.get(), events, 0}, {client_.descriptor(), ClientWatch::kEvents, 0}};
  int ready;
  while ((ready = poll(sockets, 2, deadline.poll_timeout())) < 0 && errno == EINTR) continue;
  if (ready < 0) return -1;
  if (sockets[0].revents != 0) return sockets[0].revents;
  return ready == 0 && !client_.is_gone() ? 0 : kClientGone;
}

// A request that waits is dropped; the worker sees that when it comes to it.
Relay::Flow Relay::on_client_gone() {
  if (may_be_queued() && !is_entered()) return over(Result::kClientGone);
  note_entered();
  if (watches_client()) tell_client_gone();
  return Flow::kContinue;
}

// While the application runs and has all of its input. Before, a shut-down channel would say something else (frame.h).
bool Relay::watches_client() const {
  return !may_be_queued() && !ended_ && !body_due_ && to_send_.empty() && client_.descriptor() >= 0;
}

// gatehouse.client_disconnected() sees it. The response is relayed all the same: who has only shut down the sending
// side gets it, and a write finds out about all others.
void Relay::tell_client_gone() {
  ended_ = true;
  shutdown(channel_.get(), SHUT_WR);
}

Deadline Relay::next_deadline() const {
  if (!may_be_queued()) {
    if (!client_.is_stream() || !watches_client()) return deadline_;
    return Deadline::at(std::min(deadline_.when(), base::now() + kLongestLook));
  }
  const Micros look = std::min(deadline_.when(), base::now() + look_);
  return Deadline::at(std::min(look, plan_.queue_deadline.when()));
}

// Nothing happened up to next_deadline(). A request that waits in the queue, or whose script is being loaded,
// is told from one that runs by the bytes which its worker leaves unread until then.
Relay::Flow Relay::on_silence() {
  if (may_be_queued()) {
    look_ = std::min(2 * look_, kLongestLook);
    if (channel_.was_kept() && withdraw()) return over(Result::kLost);
    if (is_entered()) {
      note_entered();
      return Flow::kContinue;
    }
    if (plan_.queue_deadline.passed()) return over(Result::kQueueTimeout);
    return deadline_.passed() ? over(Result::kNotTaken) : Flow::kContinue;
  }
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

// A worker that has not come to the request on its kept channel leaves it to the others. The order of the two steps
// makes sure that it is not entered as well (frame.h).
bool Relay::withdraw() {
  if (!wire::has_unread(channel_.get())) return false;
  ended_ = true;
  shutdown(channel_.get(), SHUT_WR);
  if (!wire::has_unread(channel_.get())) return false;
  plan_.kept->avoid(channel_);
  return true;
}

// A worker that has gone is found out by receive(), which may still find what it has sent before.
Relay::Flow Relay::send() {
  const ssize_t sent = wire::send_now(channel_.get(), base::as_bytes(to_send_));
  if (sent < 0) {
    to_send_ = {};
    body_due_ = false;
    return Flow::kContinue;
  }
  if (sent > 0) progress();
  to_send_.remove_prefix(static_cast<std::size_t>(sent));
  if (to_send_.empty()) first_part_sent_ = true;
  return Flow::kContinue;
}

Relay::Flow Relay::read_client() {
  if (body_frame_ == nullptr) body_frame_ = std::make_unique_for_overwrite<char[]>(kBlock + 2 * wire::kFrameHeaderSize);
  const ssize_t size = body_->read(body_frame_.get() + wire::kFrameHeaderSize, kBlock);
  if (size < 0) {
    log_request(r_, Message::kRequestBody, "%s", body_->error());
    return answered(abort(body_->status()));
  }
  progress();
  std::string header;
  char* end = body_frame_.get();
  if (size > 0) {
    wire::append_frame_header({wire::FrameType::kBody, 0, static_cast<std::uint32_t>(size), plan_.request}, &header);
    std::memcpy(end, header.data(), header.size());
    end += header.size() + static_cast<std::size_t>(size);
    if (body_left_ > 0) body_left_ = std::max<std::int64_t>(body_left_ - size, 0);
  }
  if (size == 0 || body_left_ == 0) {
    header.clear();
    wire::append_frame_header({wire::FrameType::kBodyEnd, 0, 0, plan_.request}, &header);
    std::memcpy(end, header.data(), header.size());
    end += header.size();
    body_due_ = false;
  }
  to_send_ = {body_frame_.get(), static_cast<std::size_t>(end - body_frame_.get())};
  return send();
}

// Takes what there is. When nothing more is, the client gets what it has not seen: a streamed piece never waits
// for the next one.
Relay::Flow Relay::receive(Wait wait) {
  int flags = wait == Wait::kInCall ? 0 : MSG_DONTWAIT;
  silent_ = true;
  for (bool dry = false; !dry; flags = MSG_DONTWAIT) {
    const bool direct = reader_.body_left() >= kDirectBody;
    if ((direct ? receive_body(flags, &dry) : receive_frames(flags, &dry)) == Flow::kOver) return Flow::kOver;
    if (writer_->buffered() >= kPassOn && passed(writer_->pass()) == Flow::kOver) return Flow::kOver;
  }
  if (silent_ && wait == Wait::kInCall) return on_silence();
  if (!unflushed_) return Flow::kContinue;
  unflushed_ = false;
  return passed(writer_->flush());
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
  const std::size_t room = std::min<std::size_t>(reader_.body_left(), kBlock);
  auto* block = static_cast<char*>(std::malloc(room));
  if (block == nullptr) std::abort();
  const ssize_t size =
      base::receive_with_fd(channel_.get(), {reinterpret_cast<std::byte*>(block), room}, nullptr, flags);
  if (size <= 0) {
    const int error = errno;
    std::free(block);
    errno = error;
    return on_nothing(size, dry);
  }
  silent_ = false;
  *dry = static_cast<std::size_t>(size) < room;
  progress();
  writer_->append_owned(block, static_cast<std::size_t>(size));
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
        body_due_ = true;
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
        writer_->append(reader_.body().data(), reader_.body().size());
        unflushed_ = true;
        break;
      case Event::kFile:
        if (on_file() == Flow::kOver) return Flow::kOver;
        break;
      case Event::kAnswers:
        on_answers();
        break;
      case Event::kLog:
        log_request_line(r_, reader_.log_level(), reader_.log_line());
        break;
      case Event::kEnd:
        return on_end(bytes.empty());
      case Event::kGarbage:
        return garbage(reader_.reason());
    }
  }
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
  if (writer_->append_file(std::move(fd), static_cast<std::int64_t>(range.offset),
                           static_cast<std::int64_t>(range.length)))
    return Flow::kContinue;
  log_request(r_, Message::kOutOfDescriptors, "group '%.*s': the file of the response cannot be sent",
              static_cast<int>(plan_.group.size()), plan_.group.data());
  return cut(HTTP_INTERNAL_SERVER_ERROR);
}

// is_last: nothing follows END in what was received.
Relay::Flow Relay::on_end(bool is_last) {
  const wire::End& end = reader_.end();
  if (is_last && reader_.is_kept() && !ended_ && to_send_.empty() && !plan_.more_body) keep_channel();
  if (end.outcome == GATEHOUSE_COMPLETE) return answered(plan_.answers != nullptr ? OK : writer_->finish());
  if (end.outcome == GATEHOUSE_FAILED) {
    if (end.status == HTTP_SERVICE_UNAVAILABLE) ask_to_retry(r_);
    return answered(abort(end.status));
  }
  return cut(HTTP_INTERNAL_SERVER_ERROR);
}

// Before the client gets its answer, which may take long.
void Relay::keep_channel() {
  interruptible_.reset();
  read_signal_.reset();
  plan_.kept->put(std::move(channel_), reader_.end(), base::now());
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
// looks the same however the frames happened to arrive.
Relay::Flow Relay::cut(int status) {
  if (reader_.has_head() && !writer_->flush()) return answered(OK);
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
