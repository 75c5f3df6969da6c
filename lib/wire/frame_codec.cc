// SPDX-License-Identifier: Apache-2.0
#include "wire/frame_codec.h"

#include <algorithm>
#include <string_view>

#include "base/bytes.h"

namespace wire {

// The protocol as a table: a frame that matches no row is garbage. The rows of most requests stand first.
struct FrameDecoder::Rule {
  Sender sender;
  FrameType type;
  std::uint8_t allowed_in;  // phases
  Phase next;
  std::uint8_t flags;  // that may be set
  std::uint32_t minimum, maximum;
};

constexpr FrameDecoder::Rule FrameDecoder::kRules[] = {
    {Sender::kChild, FrameType::kRequestHead, kFirst, kInBody, kMoreBody | kOnDemand | kBodyFile, 4, kMaxRequestHead},
    {Sender::kChild, FrameType::kBodyEnd, kInBody, kOver, 0, 0, 0},
    {Sender::kWorker, FrameType::kResponseHead, kFirst | kRunning, kInBody, 0, 18, kMaxResponseHead},
    {Sender::kWorker, FrameType::kBody, kInBody, kInBody, 0, 1, kMaxBodyFrame},
    {Sender::kWorker, FrameType::kEnd, kFirst | kRunning | kInBody, kOver, kKept, 11, 11},
    {Sender::kChild, FrameType::kBody, kInBody, kInBody, 0, 1, kMaxBodyFrame},
    {Sender::kChild, FrameType::kFile, kInBody, kInBody, kPiped, 16, 16},
    {Sender::kWorker, FrameType::kLog, kFirst, kFirst, 0, kMinLog, kMaxLog},
    {Sender::kWorker, FrameType::kLog, kRunning, kRunning, 0, kMinLog, kMaxLog},
    {Sender::kWorker, FrameType::kLog, kInBody, kInBody, 0, kMinLog, kMaxLog},
    {Sender::kWorker, FrameType::kStarted, kFirst | kRunning, kRunning, 0, 0, 0},
    {Sender::kWorker, FrameType::kStarted, kInBody, kInBody, 0, 0, 0},
    {Sender::kWorker, FrameType::kDeclined, kFirst, kOver, 0, 0, 0},
    {Sender::kWorker, FrameType::kInterim, kFirst | kRunning, kRunning, 0, 6, kMaxResponseHead},
    {Sender::kWorker, FrameType::kFile, kInBody, kInBody, 0, 16, 16},
    {Sender::kWorker, FrameType::kWantMemory, kInBody, kInBody, 0, 0, 0},
    {Sender::kWorker, FrameType::kPlaced, kInBody, kInBody, kTell, 8, 8},
    {Sender::kWorker, FrameType::kAnswers, kFirst | kRunning, kRunning, 0, 4, kMaxAnswers},
};

bool decode_frame_header(std::span<const std::byte> bytes, FrameHeader* out) {
  base::ByteReader reader(bytes);
  out->type = static_cast<FrameType>(reader.u8());
  out->flags = reader.u8();
  const std::uint16_t zero = reader.u16();
  out->length = reader.u32();
  out->request = reader.u32();
  return reader.ok() && zero == 0;
}

FrameDecoder::Step FrameDecoder::next(std::span<const std::byte>* input) {
  if (reason_ != nullptr) return Step::kGarbage;
  if (body_left_ > 0) return next_body(input);
  if (has_header_) return next_payload(input);
  if (!payload_.empty()) {
    payload_ = {};
    partial_.clear();
  }
  if (!is_over()) return next_header(input);
  return input->empty() ? Step::kMore : refuse("bytes after the last frame");
}

FrameDecoder::Step FrameDecoder::next_header(std::span<const std::byte>* input) {
  bool well_formed;
  if (partial_.empty() && input->size() >= kFrameHeaderSize) {
    well_formed = decode_frame_header(*input, &header_);
    *input = input->subspan(kFrameHeaderSize);
  } else {
    if (!collect(input, kFrameHeaderSize)) return Step::kMore;
    well_formed = decode_frame_header(base::as_bytes(partial_), &header_);
    partial_.clear();
  }
  const char* objection = well_formed ? admit() : "reserved bytes are set";
  if (objection != nullptr) return refuse(objection);
  if (header_.type == FrameType::kBody) {
    phase_ = next_phase_;
    body_left_ = header_.length;
    return next_body(input);
  }
  has_header_ = true;
  return next_payload(input);
}

FrameDecoder::Step FrameDecoder::next_payload(std::span<const std::byte>* input) {
  if (partial_.empty() && input->size() >= header_.length) {
    payload_ = input->first(header_.length);
    *input = input->subspan(header_.length);
  } else {
    if (!collect(input, header_.length)) return Step::kMore;
    payload_ = base::as_bytes(partial_);
  }
  has_header_ = false;
  phase_ = next_phase_;
  return Step::kFrame;
}

FrameDecoder::Step FrameDecoder::next_body(std::span<const std::byte>* input) {
  if (input->empty()) return Step::kMore;
  payload_ = input->first(std::min<std::size_t>(input->size(), body_left_));
  *input = input->subspan(payload_.size());
  body_left_ -= static_cast<std::uint32_t>(payload_.size());
  return Step::kBody;
}

bool FrameDecoder::collect(std::span<const std::byte>* input, std::size_t size) {
  const std::span<const std::byte> taken = input->first(std::min(input->size(), size - partial_.size()));
  partial_.append(reinterpret_cast<const char*>(taken.data()), taken.size());
  *input = input->subspan(taken.size());
  return partial_.size() == size;
}

const char* FrameDecoder::admit() {
  if (header_.request != request_) return "a frame of another request";
  const char* objection = "an unknown frame type";
  for (const Rule& rule : kRules) {
    if (rule.type != header_.type) continue;
    objection = "a frame out of place";
    if (rule.sender != sender_ || (rule.allowed_in & phase_) == 0) continue;
    if ((header_.flags & ~rule.flags) != 0) return "unknown flags";
    if (header_.length < rule.minimum || header_.length > rule.maximum) return "a length out of range";
    next_phase_ = rule.next;
    return nullptr;
  }
  return objection;
}

FrameDecoder::Step FrameDecoder::refuse(const char* reason) {
  reason_ = reason;
  payload_ = {};
  return Step::kGarbage;
}

}  // namespace wire
