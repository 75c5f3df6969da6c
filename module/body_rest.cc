// SPDX-License-Identifier: Apache-2.0
#include "module/body_rest.h"

#include <algorithm>
#include <cstring>
#include <string>

#include "wire/message.h"

namespace httpd {
namespace {

constexpr std::size_t kBlock = 64u << 10;  // one read
static_assert(wire::kMaxFirstBody <= kBlock, "a block of the body that its file did not take is read into it");

// Behind what was written before. Returns the end.
char* write_header(wire::FrameType type, std::size_t size, std::uint32_t request, char* into) {
  std::string header;
  wire::append_frame_header({type, 0, static_cast<std::uint32_t>(size), request}, &header);
  std::memcpy(into, header.data(), header.size());
  return into + header.size();
}

}  // namespace

BodyRest::Got BodyRest::next(std::string_view* frames) {
  if (buffer_ == nullptr) buffer_ = std::make_unique_for_overwrite<char[]>(kBlock + 2 * wire::kFrameHeaderSize);
  ssize_t size = read(buffer_.get() + wire::kFrameHeaderSize);
  if (size == BodyReader::kNothing) {
    if (deadline_.is_never()) deadline_ = base::Deadline::after(patience_);
    if (!deadline_.passed()) return Got::kNothing;
    body_->give_up();
    size = -1;
  }
  if (size < 0) return Got::kFailed;
  deadline_ = base::Deadline::never();
  *frames = frame(static_cast<std::size_t>(size));
  return Got::kFrames;
}

// As BodyReader::read_now: from what is buffered, then from the client.
ssize_t BodyRest::read(char* into) {
  if (!is_buffered()) return left_ == 0 ? 0 : body_->read_now(into, kBlock);
  const base::Result<Spool::Piece> piece = spool_->take();
  if (!piece) return body_->lose(piece.error());
  std::memcpy(into, piece->data.get(), piece->size);
  return static_cast<ssize_t>(piece->size);
}

// What was read into buffer_; 0: the end.
std::string_view BodyRest::frame(std::size_t size) {
  char* end = buffer_.get();
  if (size > 0) {
    end = write_header(wire::FrameType::kBody, size, request_, end) + size;
    if (left_ > 0) left_ = std::max<std::int64_t>(left_ - static_cast<std::int64_t>(size), 0);
  }
  if (size == 0 || left_ == 0) {
    end = write_header(wire::FrameType::kBodyEnd, 0, request_, end);
    is_wanted_ = is_held_ = false;
  }
  return {buffer_.get(), static_cast<std::size_t>(end - buffer_.get())};
}

}  // namespace httpd
