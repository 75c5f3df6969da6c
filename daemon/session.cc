// SPDX-License-Identifier: Apache-2.0
#include "daemon/session.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/log.h"
#include "daemon/function_call.h"
#include "wire/channel.h"
#include "wire/frame_codec.h"
#include "wire/head_size.h"

namespace gatehoused {
namespace {

using base::Message;
using base::Micros;
using wire::FrameDecoder;
using wire::FrameType;
using wire::Sent;

constexpr std::size_t kInputSize = 96u << 10;    // a first part that is as large as usual ones get
constexpr std::size_t kOutputLimit = 64u << 10;  // what BUFFER may leave waiting
constexpr std::size_t kKeptMemory = 256u << 10;
constexpr std::size_t kKeptPairs = 1000;
constexpr std::size_t kPiecesPerFrame = 63;
constexpr const char* kBodyTimeout = "nothing of it arrived within socket-timeout";
constexpr const char* kBodyCut = "the client did not send all of it";
constexpr std::size_t kHeadOfPart = wire::kFrameHeaderSize + sizeof(std::uint32_t);

bool has_body_file(std::span<const std::byte> head) {
  wire::FrameHeader header{};
  return head.size() >= wire::kFrameHeaderSize && wire::decode_frame_header(head, &header) &&
         (header.flags & wire::kBodyFile) != 0;
}

std::string_view view(const gatehouse_text& text) { return {text.data, text.size}; }
gatehouse_text text(std::string_view view) { return {view.data(), view.size()}; }

// One request. The host table's functions find it as their context.
class Session {
 public:
  Session(const SessionContext& context, std::uint32_t request, int channel, SessionBuffers* buffers);
  // peeked: bytes of a first part on a kept channel that are in the buffers already, and in the channel; 0: a ticket's.
  Served run(std::size_t peeked);
  ~Session() { outbox_.take_back(); }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  gatehouse_io entered();
  std::int64_t read_body(void* into, std::size_t size);
  const char* read_error() const { return read_error_; }
  gatehouse_io send_head(const gatehouse_response_head& head);
  gatehouse_io send_body(std::span<const gatehouse_text> pieces, gatehouse_send how);
  gatehouse_io send_file(int fd, std::int64_t offset, std::int64_t length);
  void log(gatehouse_level level, std::string_view line, const gatehouse_place* place = nullptr);
  gatehouse_io send_interim(std::uint32_t status, std::span<const gatehouse_pair> headers);
  bool client_gone() const;
  FunctionCall& function_call() { return *function_call_; }

 private:
  bool read_first_part(std::size_t peeked);
  bool decode_head();
  void consume_first_part();
  bool is_withdrawn() const;
  void decline();
  void handle(gatehouse_outcome* outcome);
  wire::End answers(const gatehouse_outcome& outcome);
  Served end(const gatehouse_outcome& outcome);
  bool keep();
  void note_activity();
  void note_end();

  void take_descriptor(std::byte* first);
  bool open_body_file();
  std::int64_t read_body_file(void* into, std::size_t size);
  std::int64_t receive_body(void* into, std::size_t size);
  std::int64_t no_descriptor();
  std::int64_t read_failed(const char* error);
  gatehouse_io refuse_head(std::string_view what);
  bool is_too_long(const gatehouse_pair& header) const;
  gatehouse_io refuse_header(const gatehouse_pair& header);
  gatehouse_io flush() { return sent(wire::send_all(channel_, base::as_bytes(outbox_.frames()), timeout_)); }
  gatehouse_io sent(Sent outcome);
  gatehouse_io buffer(std::span<const gatehouse_text> pieces, std::size_t total);
  bool send_line(gatehouse_level level, std::string_view line, const gatehouse_place* place);
  gatehouse_io send_pieces(std::span<const gatehouse_text> pieces);
  gatehouse_io copy_file(int fd, std::int64_t offset, std::int64_t length);
  void garbage(const char* reason);

