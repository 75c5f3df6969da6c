// SPDX-License-Identifier: Apache-2.0
//
// Payloads of frames, and tickets. The input's first byte chooses the decoder, the rest is the payload. What is
// accepted must encode to the same bytes again and keep its views within the payload; a finding aborts.
#include <array>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "wire/message.h"

namespace {

using Bytes = std::span<const std::byte>;

void require(bool holds) {
  if (!holds) std::abort();
}

void same(Bytes payload, const std::string& frame) {
  require(frame.size() == payload.size() + wire::kFrameHeaderSize);
  require(std::memcmp(frame.data() + wire::kFrameHeaderSize, payload.data(), payload.size()) == 0);
}

void within(Bytes payload, std::span<const wire::Pair> pairs) {
  require(pairs.size() <= wire::kMaxPairs);
  const auto* begin = reinterpret_cast<const char*>(payload.data());
  for (const wire::Pair& pair : pairs)
    for (const std::string_view view : {pair.name, pair.value})
      require(view.data() >= begin && view.data() + view.size() <= begin + payload.size());
}

void try_ticket(Bytes payload) {
  wire::Ticket ticket;
  if (!wire::decode(payload, &ticket)) return;
  std::array<std::byte, wire::kTicketSize> again;
  wire::encode(ticket, again);
  require(payload.size() == again.size() && std::memcmp(payload.data(), again.data(), again.size()) == 0);
}

void try_request_head(Bytes payload) {
  wire::RequestHead head;
  std::vector<wire::Pair> pairs;
  if (!wire::decode_request_head(payload, &pairs, &head)) return;
  within(payload, head.environ);
  std::string frame;
  wire::append_request_head(head, 1, 0, &frame);
  same(payload, frame);
}

void try_response_head(Bytes payload) {
  wire::ResponseHead head;
  if (!wire::decode_response_head(payload, &head)) return;
  within(payload, head.headers);
  require(head.status >= 200 && head.status <= 599 && head.content_length >= -1);
  std::string frame;
  wire::append_response_head(head, 1, &frame);
  same(payload, frame);
}

void try_answers(Bytes payload) {
  std::vector<wire::Answer> answers;
  if (!wire::decode_answers(payload, &answers)) return;
  std::string frame;
  wire::append_answers(answers, 1, &frame);
  same(payload, frame);
}

void try_end(Bytes payload) {
  wire::End end;
  if (!wire::decode_end(payload, &end)) return;
  std::string frame;
  wire::append_end(end, 1, 0, &frame);
  same(payload, frame);
}

void try_log(Bytes payload) {
  wire::LogLine log;
  if (payload.size() > wire::kMaxLog || !wire::decode_log(payload, &log)) return;
  std::string frame;
  wire::append_log(log, 1, &frame);
  same(payload, frame);
}

void try_file(Bytes payload) {
  wire::FileRange range;
  if (!wire::decode_file(payload, &range)) return;
  require(range.offset + range.length <= INT64_MAX);
  std::string frame;
  wire::append_file(range, 0, 1, &frame);
  same(payload, frame);
}

void try_first_part(Bytes bytes) {
  const std::uint32_t size = wire::peek_first_part_size(bytes);
  require(size == 0 || (size >= wire::kFrameHeaderSize && size <= wire::kMaxFirstPart && bytes.size() >= 16));
}

constexpr void (*kDecoders[])(Bytes) = {try_ticket, try_request_head, try_response_head, try_end,
                                        try_log,    try_file,         try_first_part,    try_answers};

}  // namespace

extern "C" __attribute__((visibility("default"))) int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                                                             std::size_t size) {
  if (size < 1) return 0;
  kDecoders[data[0] % std::size(kDecoders)]({reinterpret_cast<const std::byte*>(data) + 1, size - 1});
  return 0;
}
