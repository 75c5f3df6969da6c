// SPDX-License-Identifier: Apache-2.0
#include "daemon/request_input.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

#include "base/bytes.h"
#include "base/log.h"
#include "wire/channel.h"

namespace gatehoused {
namespace {

using base::Message;

constexpr const char* kBodyTimeout = "nothing of it arrived within socket-timeout";
constexpr const char* kBodyCut = "the client did not send all of it";
constexpr std::size_t kHeadOfPart = wire::kFrameHeaderSize + sizeof(std::uint32_t);

bool has_body_file(std::span<const std::byte> head) {
  wire::FrameHeader header{};
  return head.size() >= wire::kFrameHeaderSize && wire::decode_frame_header(head, &header) &&
         (header.flags & wire::kBodyFile) != 0;
}

}  // namespace

std::byte* InputBuffer::get(std::size_t size, std::size_t kept) {
  if (size > capacity_) {
    auto larger = std::make_unique_for_overwrite<std::byte[]>(size);
    if (kept > 0) std::memcpy(larger.get(), bytes_.get(), kept);
    bytes_ = std::move(larger);
    capacity_ = size;
  }
  return bytes_.get();
}

void InputBuffer::shrink(std::size_t most) {
  if (capacity_ <= most) return;
  bytes_.reset();
  capacity_ = 0;
}

RequestInput::RequestInput(SessionChannel* channel, InputBuffer* buffer, std::vector<wire::Pair>* pairs)
    : channel_(*channel), buffer_(*buffer), pairs_(*pairs), decoder_(wire::Sender::kChild, channel->request()) {}

bool RequestInput::begin(std::size_t peeked) {
  on_kept_channel_ = peeked > 0;
  if (!read_first_part(peeked) || !decode_head()) return false;
  channel_.describe(head_.summary);
  return true;
}

// A descriptor comes with the first byte, and is lost when that is read otherwise.
void RequestInput::take_descriptor(std::byte* first) {
  body_file_due_ = false;
  body_file_lost_ = base::receive_with_fd(channel_.fd(), {first, 1}, &body_file_, MSG_DONTWAIT) < 0 && errno == EBADMSG;
}

// Peeks, so that all of the first part stays in the channel until the application is entered. Of a part larger
// than what is there, bytes must be taken to make room, but never its last one.
bool RequestInput::read_first_part(std::size_t peeked) {
  std::byte* buffer = buffer_.get(kUsualSize);
  std::size_t taken = 0;
  std::size_t part = 0;
  for (;; peeked = 0) {
    if (peeked == 0) {
      const std::size_t room = std::max(part, buffer_.capacity()) - taken;
      buffer = buffer_.get(taken + room, taken);
      iovec piece{buffer + taken, room};
      const ssize_t size = wire::receive(channel_.fd(), std::span(&piece, 1), MSG_PEEK, channel_.timeout());
      if (size <= 0) return false;
      peeked = static_cast<std::size_t>(size);
    }
    const std::size_t have = taken + peeked;
    if (part == 0 && have >= kHeadOfPart) {
      part = wire::peek_first_part_size({buffer, have});
      if (part == 0) {
        channel_.garbage("no request head");
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
    const ssize_t received = wire::receive(channel_.fd(), std::span(&piece, 1), 0, channel_.timeout());
    if (received <= 0) return false;
    taken += static_cast<std::size_t>(received);
  }
}

bool RequestInput::decode_head() {
  const wire::FrameDecoder::Step step = decoder_.next(&input_);
  if (step == wire::FrameDecoder::Step::kFrame && wire::decode_request_head(decoder_.payload(), &pairs_, &head_)) {
    more_body_ = (decoder_.header().flags & wire::kMoreBody) != 0;
    body_on_demand_ = (decoder_.header().flags & wire::kOnDemand) != 0;
    body_file_due_ = (decoder_.header().flags & wire::kBodyFile) != 0 && !body_file_.valid() && !body_file_lost_;
    return true;
  }
  channel_.garbage(step == wire::FrameDecoder::Step::kGarbage ? decoder_.reason() : "a malformed request head");
  return false;
}

// The bytes are received to where they were peeked to: what points there stays as it is.
void RequestInput::consume_first_part() {
  if (body_file_due_) {
    take_descriptor(unread_);
    ++unread_;
    --unread_size_;
  }
  while (unread_size_ > 0) {
    const ssize_t received = recv(channel_.fd(), unread_, unread_size_, 0);
    if (received > 0) {
      unread_ += received;
      unread_size_ -= static_cast<std::size_t>(received);
    } else if (received == 0 || errno != EINTR) {
      channel_.set_gone();
      return;
    }
  }
}

// After the first part was consumed, in this order (frame.h).
bool RequestInput::is_withdrawn() const {
  if (base::now().count() - head_.submitted_us < wire::kMayBeWithdrawn.count()) return false;
  std::byte byte;
  return wire::peek_now(channel_.fd(), {&byte, 1}) == 0;
}

std::int64_t RequestInput::read_body(void* into, std::size_t size) {
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
      case wire::FrameDecoder::Step::kBody:
        body_ = decoder_.payload();
        break;
      case wire::FrameDecoder::Step::kFrame:
        if (decoder_.header().type != wire::FrameType::kFile || open_body_file()) break;
        if (body_file_lost_) return no_descriptor();
        channel_.garbage("a file of the body without its descriptor");
        return read_failed("httpd sent a malformed request body");
      case wire::FrameDecoder::Step::kMore:
        if (decoder_.is_over()) return 0;
        break;
      case wire::FrameDecoder::Step::kGarbage:
        channel_.garbage(decoder_.reason());
        return read_failed("httpd sent a malformed request body");
    }
  }
}

bool RequestInput::open_body_file() {
  body_is_piped_ = (decoder_.header().flags & wire::kPiped) != 0;
  return body_file_.valid() && wire::decode_file(decoder_.payload(), &body_range_);
}

std::int64_t RequestInput::read_body_file(void* into, std::size_t size) {
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
std::int64_t RequestInput::receive_body(void* into, std::size_t size) {
  std::string& output = channel_.frames();
  if (std::exchange(body_on_demand_, false))
    wire::append_frame_header({wire::FrameType::kStarted, 0, 0, channel_.request()}, &output);
  if (!output.empty() && channel_.flush() != GATEHOUSE_OK) return read_failed("httpd closed the channel");
  const std::size_t left = std::min<std::size_t>(decoder_.body_left(), size);
  iovec pieces[] = {{into, left}, {after_body_.data(), left == decoder_.body_left() ? wire::kFrameHeaderSize : 0}};
  const ssize_t received = wire::receive(channel_.fd(), pieces, 0, channel_.timeout());
  if (received < 0 && errno == ETIMEDOUT) return read_failed(kBodyTimeout);
  if (received <= 0) {
    channel_.set_gone();
    return read_failed(kBodyCut);
  }
  const std::size_t body = std::min(left, static_cast<std::size_t>(received));
  decoder_.take_body(static_cast<std::uint32_t>(body));
  input_ = std::span(after_body_).first(static_cast<std::size_t>(received) - body);
  return static_cast<std::int64_t>(body);
}

std::int64_t RequestInput::no_descriptor() {
  base::log(Message::kOutOfDescriptors, "worker %d had none for the file that holds the body of a request",
            static_cast<int>(getpid()));
  return read_failed("no descriptor was free for the file that holds it");
}

std::int64_t RequestInput::read_failed(const char* error) {
  read_error_ = error;
  return -1;
}

}  // namespace gatehoused