  const SessionContext& context_;
  const wire::GroupSpec& spec_;
  const std::uint32_t request_;
  const int channel_;
  const Micros timeout_;
  const std::int64_t taken_us_ = base::wall_clock_us();
  const Micros taken_ = base::now();
  SessionBuffers& buffers_;
  Outbox& outbox_;
  FrameDecoder decoder_;
  std::span<const std::byte> input_;  // received, not decoded yet
  std::span<const std::byte> body_;   // decoded, not read by the application yet
  std::array<std::byte, wire::kFrameHeaderSize> after_body_;
  base::UniqueFd body_file_;     // of FILE
  bool body_file_due_ = false;   // it comes with the first byte of the first part
  bool body_file_lost_ = false;  // there was no descriptor free for it
  wire::FileRange body_range_;   // of it, not read by the application yet
  bool body_is_piped_ = false;   // it is a pipe
  std::byte* unread_ = nullptr;  // peeked bytes of the first part, still in the channel
  std::size_t unread_size_ = 0;
  wire::RequestHead head_;
  std::optional<FunctionCall> function_call_;  // when the request is one
  bool more_body_ = false;
  bool body_on_demand_ = false;  // STARTED waits for the first read
  bool on_kept_channel_ = false;
  bool entered_ = false;
  const bool is_sample_ = context_.intake != nullptr && context_.intake->lookout().is_sample();
  long switches_ = 0;  // when the application was entered, of a sample
  bool gone_ = false;  // nothing can be sent any more
  bool head_refused_ = false;
  const char* read_error_ = "";
};

Session::Session(const SessionContext& context, std::uint32_t request, int channel, SessionBuffers* buffers)
    : context_(context),
      spec_(context.launch->spec),
      request_(request),
      channel_(channel),
      timeout_(spec_.socket_timeout > 0 ? spec_.socket_timeout : context.launch->default_timeout),
      buffers_(*buffers),
      outbox_(buffers->outbox()),
      decoder_(wire::Sender::kChild, request) {
  outbox_.begin(channel, request);
}

// A descriptor comes with the first byte, and is lost when that is read otherwise.
void Session::take_descriptor(std::byte* first) {
  body_file_due_ = false;
  body_file_lost_ = base::receive_with_fd(channel_, {first, 1}, &body_file_, MSG_DONTWAIT) < 0 && errno == EBADMSG;
}

// Peeks, so that all of the first part stays in the channel until the application is entered. Of a part larger
// than what is there, bytes must be taken to make room, but never its last one.
bool Session::read_first_part(std::size_t peeked) {
  std::byte* buffer = buffers_.input(kInputSize);
  std::size_t taken = 0;
  std::size_t part = 0;
  for (;; peeked = 0) {
    if (peeked == 0) {
      const std::size_t room = std::max(part, buffers_.input_capacity()) - taken;
      buffer = buffers_.input(taken + room, taken);
      iovec piece{buffer + taken, room};
      const ssize_t size = wire::receive(channel_, std::span(&piece, 1), MSG_PEEK, timeout_);
      if (size <= 0) return false;
      peeked = static_cast<std::size_t>(size);
    }
    const std::size_t have = taken + peeked;
    if (part == 0 && have >= kHeadOfPart) {
      part = wire::peek_first_part_size({buffer, have});
      if (part == 0) {
        garbage("no request head");
        return false;
      }
    }
    if (part != 0 && have >= part) {
      input_ = {buffer, part};
      unread_ = buffer + taken;
      unread_size_ = part - taken;
      return true;
    }
    if (taken == 0 && has_body_file({buffer, have})) {
      take_descriptor(buffer);
      taken = 1;
      continue;
    }
    iovec piece{buffer + taken, peeked};
    const ssize_t received = wire::receive(channel_, std::span(&piece, 1), 0, timeout_);
    if (received <= 0) return false;
    taken += static_cast<std::size_t>(received);
  }
}

bool Session::decode_head() {
  const FrameDecoder::Step step = decoder_.next(&input_);
  if (step == FrameDecoder::Step::kFrame && wire::decode_request_head(decoder_.payload(), &buffers_.pairs(), &head_)) {
    more_body_ = (decoder_.header().flags & wire::kMoreBody) != 0;
    body_on_demand_ = (decoder_.header().flags & wire::kOnDemand) != 0;
    body_file_due_ = (decoder_.header().flags & wire::kBodyFile) != 0 && !body_file_.valid() && !body_file_lost_;
    return true;
  }
  garbage(step == FrameDecoder::Step::kGarbage ? decoder_.reason() : "a malformed request head");
  return false;
}

// The bytes are received to where they were peeked to: what points there stays as it is.
void Session::consume_first_part() {
  if (body_file_due_) {
    take_descriptor(unread_);
    ++unread_;
    --unread_size_;
  }
  while (unread_size_ > 0) {
    const ssize_t received = recv(channel_, unread_, unread_size_, 0);
    if (received > 0) {
      unread_ += received;
      unread_size_ -= static_cast<std::size_t>(received);
    } else if (received == 0 || errno != EINTR) {
      gone_ = true;
      return;
    }
  }
}

gatehouse_io Session::entered() {
  entered_ = true;
  if (is_sample_) switches_ = base::voluntary_switches();
  if (context_.progress != nullptr && !context_.progress->loaded.load(std::memory_order_relaxed))
    context_.progress->loaded.store(true, std::memory_order_relaxed);
  consume_first_part();
  if (gone_) return GATEHOUSE_GONE;
  // Whoever has a descriptor free takes a ticket.
  if (is_withdrawn() || (body_file_lost_ && on_kept_channel_)) {
    decline();
    gone_ = true;
    return GATEHOUSE_GONE;
  }
  if (!more_body_ || body_on_demand_) return GATEHOUSE_OK;
  // The channel is empty this way but for log lines; if those fill it, read_body sends what is left of it.
  std::string& output = outbox_.frames();
  wire::append_frame_header({FrameType::kStarted, 0, 0, request_}, &output);
  const ssize_t sent = wire::send_now(channel_, base::as_bytes(output));
  if (sent > 0) output.erase(0, static_cast<std::size_t>(sent));
  return GATEHOUSE_OK;
}

// After the first part was consumed, in this order (frame.h).
bool Session::is_withdrawn() const {
  if (!on_kept_channel_ || base::now().count() - head_.submitted_us < wire::kMayBeWithdrawn.count()) return false;
  std::byte byte;
  return wire::peek_now(channel_, {&byte, 1}) == 0;
}

void Session::decline() {
  wire::append_frame_header({FrameType::kDeclined, 0, 0, request_}, &outbox_.frames());
  if (!gone_) flush();
}

std::int64_t Session::read_body(void* into, std::size_t size) {
  for (;;) {
    if (!body_.empty()) {
      const std::size_t copied = std::min(size, body_.size());
      std::memcpy(into, body_.data(), copied);
      body_ = body_.subspan(copied);
      return static_cast<std::int64_t>(copied);
    }
    if (body_range_.length > 0) return read_body_file(into, size);
    if (input_.empty() && !decoder_.is_over()) {
      const std::int64_t received = receive_body(into, size);
      if (received != 0) return received;
    }
    switch (decoder_.next(&input_)) {
      case FrameDecoder::Step::kBody:
        body_ = decoder_.payload();
        break;
      case FrameDecoder::Step::kFrame:
        if (decoder_.header().type != FrameType::kFile || open_body_file()) break;
        if (body_file_lost_) return no_descriptor();
        garbage("a file of the body without its descriptor");
        return read_failed("httpd sent a malformed request body");
      case FrameDecoder::Step::kMore:
        if (decoder_.is_over()) return 0;
        break;
      case FrameDecoder::Step::kGarbage:
        garbage(decoder_.reason());
        return read_failed("httpd sent a malformed request body");
    }
  }
}

bool Session::open_body_file() {
  body_is_piped_ = (decoder_.header().flags & wire::kPiped) != 0;
  return body_file_.valid() && wire::decode_file(decoder_.payload(), &body_range_);
}

std::int64_t Session::read_body_file(void* into, std::size_t size) {
  const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(size, body_range_.length));
  ssize_t count;
  do {
    count = body_is_piped_ ? ::read(body_file_.get(), into, wanted)
                           : pread(body_file_.get(), into, wanted, static_cast<off_t>(body_range_.offset));
  } while (count < 0 && errno == EINTR);
  if (count <= 0) return read_failed("httpd's temporary file cannot be read");
  body_range_.offset += static_cast<std::uint64_t>(count);
  body_range_.length -= static_cast<std::uint64_t>(count);
  if (body_range_.length == 0) body_file_.reset();
  return count;
}

// Body bytes go straight to where they are wanted, and the next frame's header comes along with the last of
// them: one system call a frame. 0: only bytes of a header came.
std::int64_t Session::receive_body(void* into, std::size_t size) {
  std::string& output = outbox_.frames();
  if (std::exchange(body_on_demand_, false)) wire::append_frame_header({FrameType::kStarted, 0, 0, request_}, &output);
  if (!output.empty() && flush() != GATEHOUSE_OK) return read_failed("httpd closed the channel");
  const std::size_t left = std::min<std::size_t>(decoder_.body_left(), size);
  iovec pieces[] = {{into, left}, {after_body_.data(), left == decoder_.body_left() ? wire::kFrameHeaderSize : 0}};
  const ssize_t received = wire::receive(channel_, pieces, 0, timeout_);
  if (received < 0 && errno == ETIMEDOUT) return read_failed(kBodyTimeout);
  if (received <= 0) {
    gone_ = true;
    return read_failed(kBodyCut);
  }
  const std::size_t body = std::min(left, static_cast<std::size_t>(received));
  decoder_.take_body(static_cast<std::uint32_t>(body));
  input_ = std::span(after_body_).first(static_cast<std::size_t>(received) - body);
  return static_cast<std::int64_t>(body);
}

std::int64_t Session::no_descriptor() {
  base::log(Message::kOutOfDescriptors, "worker %d had none for the file that holds the body of a request",
            static_cast<int>(getpid()));
  return read_failed("no descriptor was free for the file that holds it");
}

std::int64_t Session::read_failed(const char* error) {
  read_error_ = error;
  return -1;
}

gatehouse_io Session::sent(Sent outcome) {
  outbox_.clear();
  if (outcome == Sent::kAll) return GATEHOUSE_OK;
  if (outcome == Sent::kTimeout) {
    base::log(Message::kClientTooSlow,
              "group '%s': httpd took nothing of the response for %lld s, request dropped: %.*s", spec_.name.c_str(),
              static_cast<long long>(timeout_.count() / 1'000'000), static_cast<int>(head_.summary.size()),
              head_.summary.data());
  }
  gone_ = true;
  return GATEHOUSE_GONE;
}

gatehouse_io Session::refuse_head(std::string_view what) {
  log(GATEHOUSE_LOG_ERROR, what);
  head_refused_ = true;
  return GATEHOUSE_GONE;
}

// header-buffer-size= counts the line as HTTP/1.1 has it: "name: value".
bool Session::is_too_long(const gatehouse_pair& header) const {
  return spec_.header_buffer_size > 0 &&
         header.name.size + 2 + header.value.size > static_cast<std::size_t>(spec_.header_buffer_size);
}

gatehouse_io Session::refuse_header(const gatehouse_pair& header) {
  const base::Error error{Message::kResponseHeadTooLarge, 0,
                          "the response's header " + std::string(view(header.name)) + " has " +
                              std::to_string(header.name.size + 2 + header.value.size) +
                              " bytes; header-buffer-size allows " + std::to_string(spec_.header_buffer_size)};
  return refuse_head(base::escape_line(base::text_of(error)));
}

gatehouse_io Session::send_head(const gatehouse_response_head& head) {
  if (gone_) return GATEHOUSE_GONE;
  wire::ResponseHead response;
  response.status = static_cast<std::uint16_t>(head.status);
  response.content_length = head.content_length;
  response.reason = view(head.reason);
  response.headers.reserve(head.header_count);
  for (const gatehouse_pair& header : std::span(head.headers, head.header_count)) {
    if (is_too_long(header)) return refuse_header(header);
    response.headers.push_back({view(header.name), view(header.value)});
  }
  std::string& output = outbox_.frames();
  const std::size_t start = output.size();
  wire::append_response_head(response, request_, &output);
  if (output.size() - start - wire::kFrameHeaderSize <= wire::kMaxResponseHead && head.header_count <= wire::kMaxPairs)
    return GATEHOUSE_OK;
  output.resize(start);
  base::Error error{Message::kResponseHeadTooLarge, 0,
                    "the response has too many or too large headers: " + wire::text_of_sizes(response.headers) +
                        "; at most " + std::to_string(wire::kMaxPairs) + " of " +
                        std::to_string(wire::kMaxResponseHead) + " bytes are possible"};
  return refuse_head(base::text_of(error));
}

gatehouse_io Session::send_body(std::span<const gatehouse_text> pieces, gatehouse_send how) {
  if (gone_) return GATEHOUSE_GONE;
  std::size_t total = 0;
  for (const gatehouse_text& piece : pieces) total += piece.size;
  switch (how) {
    case GATEHOUSE_BUFFER:
      return total == 0 ? GATEHOUSE_OK : buffer(pieces, total);
    case GATEHOUSE_SOON:
      return outbox_.hold(pieces, total) ? GATEHOUSE_OK : GATEHOUSE_AGAIN;
    case GATEHOUSE_FLUSH:
      break;
  }
  return total == 0 ? flush() : send_pieces(pieces);
}

// What is held has to go soon, and what is buffered may wait.
gatehouse_io Session::buffer(std::span<const gatehouse_text> pieces, std::size_t total) {
  if (outbox_.take_back()) return GATEHOUSE_AGAIN;
  std::string& output = outbox_.frames();
  if (total > kOutputLimit || output.size() + wire::kFrameHeaderSize + total > kOutputLimit) return GATEHOUSE_AGAIN;
  wire::append_frame_header({FrameType::kBody, 0, static_cast<std::uint32_t>(total), request_}, &output);
  for (const gatehouse_text& piece : pieces) output.append(piece.data, piece.size);
  return GATEHOUSE_OK;
}

// One frame and one system call for as many pieces as fit; what waits goes in front.
gatehouse_io Session::send_pieces(std::span<const gatehouse_text> pieces) {
  std::string& output = outbox_.frames();
  std::size_t offset = 0;  // in the first piece
  while (!pieces.empty()) {
    iovec parts[kPiecesPerFrame + 1];
    std::size_t count = 1;
    std::size_t size = 0;
    while (!pieces.empty() && count < std::size(parts) && size < wire::kMaxBodyFrame) {
      const gatehouse_text& piece = pieces.front();
      const std::size_t taken = std::min(piece.size - offset, wire::kMaxBodyFrame - size);
      parts[count++] = {const_cast<char*>(piece.data) + offset, taken};
      size += taken;
      offset += taken;
      if (offset == piece.size) {
        pieces = pieces.subspan(1);
        offset = 0;
      }
    }
    if (size == 0) continue;
    wire::append_frame_header({FrameType::kBody, 0, static_cast<std::uint32_t>(size), request_}, &output);
    parts[0] = {output.data(), output.size()};
    if (sent(wire::send_all(channel_, std::span(parts, count), timeout_)) != GATEHOUSE_OK) return GATEHOUSE_GONE;
  }
  return GATEHOUSE_OK;
}

gatehouse_io Session::send_file(int fd, std::int64_t offset, std::int64_t length) {
  if (gone_) return GATEHOUSE_GONE;
  if (length <= 0) return GATEHOUSE_OK;
  // The kernel hands the descriptor over with the first buffer of a send, so head and FILE must fit into one.
  std::string& output = outbox_.frames();
  if (output.size() + wire::kFileFrameSize > wire::kOneBuffer && flush() != GATEHOUSE_OK) return GATEHOUSE_GONE;
  const std::size_t before = output.size();
  wire::append_file({static_cast<std::uint64_t>(offset), static_cast<std::uint64_t>(length)}, 0, request_, &output);
  const Sent outcome = wire::send_descriptor(channel_, base::as_bytes(output), fd, timeout_);
  if (outcome != Sent::kGone || errno != ETOOMANYREFS) return sent(outcome);
  output.resize(before);
  return copy_file(fd, offset, length);
}

// For when too many descriptors are in flight.
gatehouse_io Session::copy_file(int fd, std::int64_t offset, std::int64_t length) {
  char buffer[16u << 10];
  while (length > 0) {
    const std::size_t wanted = std::min<std::size_t>(sizeof buffer, static_cast<std::size_t>(length));
    const ssize_t size = pread(fd, buffer, wanted, offset);
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) {
      // The file is shorter than it was: a response that ends without END is seen to be cut.
      gone_ = true;
      return GATEHOUSE_GONE;
    }
    const gatehouse_text piece{buffer, static_cast<std::size_t>(size)};
    if (send_pieces(std::span(&piece, 1)) != GATEHOUSE_OK) return GATEHOUSE_GONE;
    offset += size;
    length -= size;
  }
  return GATEHOUSE_OK;
}

