// SPDX-License-Identifier: Apache-2.0
#include "module/response_reader.h"

#include <utility>

#include "wsgi/engine_abi.h"
#include "wsgi/header_rules.h"

namespace httpd {
namespace {

using wire::FrameType;

std::string_view text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// The first header that breaks a rule, or a Content-Length other than the one that is told; "" = none.
std::string objection(const std::vector<wire::Pair>& headers, std::int64_t content_length) {
  for (std::size_t i = 0; i < headers.size(); ++i) {
    const auto& [name, value] = headers[i];
    if (wsgi::Refusal refusal = wsgi::check_header(i, name, value)) return std::move(refusal.message);
    if (!wsgi::equal_ignoring_case(name, "content-length")) continue;
    std::int64_t length = -1;
    if (wsgi::Refusal refusal = wsgi::parse_content_length(value, &length)) return std::move(refusal.message);
    if (length != content_length) return "two lengths of one response";
  }
  return {};
}

std::string objection(const wire::ResponseHead& head) {
  if (std::string found = objection(head.headers, head.content_length); !found.empty()) return found;
  for (const char c : head.reason)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) return "a control character in the reason";
  return {};
}

}  // namespace

void ResponseReader::add_descriptor(base::UniqueFd fd) {
  if (descriptor_.valid()) {
    refuse("a descriptor too many");
  } else {
    descriptor_ = std::move(fd);
  }
}

ResponseReader::Event ResponseReader::next(std::span<const std::byte>* input) {
  if (reason_ != nullptr) return Event::kGarbage;
  switch (decoder_.next(input)) {
    case wire::FrameDecoder::Step::kMore:
      return Event::kMore;
    case wire::FrameDecoder::Step::kGarbage:
      return refuse(decoder_.reason());
    case wire::FrameDecoder::Step::kBody:
      body_ = text(decoder_.payload());
      return count(body_.size()) ? Event::kBody : refuse("a body longer than its Content-Length");
    case wire::FrameDecoder::Step::kFrame:
      return on_frame();
  }
  return Event::kGarbage;
}

bool ResponseReader::take_body(std::uint32_t size) {
  decoder_.take_body(size);
  if (count(size)) return true;
  refuse("a body longer than its Content-Length");
  return false;
}

ResponseReader::Event ResponseReader::on_frame() {
  switch (decoder_.header().type) {
    case FrameType::kStarted:
      started_ = true;
      if (std::exchange(body_wanted_, true)) return refuse("the request body is asked for twice");
      return request_body_ == Body::kFollows ? Event::kStarted : refuse("nothing is held back of the request body");
    case FrameType::kDeclined:
      return Event::kDeclined;
    case FrameType::kInterim:
      return on_interim();
    case FrameType::kResponseHead:
      return on_head();
    case FrameType::kFile:
      return on_file();
    case FrameType::kWantMemory:
      return on_want_memory();
    case FrameType::kPlaced:
      return on_placed();
    case FrameType::kAnswers:
      return on_answers();
    case FrameType::kLog:
      return wire::decode_log(decoder_.payload(), &log_) ? Event::kLog : refuse("a malformed log line");
    case FrameType::kEnd:
      return on_end();
    default:
      return refuse("a frame out of place");
  }
}

ResponseReader::Event ResponseReader::on_interim() {
  if (answers_wanted_ != 0) return refuse("a response to a call");
  if (!wire::decode_interim(decoder_.payload(), &interim_)) return refuse("a malformed interim response");
  refusal_ = objection(interim_.headers, -1);
  if (!refusal_.empty()) return refuse(refusal_.c_str());
  started_ = true;
  return Event::kInterim;
}

ResponseReader::Event ResponseReader::on_head() {
  if (answers_wanted_ != 0) return refuse("a response to a call");
  if (!wire::decode_response_head(decoder_.payload(), &head_)) return refuse("a malformed response head");
  refusal_ = objection(head_);
  if (!refusal_.empty()) return refuse(refusal_.c_str());
  started_ = has_head_ = true;
  // httpd itself drops the body of these.
  unbounded_ = head_.content_length < 0 || wsgi::has_no_body(head_.status, head_request_);
  room_ = unbounded_ ? 0 : static_cast<std::uint64_t>(head_.content_length);
  return Event::kHead;
}

ResponseReader::Event ResponseReader::on_file() {
  if (!wire::decode_file(decoder_.payload(), &file_)) return refuse("a malformed file range");
  if (!descriptor_.valid()) return refuse("a file without a descriptor");
  return count(file_.length) ? Event::kFile : refuse("a body longer than its Content-Length");
}

ResponseReader::Event ResponseReader::on_want_memory() {
  if (request_body_ == Body::kFollows) return refuse("memory for the response to a body that follows");
  return std::exchange(memory_wanted_, true) ? refuse("memory is asked for twice") : Event::kMemory;
}

ResponseReader::Event ResponseReader::on_placed() {
  if (!wire::decode_placed(decoder_.payload(), &place_)) return refuse("a malformed place");
  if (place_.offset > memory_ || place_.length > memory_ - place_.offset) return refuse("a place that was not lent");
  return count(place_.length) ? Event::kPlaced : refuse("a body longer than its Content-Length");
}

ResponseReader::Event ResponseReader::on_answers() {
  if (answers_wanted_ == 0 || !answers_.empty()) return refuse("answers that nobody asked for");
  if (!wire::decode_answers(decoder_.payload(), &answers_)) return refuse("malformed answers");
  if (answers_.size() != answers_wanted_) return refuse("answers of other functions");
  for (const wire::Answer& answer : answers_)
    if (answer.kind > GATEHOUSE_ANSWER_OTHER) return refuse("an unknown kind of answer");
  started_ = true;
  return Event::kAnswers;
}

ResponseReader::Event ResponseReader::on_end() {
  wire::decode_end(decoder_.payload(), &end_);
  started_ = true;
  if (descriptor_.valid()) return refuse("a descriptor without a file");
  switch (end_.outcome) {
    case GATEHOUSE_COMPLETE:
      if (answers_wanted_ != 0) return answers_.empty() ? refuse("a call without answers") : Event::kEnd;
      if (!has_head_) return refuse("a response without a head");
      return unbounded_ || room_ == 0 ? Event::kEnd : refuse("a body shorter than its Content-Length");
    case GATEHOUSE_FAILED:
      if (has_head_ || end_.status < 400 || end_.status > 599)
        return refuse("a failure after the head, or without a status");
      return Event::kEnd;
    case GATEHOUSE_TRUNCATED:
      return has_head_ ? Event::kEnd : refuse("a response cut before its head");
    default:
      return refuse("an unknown outcome");
  }
}

ResponseReader::Event ResponseReader::refuse(const char* reason) {
  reason_ = reason;
  descriptor_.reset();
  return Event::kGarbage;
}

bool ResponseReader::count(std::uint64_t size) {
  if (unbounded_) return true;
  if (size > room_) return false;
  room_ -= size;
  return true;
}

}  // namespace httpd
