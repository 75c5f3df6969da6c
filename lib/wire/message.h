// SPDX-License-Identifier: Apache-2.0
#pragma once

// Typed payloads of frames and of tickets: encode into a string, decode into views of the received bytes.
// Pure. Every count and length is checked before use; a failed decode changes nothing.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/messages.h"
#include "wire/frame.h"

namespace wire {

struct Pair {
  std::string_view name;
  std::string_view value;
};

// One ticket of the queue: a SEQPACKET message with the worker's end of the channel attached.
struct Ticket {
  std::uint32_t request = 0;     // request id of the channel
  std::int64_t sent_us = 0;      // monotonic, when the child sent it
  std::int64_t deadline_us = 0;  // monotonic, 0 = none: past it the ticket is dropped unstarted
};
inline constexpr std::size_t kTicketSize = 32;

void encode(const Ticket& ticket, std::span<std::byte, kTicketSize> out);
bool decode(std::span<const std::byte> bytes, Ticket* out);

// Of a request's flags, beside those of the engine: it does not keep a worker from being idle.
inline constexpr std::uint32_t kIgnoreActivity = 1u << 15;

// Functions of a script that are called in place of an application (gatehouse_call in wsgi/engine_abi.h).
struct Call {
  std::uint32_t flags = 0;                  // GATEHOUSE_CALL_LIST ...
  std::vector<std::string_view> functions;  // at least one
  std::vector<std::string_view> arguments;
  std::vector<Pair> ssl_variables;
};

// What a worker needs to know of a request besides its environ.
struct RequestHead {
  std::uint32_t first_part_size = 0;  // filled by the sender when the part is complete
  std::uint32_t target_flags = 0;     // GATEHOUSE_RELOAD ...
  std::uint32_t request_flags = 0;    // GATEHOUSE_HTTPS, GATEHOUSE_HEAD_REQUEST, kIgnoreActivity
  std::int64_t content_length = 0;    // -1 unknown
  std::int64_t script_mtime_us = 0;
  std::int64_t request_start_us = 0;  // wall clock
  std::int64_t queue_start_us = 0;    // wall clock
  std::int64_t submitted_us = 0;      // monotonic, not later than the request's first byte was sent
  std::string_view script;
  std::string_view callable;
  std::string_view application_group;
  std::string_view interpreter;  // "" = the main interpreter; else the application group
  std::string_view summary;      // "GET /path [id]" for lines about this request, escaped, at most 256 bytes
  std::span<const Pair> environ;
  std::optional<Call> call;
};

// Appends a whole frame. first_part_size is patched by set_first_part_size once body frames follow it.
void append_request_head(const RequestHead& head, std::uint32_t request, std::uint8_t flags, std::string* out);
void set_first_part_size(std::string* first_part, std::size_t head_at, std::uint32_t size);
// The size of the first part from the first bytes of a channel (frame header + 4), 0 if they are no request head.
std::uint32_t peek_first_part_size(std::span<const std::byte> bytes);
// pairs: memory for out's environ.
bool decode_request_head(std::span<const std::byte> payload, std::vector<Pair>* pairs, RequestHead* out);

// What a worker is told of a request's way, in the upper half of RequestHead::request_flags: the lower one is
// GATEHOUSE_HTTPS and its like. Counts end at 63.
struct RequestNotes {
  std::uint32_t log_level = 0;  // base::Level; 0 = not told
  std::uint32_t connects = 0;   // how often it was sent to a worker, this time included
  std::uint32_t restarts = 0;   // how many of those gave it back
};
std::uint32_t with_notes(std::uint32_t request_flags, const RequestNotes& notes);
RequestNotes notes_of(std::uint32_t request_flags);
// Changes the flags of a first part that is encoded already.
void set_request_flags(std::string* first_part, std::size_t head_at, std::uint32_t request_flags);

// A 1xx response.
struct InterimHead {
  std::uint16_t status = 0;
  std::vector<Pair> headers;
};
void append_interim(const InterimHead& interim, std::uint32_t request, std::string* out);
bool decode_interim(std::span<const std::byte> payload, InterimHead* out);

struct ResponseHead {
  std::uint16_t status = 0;
  std::int64_t content_length = -1;
  std::string_view reason;
  std::vector<Pair> headers;
};
void append_response_head(const ResponseHead& head, std::uint32_t request, std::string* out);
bool decode_response_head(std::span<const std::byte> payload, ResponseHead* out);

// What one function of a call gave.
struct Answer {
  std::uint8_t kind = 0;  // gatehouse_answer
  std::vector<std::string_view> texts;
};
void append_answers(const std::vector<Answer>& answers, std::uint32_t request, std::string* out);
bool decode_answers(std::span<const std::byte> payload, std::vector<Answer>* out);

struct End {
  std::uint8_t outcome = 0;  // gatehouse_result
  std::uint16_t status = 0;
  // What helps the child to spread its requests; nonsense in here costs a detour.
  std::uint16_t worker = 0;  // tells the workers of a group apart
  std::uint16_t free = 0;    // threads of the worker that have nothing to do now, this one included unless tickets wait
  std::uint32_t taken_us = 0;  // from the thread's taking the request to now
};
// flags: kKept or 0.
void append_end(const End& end, std::uint32_t request, std::uint8_t flags, std::string* out);
bool decode_end(std::span<const std::byte> payload, End* out);

struct LogLine {
  base::Level level = base::Level::kError;
  std::string_view text;
  std::string_view file = {};  // of the code that it comes from; empty: not known
  std::uint32_t line = 0;      // in that file
};
// What is too long loses the end of its text and the front of its file's name.
void append_log(const LogLine& log, std::uint32_t request, std::string* out);
bool decode_log(std::span<const std::byte> payload, LogLine* out);

struct FileRange {
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
};
// flags: of a child's, kPiped.
void append_file(const FileRange& range, std::uint8_t flags, std::uint32_t request, std::string* out);
bool decode_file(std::span<const std::byte> payload, FileRange* out);

// Part of the memory that a child lends a worker.
struct Place {
  std::uint32_t offset = 0;
  std::uint32_t length = 0;
};
void append_placed(const Place& place, std::uint8_t flags, std::uint32_t request, std::string* out);
bool decode_placed(std::span<const std::byte> payload, Place* out);  // false as well for a length of 0

// MEMORY or TAKEN. These come when a request's other frames have been decoded or will never be: so one at a time.
void append_size(FrameType type, std::uint32_t size, std::uint32_t request, std::string* out);
// frame: the whole of one. False: it is no such frame of the request.
bool decode_size(std::span<const std::byte> frame, FrameType type, std::uint32_t request, std::uint32_t* size);

// A frame without or with an opaque payload.
void append_frame_header(const FrameHeader& header, std::string* out);
// Over kFrameHeaderSize bytes that are there.
void set_frame_header(const FrameHeader& header, char* at);

}  // namespace wire