// At once, ahead of a response that waits: the line must not be lost when the process dies. Never waits; what
// the channel does not take goes to the error log from here.
void Session::log(gatehouse_level level, std::string_view line, const gatehouse_place* place) {
  const bool was_held = outbox_.take_back();
  const bool is_taken = !gone_ && !outbox_.is_cut() && send_line(level, line, place);
  if (was_held) outbox_.hold_again();
  if (!is_taken) base::write_to_stderr(nullptr, static_cast<base::Level>(level), line);
}

bool Session::send_line(gatehouse_level level, std::string_view line, const gatehouse_place* place) {
  std::string frame;
  wire::LogLine log = {static_cast<base::Level>(level), line};
  if (place != nullptr) log.file = view(place->file), log.line = place->line;
  wire::append_log(log, request_, &frame);
  const ssize_t size = wire::send_now(channel_, base::as_bytes(frame));
  if (size <= 0) return false;
  outbox_.put_rest(std::string_view(frame).substr(static_cast<std::size_t>(size)));
  return true;
}

gatehouse_io Session::send_interim(std::uint32_t status, std::span<const gatehouse_pair> headers) {
  if (gone_) return GATEHOUSE_GONE;
  wire::InterimHead interim{static_cast<std::uint16_t>(status), {}};
  for (const gatehouse_pair& header : headers) interim.headers.push_back({view(header.name), view(header.value)});
  std::string& output = outbox_.frames();
  const std::size_t start = output.size();
  wire::append_interim(interim, request_, &output);
  if (output.size() - start - wire::kFrameHeaderSize <= wire::kMaxResponseHead && headers.size() <= wire::kMaxPairs)
    return flush();
  output.resize(start);
  log(GATEHOUSE_LOG_ERROR,
      base::text_of({Message::kResponseHeadTooLarge, 0, "early hints are too large; none are sent"}));
  return GATEHOUSE_OK;
}

