// SPDX-License-Identifier: Apache-2.0
//
// The frames of one direction of a channel. The input's first byte tells the direction (bit 0) and how the rest is
// cut into pieces (the other bits). Whole or in pieces, the same frames must come out, within the limits and in
// the order of frame.h; a finding aborts.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "base/bytes.h"
#include "wire/frame_codec.h"

namespace {

using wire::FrameDecoder;
using wire::FrameType;

void require(bool holds) {
  if (!holds) std::abort();
}

// Frames as text, pieces of one body joined; what follows a refusal is left out.
struct Seen {
  std::string text;
  bool in_body = false;
  bool garbage = false;

  void take(FrameDecoder* decoder, FrameDecoder::Step step) {
    const auto payload = decoder->payload();
    if (step == FrameDecoder::Step::kBody) {
      require(!payload.empty() && payload.size() + decoder->body_left() <= wire::kMaxBodyFrame);
      if (!in_body) text.append("B");
    } else {
      require(decoder->header().length == payload.size() && payload.size() <= wire::kMaxRequestHead);
      text.append("F").append(std::to_string(static_cast<int>(decoder->header().type)));
    }
    text.append(reinterpret_cast<const char*>(payload.data()), payload.size());
    in_body = step == FrameDecoder::Step::kBody && decoder->body_left() > 0;
  }

  void feed(FrameDecoder* decoder, std::span<const std::byte> input) {
    while (!garbage) {
      const std::size_t before = input.size();
      const FrameDecoder::Step step = decoder->next(&input);
      if (step == FrameDecoder::Step::kMore) return require(input.empty());
      if (step == FrameDecoder::Step::kGarbage) {
        require(decoder->reason() != nullptr);
        garbage = true;
        return;
      }
      require(input.size() < before || (step == FrameDecoder::Step::kFrame && decoder->header().length == 0));
      take(decoder, step);
    }
  }
};

}  // namespace

extern "C" __attribute__((visibility("default"))) int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                                                             std::size_t size) {
  if (size < 1) return 0;
  const auto sender = (data[0] & 1) != 0 ? wire::Sender::kWorker : wire::Sender::kChild;
  const std::size_t piece = static_cast<std::size_t>(data[0] >> 1) + 1;
  const std::span<const std::byte> bytes(reinterpret_cast<const std::byte*>(data) + 1, size - 1);
  constexpr std::uint32_t kRequest = 1;

  FrameDecoder whole_decoder(sender, kRequest);
  Seen whole;
  whole.feed(&whole_decoder, bytes);

  FrameDecoder decoder(sender, kRequest);
  Seen pieces;
  for (std::size_t at = 0; at < bytes.size(); at += piece)
    pieces.feed(&decoder, bytes.subspan(at, std::min(piece, bytes.size() - at)));
  require(whole.text == pieces.text && whole.garbage == pieces.garbage);
  require(whole.garbage || whole_decoder.is_over() == decoder.is_over());
  return 0;
}
