// SPDX-License-Identifier: Apache-2.0
#include "daemon/response_output.h"

#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>

#include "base/bytes.h"
#include "base/log.h"
#include "wire/channel.h"
#include "wire/head_size.h"
#include "wire/message.h"

namespace gatehoused {
namespace {

using base::Message;

constexpr std::size_t kOutputLimit = 64u << 10;  // what BUFFER may leave waiting
constexpr std::size_t kPiecesPerFrame = 63;
// A response of so much, for less of which the memory costs more than it saves; and what is worth a frame of it.
constexpr std::int64_t kWorthMemory = 512 << 10;
constexpr std::size_t kWorthPlacing = 32u << 10;

std::string_view view(const gatehouse_text& text) { return {text.data, text.size}; }

}  // namespace

gatehouse_io ResponseOutput::refuse_head(std::string_view what) {
  log(GATEHOUSE_LOG_ERROR, what);
  head_refused_ = true;
  return GATEHOUSE_GONE;
}

// header-buffer-size= counts the line as HTTP/1.1 has it: "name: value".
bool ResponseOutput::is_too_long(const gatehouse_pair& header) const {
  return channel_.spec().header_buffer_size > 0 &&
         header.name.size + 2 + header.value.size > static_cast<std::size_t>(channel_.spec().header_buffer_size);
}

gatehouse_io ResponseOutput::refuse_header(const gatehouse_pair& header) {
  const base::Error error{Message::kResponseHeadTooLarge, 0,
                          "the response's header " + std::string(view(header.name)) + " has " +
                              std::to_string(header.name.size + 2 + header.value.size) +
                              " bytes; header-buffer-size allows " +
                              std::to_string(channel_.spec().header_buffer_size)};
  return refuse_head(base::escape_line(base::text_of(error)));
}

gatehouse_io ResponseOutput::send_head(const gatehouse_response_head& head) {
  if (channel_.is_gone()) return GATEHOUSE_GONE;
  wire::ResponseHead response;
  response.status = static_cast<std::uint16_t>(head.status);
  response.content_length = body_left_ = head.content_length;
  response.reason = view(head.reason);
  response.headers.reserve(head.header_count);
  for (const gatehouse_pair& header : std::span(head.headers, head.header_count)) {
    if (is_too_long(header)) return refuse_header(header);
    response.headers.push_back({view(header.name), view(header.value)});
  }
  std::string& output = channel_.frames();
  const std::size_t start = output.size();
  wire::append_response_head(response, channel_.request(), &output);
  if (output.size() - start - wire::kFrameHeaderSize <= wire::kMaxResponseHead && head.header_count <= wire::kMaxPairs)
    return GATEHOUSE_OK;
  output.resize(start);
  base::Error error{Message::kResponseHeadTooLarge, 0,
                    "the response has too many or too large headers: " + wire::text_of_sizes(response.headers) +
                        "; at most " + std::to_string(wire::kMaxPairs) + " of " +
                        std::to_string(wire::kMaxResponseHead) + " bytes are possible"};
  return refuse_head(base::text_of(error));
}

gatehouse_io ResponseOutput::send_body(std::span<const gatehouse_text> pieces, gatehouse_send how) {
  if (channel_.is_gone()) return GATEHOUSE_GONE;
  std::size_t total = 0;
  for (const gatehouse_text& piece : pieces) total += piece.size;
  switch (how) {
    case GATEHOUSE_BUFFER:
      if (total > 0 && buffer(pieces, total) != GATEHOUSE_OK) return GATEHOUSE_AGAIN;
      note_sent(total);
      return GATEHOUSE_OK;
    case GATEHOUSE_SOON:
      if (!channel_.outbox().hold(pieces, total)) return GATEHOUSE_AGAIN;
      note_sent(total);
      return GATEHOUSE_OK;
    case GATEHOUSE_FLUSH:
      break;
  }
  return total == 0 ? channel_.flush() : send(Pieces(pieces), total);
}

gatehouse_io ResponseOutput::send(Pieces pieces, std::size_t total) {
  const auto size = static_cast<std::int64_t>(total);
  const bool is_large = body_size_ + std::max(size, body_left_) >= kWorthMemory;
  body_size_ += size;
  if (memory_ && is_large && total >= kWorthPlacing) memory_->send(&pieces, body_left_);
  note_sent(total);
  return channel_.is_gone() ? GATEHOUSE_GONE : send_pieces(pieces);
}

// What is held has to go soon, and what is buffered may wait.
gatehouse_io ResponseOutput::buffer(std::span<const gatehouse_text> pieces, std::size_t total) {
  if (channel_.outbox().take_back()) return GATEHOUSE_AGAIN;
  std::string& output = channel_.frames();
  if (total > kOutputLimit || output.size() + wire::kFrameHeaderSize + total > kOutputLimit) return GATEHOUSE_AGAIN;
  wire::append_frame_header({wire::FrameType::kBody, 0, static_cast<std::uint32_t>(total), channel_.request()},
                            &output);
  for (const gatehouse_text& piece : pieces) output.append(piece.data, piece.size);
  return GATEHOUSE_OK;
}

// One frame and one system call for as many pieces as fit; what waits goes in front.
gatehouse_io ResponseOutput::send_pieces(Pieces pieces) {
  std::string& output = channel_.frames();
  while (!pieces.is_empty()) {
    iovec parts[kPiecesPerFrame + 1];
    std::size_t count = 1;
    std::size_t size = 0;
    while (!pieces.is_empty() && count < std::size(parts) && size < wire::kMaxBodyFrame) {
      const std::string_view part = pieces.take(wire::kMaxBodyFrame - size);
      parts[count++] = {const_cast<char*>(part.data()), part.size()};
      size += part.size();
    }
    wire::append_frame_header({wire::FrameType::kBody, 0, static_cast<std::uint32_t>(size), channel_.request()},
                              &output);
    parts[0] = {output.data(), output.size()};
    if (channel_.sent(wire::send_all(channel_.fd(), std::span(parts, count), channel_.timeout())) != GATEHOUSE_OK)
      return GATEHOUSE_GONE;
  }
  return GATEHOUSE_OK;
}

gatehouse_io ResponseOutput::send_file(int fd, std::int64_t offset, std::int64_t length) {
  if (channel_.is_gone()) return GATEHOUSE_GONE;
  if (length <= 0) return GATEHOUSE_OK;
  note_sent(static_cast<std::size_t>(length));
  // The kernel hands the descriptor over with the first buffer of a send, so head and FILE must fit into one.
  std::string& output = channel_.frames();
  if (output.size() + wire::kFileFrameSize > wire::kOneBuffer && channel_.flush() != GATEHOUSE_OK)
    return GATEHOUSE_GONE;
  const std::size_t before = output.size();
  wire::append_file({static_cast<std::uint64_t>(offset), static_cast<std::uint64_t>(length)}, 0, channel_.request(),
                    &output);
  const wire::Sent outcome = wire::send_descriptor(channel_.fd(), base::as_bytes(output), fd, channel_.timeout());
  if (outcome != wire::Sent::kGone || errno != ETOOMANYREFS) return channel_.sent(outcome);
  output.resize(before);
  return copy_file(fd, offset, length);
}

// For when too many descriptors are in flight.
gatehouse_io ResponseOutput::copy_file(int fd, std::int64_t offset, std::int64_t length) {
  char buffer[16u << 10];
  while (length > 0) {
    const std::size_t wanted = std::min<std::size_t>(sizeof buffer, static_cast<std::size_t>(length));
    const ssize_t size = pread(fd, buffer, wanted, offset);
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) {
      // The file is shorter than it was: a response that ends without END is seen to be cut.
      channel_.set_gone();
      return GATEHOUSE_GONE;
    }
    const gatehouse_text piece{buffer, static_cast<std::size_t>(size)};
    if (send_pieces(Pieces(std::span(&piece, 1))) != GATEHOUSE_OK) return GATEHOUSE_GONE;
    offset += size;
    length -= size;
  }
  return GATEHOUSE_OK;
}