// httpd's child shuts its side down when the client has gone, and closes it when it has given up.
bool Session::client_gone() const {
  pollfd channel = {channel_, POLLRDHUP, 0};
  return gone_ || poll(&channel, 1, 0) > 0;
}

void Session::garbage(const char* reason) {
  base::log(Message::kChannelGarbage, "group '%s': a channel from httpd is closed: %s%s%.*s", spec_.name.c_str(),
            reason, head_.summary.empty() ? "" : ": ", static_cast<int>(head_.summary.size()), head_.summary.data());
  gone_ = true;
}

const gatehouse_request_calls kCalls = {
    sizeof(gatehouse_request_calls),
    [](void* request) noexcept { return static_cast<Session*>(request)->entered(); },
    [](void* request, void* into, std::size_t size) noexcept {
      return static_cast<Session*>(request)->read_body(into, size);
    },
    [](void* request) noexcept { return static_cast<Session*>(request)->read_error(); },
    [](void* request, const gatehouse_response_head* head) noexcept {
      return static_cast<Session*>(request)->send_head(*head);
    },
    [](void* request, const gatehouse_text* pieces, std::size_t count, gatehouse_send how) noexcept {
      return static_cast<Session*>(request)->send_body(std::span(pieces, count), how);
    },
    [](void* request, int fd, std::int64_t offset, std::int64_t length) noexcept {
      return static_cast<Session*>(request)->send_file(fd, offset, length);
    },
    [](void* request, gatehouse_level level, gatehouse_text line, const gatehouse_place* place) noexcept {
      static_cast<Session*>(request)->log(level, view(line), place);
    },
    [](void* request, std::uint32_t status, const gatehouse_pair* headers, std::size_t count) noexcept {
      return static_cast<Session*>(request)->send_interim(status, std::span(headers, count));
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
  if (outcome.result == GATEHOUSE_COMPLETE && function_call_->append_answers(request_, &outbox_.frames()))
    return {GATEHOUSE_COMPLETE, 0};
  if (outcome.result == GATEHOUSE_COMPLETE)
    log(GATEHOUSE_LOG_ERROR, base::text_of(base::Error{Message::kAnswersTooLarge, 0,
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
  if (gone_ || (outcome.result == GATEHOUSE_ABORTED && !head_refused_)) return Served::kDone;
  consume_first_part();
  wire::End end{static_cast<std::uint8_t>(outcome.result), static_cast<std::uint16_t>(outcome.status)};
  if (head_refused_) end = {GATEHOUSE_FAILED, 500};
  if (function_call_) end = answers(outcome);
  const bool is_kept = keep();
  if (is_kept) {
    end.worker = context_.worker;
    end.free = static_cast<std::uint16_t>(std::min<std::size_t>(context_.intake->waiting() + 1, UINT16_MAX));
    end.taken_us = static_cast<std::uint32_t>(std::min<std::int64_t>((base::now() - taken_).count(), UINT32_MAX));
  }
  wire::append_end(end, request_, is_kept ? wire::kKept : 0, &outbox_.frames());
  return flush() == GATEHOUSE_OK && is_kept ? Served::kKept : Served::kDone;
}

// Only a channel that holds nothing of this request any more.
bool Session::keep() {
  return context_.intake != nullptr && !more_body_ && !gone_ && context_.intake->kept().adopt(channel_);
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
  on_kept_channel_ = peeked > 0;
  if (!read_first_part(peeked) || !decode_head()) return Served::kDone;
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

std::byte* SessionBuffers::input(std::size_t size, std::size_t kept) {
  if (size > capacity_) {
    auto larger = std::make_unique_for_overwrite<std::byte[]>(size);
    if (kept > 0) std::memcpy(larger.get(), input_.get(), kept);
    input_ = std::move(larger);
    capacity_ = size;
  }
  return input_.get();
}

void SessionBuffers::shrink() {
  if (capacity_ > kKeptMemory) {
    input_.reset();
    capacity_ = 0;
  }
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
  std::byte* buffer = buffers->input(kInputSize);
  const ssize_t peeked = wire::peek_now(channel, {buffer, buffers->input_capacity()});
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
