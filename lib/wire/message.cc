// SPDX-License-Identifier: Apache-2.0
#include "wire/message.h"

#include <algorithm>
#include <cstring>

#include "base/bytes.h"
#include "wire/frame_codec.h"

namespace wire {
namespace {

using base::ByteCounter;
using base::ByteFiller;
using base::ByteReader;

// "GHTK" read as a little-endian number: a stray message in the queue is no ticket.
constexpr std::uint32_t kTicketMagic = 0x4b544847;
constexpr std::size_t kPairOverhead = 8;  // two lengths
constexpr std::size_t kMaxSummary = 256;

void put_text(auto& writer, std::string_view text) {
  writer.u32(static_cast<std::uint32_t>(text.size()));
  writer.text(text);
}

std::string_view get_text(ByteReader& reader) { return reader.text(reader.u32()); }

void put_pairs(auto& writer, std::span<const Pair> pairs) {
  writer.u32(static_cast<std::uint32_t>(pairs.size()));
  for (const Pair& pair : pairs) {
    put_text(writer, pair.name);
    put_text(writer, pair.value);
  }
}

// A list's count, which its smallest items fit into what is left with.
bool get_count(ByteReader& reader, std::size_t smallest_item, std::uint32_t* out) {
  *out = reader.u32();
  return reader.ok() && *out <= kMaxPairs && *out <= reader.remaining() / smallest_item;
}

// Nothing is reserved before the count is known to fit into the bytes that are there.
bool get_pairs(ByteReader& reader, std::vector<Pair>* out) {
  std::uint32_t count = 0;
  if (!get_count(reader, kPairOverhead, &count)) return false;
  out->clear();
  out->reserve(count);
  for (std::uint32_t i = 0; i < count; ++i) {
    const std::string_view name = get_text(reader);
    out->push_back({name, get_text(reader)});
  }
  return reader.ok();
}

void put_texts(auto& writer, const std::vector<std::string_view>& texts) {
  writer.u32(static_cast<std::uint32_t>(texts.size()));
  for (const std::string_view text : texts) put_text(writer, text);
}

bool get_texts(ByteReader& reader, std::vector<std::string_view>* out) {
  std::uint32_t count = 0;
  if (!get_count(reader, sizeof(std::uint32_t), &count)) return false;
  out->reserve(count);
  for (std::uint32_t i = 0; i < count; ++i) out->push_back(get_text(reader));
  return reader.ok();
}

bool get_call(ByteReader& reader, Call* out) {
  out->flags = reader.u32();
  return get_texts(reader, &out->functions) && !out->functions.empty() && get_texts(reader, &out->arguments) &&
         get_pairs(reader, &out->ssl_variables);
}

void put_header(auto& writer, const FrameHeader& header) {
  writer.u8(static_cast<std::uint8_t>(header.type));
  writer.u8(header.flags);
  writer.u16(0);
  writer.u32(header.length);
  writer.u32(header.request);
}

// A whole frame, whose length is that of its payload: put(writer) is called to count it, and then to write it.
template <typename Put>
void append_frame(FrameHeader header, const Put& put, std::string* out) {
  ByteCounter counter;
  put(counter);
  header.length = static_cast<std::uint32_t>(counter.size());
  const std::size_t start = out->size();
  out->resize(start + kFrameHeaderSize + counter.size());
  ByteFiller filler(out->data() + start);
  put_header(filler, header);
  put(filler);
}

}  // namespace

void encode(const Ticket& ticket, std::span<std::byte, kTicketSize> out) {
  const auto put = [&](std::size_t at, auto value) { std::memcpy(out.data() + at, &value, sizeof value); };
  put(0, kTicketMagic);
  put(4, std::uint32_t{kProtocolVersion});
  put(8, ticket.request);
  put(12, std::uint32_t{0});
  put(16, ticket.sent_us);
  put(24, ticket.deadline_us);
}

bool decode(std::span<const std::byte> bytes, Ticket* out) {
  if (bytes.size() != kTicketSize) return false;
  ByteReader reader(bytes);
  if (reader.u32() != kTicketMagic || reader.u32() != kProtocolVersion) return false;
  Ticket ticket;
  ticket.request = reader.u32();
  if (reader.u32() != 0) return false;
  ticket.sent_us = reader.i64();
  ticket.deadline_us = reader.i64();
  *out = ticket;
  return true;
}

void append_frame_header(const FrameHeader& header, std::string* out) {
  base::ByteWriter writer(out);
  put_header(writer, header);
}

void set_frame_header(const FrameHeader& header, char* at) {
  ByteFiller filler(at);
  put_header(filler, header);
}

void append_request_head(const RequestHead& head, std::uint32_t request, std::uint8_t flags, std::string* out) {
  const auto put = [&](auto& writer) {
    writer.u32(head.first_part_size);
    writer.u32(head.target_flags);
    writer.u32(head.request_flags);
    writer.i64(head.content_length);
    writer.i64(head.script_mtime_us);
    writer.i64(head.request_start_us);
    writer.i64(head.queue_start_us);
    writer.i64(head.submitted_us);
    put_text(writer, head.script);
    put_text(writer, head.callable);
    put_text(writer, head.application_group);
    put_text(writer, head.interpreter);
    put_text(writer, head.summary.substr(0, kMaxSummary));
    put_pairs(writer, head.environ);
    if (head.call) {
      writer.u32(head.call->flags);
      put_texts(writer, head.call->functions);
      put_texts(writer, head.call->arguments);
      put_pairs(writer, head.call->ssl_variables);
    }
  };
  append_frame({FrameType::kRequestHead, flags, 0, request}, put, out);
}

void set_first_part_size(std::string* first_part, std::size_t head_at, std::uint32_t size) {
  std::memcpy(first_part->data() + head_at + kFrameHeaderSize, &size, sizeof size);
}

std::uint32_t with_notes(std::uint32_t request_flags, const RequestNotes& notes) {
  return (request_flags & 0xffff) | std::min(notes.log_level, 15u) << 16 | std::min(notes.connects, 63u) << 20 |
         std::min(notes.restarts, 63u) << 26;
}

RequestNotes notes_of(std::uint32_t request_flags) {
  return {request_flags >> 16 & 15, request_flags >> 20 & 63, request_flags >> 26};
}

void set_request_flags(std::string* first_part, std::size_t head_at, std::uint32_t request_flags) {
  constexpr std::size_t kBefore = 2 * sizeof(std::uint32_t);  // first_part_size, target_flags
  std::memcpy(first_part->data() + head_at + kFrameHeaderSize + kBefore, &request_flags, sizeof request_flags);
}

void append_interim(const InterimHead& interim, std::uint32_t request, std::string* out) {
  const auto put = [&](auto& writer) {
    writer.u16(interim.status);
    put_pairs(writer, interim.headers);
  };
  append_frame({FrameType::kInterim, 0, 0, request}, put, out);
}

bool decode_interim(std::span<const std::byte> payload, InterimHead* out) {
  constexpr std::uint16_t kSwitchingProtocols = 101;
  ByteReader reader(payload);
  InterimHead interim;
  interim.status = reader.u16();
  if (interim.status <= 100 || interim.status > 199 || interim.status == kSwitchingProtocols) return false;
  if (!get_pairs(reader, &interim.headers) || reader.remaining() != 0) return false;
  *out = std::move(interim);
  return true;
}

std::uint32_t peek_first_part_size(std::span<const std::byte> bytes) {
  FrameHeader header{};
  if (!decode_frame_header(bytes, &header) || header.type != FrameType::kRequestHead) return 0;
  ByteReader reader(bytes.subspan(kFrameHeaderSize));
  const std::uint32_t size = reader.u32();
  if (!reader.ok() || header.length > kMaxRequestHead) return 0;
  return size >= header.length + kFrameHeaderSize && size <= kMaxFirstPart ? size : 0;
}

bool decode_request_head(std::span<const std::byte> payload, std::vector<Pair>* pairs, RequestHead* out) {
  ByteReader reader(payload);
  RequestHead head;
  head.first_part_size = reader.u32();
  head.target_flags = reader.u32();
  head.request_flags = reader.u32();
  head.content_length = reader.i64();
  head.script_mtime_us = reader.i64();
  head.request_start_us = reader.i64();
  head.queue_start_us = reader.i64();
  head.submitted_us = reader.i64();
  head.script = get_text(reader);
  head.callable = get_text(reader);
  head.application_group = get_text(reader);
  head.interpreter = get_text(reader);
  head.summary = get_text(reader);
  if (head.summary.size() > kMaxSummary || head.content_length < -1) return false;
  if (!get_pairs(reader, pairs)) return false;
  head.environ = *pairs;
  if (reader.remaining() != 0 && !get_call(reader, &head.call.emplace())) return false;
  if (reader.remaining() != 0) return false;
  *out = std::move(head);
  return true;
}

void append_response_head(const ResponseHead& head, std::uint32_t request, std::string* out) {
  const auto put = [&](auto& writer) {
    writer.u16(head.status);
    writer.i64(head.content_length);
    put_text(writer, head.reason);
    put_pairs(writer, head.headers);
  };
  append_frame({FrameType::kResponseHead, 0, 0, request}, put, out);
}

bool decode_response_head(std::span<const std::byte> payload, ResponseHead* out) {
  ByteReader reader(payload);
  ResponseHead head;
  head.status = reader.u16();
  head.content_length = reader.i64();
  head.reason = get_text(reader);
  if (head.status < 200 || head.status > 599 || head.content_length < -1) return false;
  if (!get_pairs(reader, &head.headers) || reader.remaining() != 0) return false;
  *out = std::move(head);
  return true;
}

void append_answers(const std::vector<Answer>& answers, std::uint32_t request, std::string* out) {
  const auto put = [&](auto& writer) {
    writer.u32(static_cast<std::uint32_t>(answers.size()));
    for (const Answer& answer : answers) {
      writer.u8(answer.kind);
      put_texts(writer, answer.texts);
    }
  };
  append_frame({FrameType::kAnswers, 0, 0, request}, put, out);
}

bool decode_answers(std::span<const std::byte> payload, std::vector<Answer>* out) {
  ByteReader reader(payload);
  std::uint32_t count = 0;
  if (!get_count(reader, 1 + sizeof(std::uint32_t), &count)) return false;
  std::vector<Answer> answers(count);
  for (Answer& answer : answers) {
    answer.kind = reader.u8();
    if (!get_texts(reader, &answer.texts)) return false;
  }
  if (reader.remaining() != 0) return false;
  *out = std::move(answers);
  return true;
}

void append_end(const End& end, std::uint32_t request, std::uint8_t flags, std::string* out) {
  const auto put = [&](auto& writer) {
    writer.u8(end.outcome);
    writer.u16(end.status);
    writer.u16(end.worker);
    writer.u16(end.free);
    writer.u32(end.taken_us);
  };
  append_frame({FrameType::kEnd, flags, 0, request}, put, out);
}

bool decode_end(std::span<const std::byte> payload, End* out) {
  ByteReader reader(payload);
  const End end{reader.u8(), reader.u16(), reader.u16(), reader.u16(), reader.u32()};
  if (!reader.ok() || reader.remaining() != 0) return false;
  *out = end;
  return true;
}

void append_log(const LogLine& log, std::uint32_t request, std::string* out) {
  const std::string_view file = log.file.substr(log.file.size() - std::min(log.file.size(), kMaxLogFile));
  const auto put = [&](auto& writer) {
    writer.u8(static_cast<std::uint8_t>(log.level));
    writer.u32(log.line);
    put_text(writer, file);
    writer.text(log.text.substr(0, kMaxLog - kMinLog - file.size()));
  };
  append_frame({FrameType::kLog, 0, 0, request}, put, out);
}

bool decode_log(std::span<const std::byte> payload, LogLine* out) {
  ByteReader reader(payload);
  const std::uint8_t level = reader.u8();
  const std::uint32_t line = reader.u32();
  const std::string_view file = get_text(reader);
  if (!reader.ok() || file.size() > kMaxLogFile || level > static_cast<std::uint8_t>(base::Level::kTrace)) return false;
  *out = {static_cast<base::Level>(level), reader.text(reader.remaining()), file, line};
  return true;
}

void append_file(const FileRange& range, std::uint8_t flags, std::uint32_t request, std::string* out) {
  const auto put = [&](auto& writer) {
    writer.u64(range.offset);
    writer.u64(range.length);
  };
  append_frame({FrameType::kFile, flags, 0, request}, put, out);
}

bool decode_file(std::span<const std::byte> payload, FileRange* out) {
  constexpr std::uint64_t kMax = INT64_MAX;
  ByteReader reader(payload);
  const FileRange range{reader.u64(), reader.u64()};
  if (!reader.ok() || reader.remaining() != 0 || range.offset > kMax || range.length > kMax - range.offset)
    return false;
  *out = range;
  return true;
}

void append_placed(const Place& place, std::uint8_t flags, std::uint32_t request, std::string* out) {
  const auto put = [&](auto& writer) {
    writer.u32(place.offset);
    writer.u32(place.length);
  };
  append_frame({FrameType::kPlaced, flags, 0, request}, put, out);
}

bool decode_placed(std::span<const std::byte> payload, Place* out) {
  ByteReader reader(payload);
  const Place place{reader.u32(), reader.u32()};
  if (!reader.ok() || reader.remaining() != 0 || place.length == 0) return false;
  *out = place;
  return true;
}

void append_size(FrameType type, std::uint32_t size, std::uint32_t request, std::string* out) {
  append_frame(
      {type, 0, 0, request}, [&](auto& writer) { writer.u32(size); }, out);
}

bool decode_size(std::span<const std::byte> frame, FrameType type, std::uint32_t request, std::uint32_t* size) {
  FrameHeader header{};
  if (frame.size() != kSizeFrameSize || !decode_frame_header(frame, &header)) return false;
  if (header.type != type || header.flags != 0 || header.request != request) return false;
  ByteReader reader(frame.subspan(kFrameHeaderSize));
  *size = reader.u32();
  return header.length == sizeof *size;
}

}  // namespace wire