// At once, ahead of a response that waits: the line must not be lost when the process dies. Never waits; what
// the channel does not take goes to the error log from here.
void ResponseOutput::log(gatehouse_level level, std::string_view line, const gatehouse_place* place) {
  const bool was_held = channel_.outbox().take_back();
  const bool is_taken = !channel_.is_gone() && !channel_.outbox().is_cut() && send_line(level, line, place);
  if (was_held) channel_.outbox().hold_again();
  if (!is_taken) base::write_to_stderr(nullptr, static_cast<base::Level>(level), line);
}

bool ResponseOutput::send_line(gatehouse_level level, std::string_view line, const gatehouse_place* place) {
  std::string frame;
  wire::LogLine log = {static_cast<base::Level>(level), line};
  if (place != nullptr) log.file = view(place->file), log.line = place->line;
  wire::append_log(log, channel_.request(), &frame);
  const ssize_t size = wire::send_now(channel_.fd(), base::as_bytes(frame));
  if (size <= 0) return false;
  channel_.outbox().put_rest(std::string_view(frame).substr(static_cast<std::size_t>(size)));
  return true;
}

gatehouse_io ResponseOutput::send_interim(std::uint32_t status, std::span<const gatehouse_pair> headers) {
  if (channel_.is_gone()) return GATEHOUSE_GONE;
  wire::InterimHead interim{static_cast<std::uint16_t>(status), {}};
  for (const gatehouse_pair& header : headers) interim.headers.push_back({view(header.name), view(header.value)});
  std::string& output = channel_.frames();
  const std::size_t start = output.size();
  wire::append_interim(interim, channel_.request(), &output);
  if (output.size() - start - wire::kFrameHeaderSize <= wire::kMaxResponseHead && headers.size() <= wire::kMaxPairs)
    return channel_.flush();
  output.resize(start);
  log(GATEHOUSE_LOG_ERROR,
      base::text_of({Message::kResponseHeadTooLarge, 0, "early hints are too large; none are sent"}));
  return GATEHOUSE_OK;
}

}  // namespace gatehoused
