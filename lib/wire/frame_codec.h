// SPDX-License-Identifier: Apache-2.0
#pragma once

// Cuts the bytes of one direction of a channel into frames and holds them to the protocol: who may send what, in
// which order, how long, for which request. Pure; what it refuses is garbage for good. Body bytes pass through
// uncopied as they arrive; other frames are given out whole, and one that arrives in pieces is collected in
// memory no larger than what has arrived of it, itself bounded by the limits of frame.h.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "wire/frame.h"

namespace wire {

enum class Sender : std::uint8_t { kChild, kWorker };

// The header at the front of bytes. False: too few of them, or bytes that must be zero are not.
bool decode_frame_header(std::span<const std::byte> bytes, FrameHeader* out);

class FrameDecoder {
 public:
  enum class Step {
    kMore,    // the input is used up
    kFrame,   // header() and the whole payload()
    kBody,    // payload() is the next bytes of the body, at least one
    kGarbage  // reason() says why; for ever
  };

  FrameDecoder(Sender sender, std::uint32_t request) : request_(request), sender_(sender) {}

  // Takes bytes from the front of *input up to the end of a frame. payload() points into the input, or into the
  // decoder until the next call.
  Step next(std::span<const std::byte>* input);

  const FrameHeader& header() const { return header_; }
  std::span<const std::byte> payload() const { return payload_; }
  const char* reason() const { return reason_; }

  // Bytes that the current BODY frame still lacks. A caller may read up to so many straight from the channel
  // and account for them by take_body.
  std::uint32_t body_left() const { return body_left_; }
  void take_body(std::uint32_t size) { body_left_ -= size; }

  // The last frame of this direction was given out: whatever follows is garbage.
  bool is_over() const { return phase_ == kOver; }

 private:
  enum Phase : std::uint8_t { kFirst = 1, kRunning = 2, kInBody = 4, kOver = 8 };
  struct Rule;
  static const Rule kRules[];

  Step refuse(const char* reason);
  Step next_header(std::span<const std::byte>* input);
  Step next_payload(std::span<const std::byte>* input);
  Step next_body(std::span<const std::byte>* input);
  // Moves bytes to partial_ until it holds size; false while it lacks some.
  bool collect(std::span<const std::byte>* input, std::size_t size);
  const char* admit();

  std::uint32_t request_;
  std::uint32_t body_left_ = 0;
  FrameHeader header_{};
  Sender sender_;
  Phase phase_ = kFirst;
  Phase next_phase_ = kFirst;  // once the frame of header_ is whole
  bool has_header_ = false;    // of a frame whose payload is not whole
  const char* reason_ = nullptr;
  std::span<const std::byte> payload_;
  std::string partial_;  // of the header, then of the payload
};

}  // namespace wire
