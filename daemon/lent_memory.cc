// SPDX-License-Identifier: Apache-2.0
#include "daemon/lent_memory.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <utility>

#include "base/bytes.h"
#include "base/posix.h"
#include "wire/frame.h"
#include "wire/message.h"

namespace gatehoused {

// Whatever does not look as expected means that there is none; what is wrong with the channel, the next send tells.
void LentMemory::open() {
  wire::append_frame_header({wire::FrameType::kWantMemory, 0, 0, channel_.request()}, &channel_.frames());
  if (channel_.flush() != GATEHOUSE_OK) return;
  std::array<std::byte, wire::kSizeFrameSize> answer;
  base::UniqueFd memory;
  std::uint32_t size = 0;
  if (base::wait_for(channel_.fd(), POLLIN, base::Deadline::after(channel_.timeout())) <= 0) {
    channel_.sent(wire::Sent::kTimeout);  // an answer that came later would be taken for something else
    return;
  }
  const ssize_t received = base::receive_with_fd(channel_.fd(), answer, &memory, MSG_DONTWAIT);
  if (received <= 0) return;  // no descriptor was free for it, or httpd tells nothing any more
  if (!wire::decode_size(std::span(answer).first(static_cast<std::size_t>(received)), wire::FrameType::kMemory,
                         channel_.request(), &size))
    return channel_.garbage("no answer about memory");
  if (size > 0 && memory.valid()) map_ = maps_.take(memory.get(), size);
}

void LentMemory::send(Pieces* pieces, std::int64_t left) {
  if (!std::exchange(is_asked_, true)) open();
  while (map_.is_open() && !maps_.is_forgotten() && !pieces->is_empty() && left != 0) {
    std::size_t room = std::min(kPart, map_.size() - at_);
    if (left > 0) room = std::min(room, static_cast<std::size_t>(left));  // what is not told of leaves room for no more
    if (!await(room)) return;
    std::size_t size = 0;
    while (size < room && !pieces->is_empty()) {
      const std::string_view part = pieces->take(room - size);
      std::memcpy(map_.data() + at_ + size, part.data(), part.size());
      size += part.size();
    }
    if (left > 0) left -= static_cast<std::int64_t>(size);
    if (!tell(size, left)) return;
  }
}

// left: bytes of the body that follow. So many that httpd must tell when this place is free again, or unknown?
bool LentMemory::tell(std::size_t size, std::int64_t left) {
  const bool is_used_again = left < 0 || left > static_cast<std::int64_t>(map_.size() - size);
  wire::append_placed({static_cast<std::uint32_t>(at_), static_cast<std::uint32_t>(size)},
                      is_used_again ? wire::kTell : 0, channel_.request(), &channel_.frames());
  in_use_ += size;
  if (is_used_again) to_come_ += size;
  at_ = (at_ + size) % map_.size();
  return channel_.flush() == GATEHOUSE_OK;
}

// Until so much of the memory is free. False: it never will be.
bool LentMemory::await(std::size_t room) {
  while (map_.size() - in_use_ < room) {
    if (receive_words(channel_.timeout())) continue;
    if (errno == ETIMEDOUT) channel_.sent(wire::Sent::kTimeout);
    close();
    return false;
  }
  return true;
}

// False: nothing came, errno is ETIMEDOUT; or httpd has ended its side, or broken the protocol: another errno.
bool LentMemory::receive_words(base::Micros timeout) {
  std::array<std::byte, 4 * wire::kSizeFrameSize> frames;
  iovec piece{frames.data(), frames.size()};
  const ssize_t received = wire::receive(channel_.fd(), std::span(&piece, 1), 0, timeout);
  if (received < 0) return false;
  std::span<const std::byte> left(frames.data(), static_cast<std::size_t>(received));
  errno = EPIPE;
  while (!left.empty()) {
    const std::size_t size = std::min(left.size(), wire::kSizeFrameSize);
    if (!take_word(left.first(size))) return false;
    left = left.subspan(size);
  }
  return received > 0;
}

// httpd sends such a frame whole.
bool LentMemory::take_word(std::span<const std::byte> frame) {
  std::uint32_t size = 0;
  const bool is_taken = wire::decode_size(frame, wire::FrameType::kTaken, channel_.request(), &size);
  if (is_taken && size <= to_come_) {
    to_come_ -= size;
    in_use_ -= size;
    return true;
  }
  channel_.garbage("no word of the memory that was placed");
  return false;
}

bool LentMemory::settle() {
  while (to_come_ > 0)
    if (!receive_words(kMoment)) return false;
  return true;
}

}  // namespace gatehoused
