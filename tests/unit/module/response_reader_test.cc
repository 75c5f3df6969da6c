// SPDX-License-Identifier: Apache-2.0
#include "module/response_reader.h"

#include <fcntl.h>
#include <unistd.h>

#include <string>
#include <utility>

#include "base/bytes.h"
#include "wsgi/engine_abi.h"

#include <CppUTest/TestHarness.h>

using base::UniqueFd;
using httpd::ResponseReader;
using Event = ResponseReader::Event;

namespace {

constexpr std::uint32_t kRequest = 5;

std::string head(std::int64_t length, std::vector<wire::Pair> headers = {}, std::uint16_t status = 200,
                 std::string_view reason = "OK") {
  std::string out;
  wire::append_response_head({status, length, reason, std::move(headers)}, kRequest, &out);
  return out;
}
std::string interim(std::vector<wire::Pair> headers, std::uint16_t status = 103) {
  std::string out;
  wire::append_interim({status, std::move(headers)}, kRequest, &out);
  return out;
}
std::string end(gatehouse_result outcome = GATEHOUSE_COMPLETE, std::uint16_t status = 200, std::uint8_t flags = 0) {
  std::string out;
  wire::append_end({static_cast<std::uint8_t>(outcome), status}, kRequest, flags, &out);
  return out;
}
std::string frame(wire::FrameType type, std::string_view payload = {}) {
  std::string out;
  wire::append_frame_header({type, 0, static_cast<std::uint32_t>(payload.size()), kRequest}, &out);
  return out.append(payload);
}
std::string body(std::string_view bytes) { return frame(wire::FrameType::kBody, bytes); }
std::string file(std::uint64_t length) {
  std::string out;
  wire::append_file({0, length}, 0, kRequest, &out);
  return out;
}
std::string want_memory() { return frame(wire::FrameType::kWantMemory); }
std::string placed(std::uint32_t offset, std::uint32_t length) {
  std::string out;
  wire::append_placed({offset, length}, wire::kTell, kRequest, &out);
  return out;
}
UniqueFd null_device() { return UniqueFd(open("/dev/null", O_RDONLY | O_CLOEXEC)); }

}  // namespace

TEST_GROUP(ResponseReader) {
  ResponseReader reader{kRequest, ResponseReader::Body::kInFirstPart, false};

  void body_follows() { reader = ResponseReader(kRequest, ResponseReader::Body::kFollows, false); }
  void to_head_request() { reader = ResponseReader(kRequest, ResponseReader::Body::kInFirstPart, true); }

  // The events of some bytes: "head body(abc) end" or "... garbage: why".
  std::string events(const std::string& bytes) {
    std::string out;
    std::span<const std::byte> input = base::as_bytes(bytes);
    for (;;) {
      switch (reader.next(&input)) {
        case Event::kMore:
          return out;
        case Event::kGarbage:
          return out + "garbage: " + reader.reason();
        case Event::kStarted:
          out += "started ";
          break;
        case Event::kDeclined:
          out += "declined ";
          break;
        case Event::kHead:
          out += "head ";
          break;
        case Event::kBody:
          out.append("body(").append(reader.body()).append(") ");
          break;
        case Event::kFile:
          out += reader.take_file().valid() ? "file " : "no file ";
          break;
        case Event::kMemory:
          out += "memory ";
          break;
        case Event::kPlaced:
          out += "placed(" + std::to_string(reader.place().offset) + "+" + std::to_string(reader.place().length) + ") ";
          break;
        case Event::kInterim:
          out += "interim(" + std::to_string(reader.interim().status) + ") ";
          break;
        case Event::kAnswers:
          out += "answers ";
          break;
        case Event::kLog:
          out.append("log(").append(reader.log().text).append(" ").append(reader.log().file);
          out.append(":" + std::to_string(reader.log().line) + ") ");
          break;
        case Event::kEnd:
          out += "end ";
          break;
      }
    }
  }
  void are(const char* expected, const std::string& bytes) { STRCMP_EQUAL(expected, events(bytes).c_str()); }
};

TEST(ResponseReader, AWholeResponse) {
  are("head body(abc) end ", head(3, {{"Content-Length", "3"}, {"X", "y"}}) + body("abc") + end());
  LONGS_EQUAL(200, reader.head().status);
}

TEST(ResponseReader, ABodyInLentMemory) {
  are("head memory ", head(10) + want_memory());
  reader.lend(100);
  are("placed(93+7) body(abc) end ", placed(93, 7) + body("abc") + end());
}

TEST(ResponseReader, MemoryIsLentOnceAndNotToABodyThatFollows) {
  are("head memory garbage: memory is asked for twice", head(-1) + want_memory() + want_memory());
  body_follows();
  are("head garbage: memory for the response to a body that follows", head(-1) + want_memory());
}

TEST(ResponseReader, APlaceOutsideOfTheMemoryIsGarbage) {
  are("head garbage: a place that was not lent", head(-1) + placed(0, 1));
  for (const auto& [offset, length] : {std::pair(0u, 101u), {100u, 1u}, {1u, UINT32_MAX}, {UINT32_MAX, 2u}}) {
    reader = ResponseReader(kRequest, ResponseReader::Body::kInFirstPart, false);
    reader.lend(100);
    are("head garbage: a place that was not lent", head(-1) + placed(offset, length));
  }
  reader = ResponseReader(kRequest, ResponseReader::Body::kInFirstPart, false);
  reader.lend(100);
  are("head garbage: a malformed place", head(-1) + placed(0, 0));
}

TEST(ResponseReader, WhatIsPlacedCountsForTheLength) {
  reader.lend(100);
  are("head placed(0+5) garbage: a body longer than its Content-Length", head(9) + placed(0, 5) + placed(5, 5));
}

TEST(ResponseReader, AResponseWithoutLength) {
  are("head body(abc) body(d) end ", head(-1) + body("abc") + body("d") + end());
}

TEST(ResponseReader, AFailureNeedsNoHead) {
  are("end ", end(GATEHOUSE_FAILED, 504));
  LONGS_EQUAL(504, reader.end().status);
}

TEST(ResponseReader, OnlyWhatComesOfTheApplicationMeansStarted) {
  std::string log;
  wire::append_log({base::Level::kError, "while loading", "a.py", 7}, kRequest, &log);
  are("log(while loading a.py:7) ", log);
  CHECK_FALSE(reader.is_started());
  are("declined ", frame(wire::FrameType::kDeclined));
  CHECK_FALSE(reader.is_started());
}

TEST(ResponseReader, InterimResponsesComeBeforeTheHead) {
  are("interim(103) interim(103) head end ", interim({{"Link", "</a>"}}) + interim({}) + head(-1) + end());
  CHECK_TRUE(reader.is_started());
}

TEST(ResponseReader, AnInterimResponseMeansStarted) {
  are("interim(103) ", interim({}));
  CHECK_TRUE(reader.is_started());
  CHECK_FALSE(reader.has_head());
}

TEST(ResponseReader, AnInterimResponseAfterTheHeadIsGarbage) {
  are("head garbage: a frame out of place", head(-1) + interim({}));
}

TEST(ResponseReader, HeadersOfAnInterimResponseAreChecked) {
  STRCMP_CONTAINS("garbage: ", events(interim({{"Link", "a\r\nb"}})).c_str());
}

TEST(ResponseReader, AnInterimResponseHasNoLength) {
  are("garbage: two lengths of one response", interim({{"Content-Length", "3"}}));
}

TEST(ResponseReader, AFinalStatusIsNoInterimOne) { are("garbage: a malformed interim response", interim({}, 200)); }

TEST(ResponseReader, AHeadMeansStarted) {
  are("head ", head(-1));
  CHECK_TRUE(reader.is_started());
  CHECK_TRUE(reader.has_head());
}

TEST(ResponseReader, AFailureMeansThatTheRequestIsAnswered) {
  are("end ", end(GATEHOUSE_FAILED, 500));
  CHECK_TRUE(reader.is_started());
}

TEST(ResponseReader, StartedIsForRequestsWhoseBodyFollows) {
  are("garbage: nothing is held back of the request body", frame(wire::FrameType::kStarted));
  body_follows();
  are("started ", frame(wire::FrameType::kStarted));
  are("garbage: the request body is asked for twice", frame(wire::FrameType::kStarted));
  CHECK_TRUE(reader.is_started());
}

TEST(ResponseReader, ABodyLongerThanItsContentLengthIsGarbage) {
  are("head garbage: a body longer than its Content-Length", head(3) + body("abcd"));
}

TEST(ResponseReader, ABodyShorterThanItsContentLengthIsGarbage) {
  are("head body(ab) garbage: a body shorter than its Content-Length", head(3) + body("ab") + end());
}

TEST(ResponseReader, ATruncatedBodyMayBeShort) {
  are("head body(ab) end ", head(3) + body("ab") + end(GATEHOUSE_TRUNCATED));
  LONGS_EQUAL(GATEHOUSE_TRUNCATED, reader.end().outcome);
}

TEST(ResponseReader, ResponsesWithoutBodyMayTellALength) {
  to_head_request();
  are("head end ", head(1000, {{"Content-Length", "1000"}}) + end());
}

TEST(ResponseReader, ANotModifiedMayTellALength) { are("head end ", head(1000, {}, 304) + end()); }

TEST(ResponseReader, BodyBytesReadPastItCount) {
  are("head ", head(4) + body("abcd").substr(0, wire::kFrameHeaderSize));
  UNSIGNED_LONGS_EQUAL(4, reader.body_left());
  CHECK_TRUE(reader.take_body(4));
  are("end ", end());
}

TEST(ResponseReader, BodyBytesReadPastItBeyondTheLengthAreGarbage) {
  are("head ", head(3) + body("abcd").substr(0, wire::kFrameHeaderSize));
  CHECK_FALSE(reader.take_body(4));
  are("garbage: a body longer than its Content-Length", "");
}

TEST(ResponseReader, HeadersAreHeldToTheRules) {
  are("garbage: two lengths of one response", head(3, {{"content-LENGTH", "4"}}));
}

TEST(ResponseReader, ALengthThatTheHeadDoesNotTellIsGarbage) {
  are("garbage: two lengths of one response", head(-1, {{"Content-Length", "4"}}));
}

TEST(ResponseReader, NoHeaderOfTheConnection) {
  STRCMP_CONTAINS("garbage: ", events(head(-1, {{"Transfer-Encoding", "chunked"}})).c_str());
}

TEST(ResponseReader, NoLineFeedInAHeader) {
  STRCMP_CONTAINS("garbage: ", events(head(-1, {{"X", "a\r\nSet-Cookie: b"}})).c_str());
}

TEST(ResponseReader, NoLineFeedInTheReason) {
  are("garbage: a control character in the reason", head(-1, {}, 200, "OK\r\nX: y"));
}

TEST(ResponseReader, AFileNeedsItsDescriptor) { are("head garbage: a file without a descriptor", head(-1) + file(3)); }

TEST(ResponseReader, AFileIsPartOfTheBody) {
  reader.add_descriptor(null_device());
  are("head file body(d) end ", head(4) + file(3) + body("d") + end());
}

TEST(ResponseReader, AFileLongerThanTheContentLengthIsGarbage) {
  reader.add_descriptor(null_device());
  are("head garbage: a body longer than its Content-Length", head(2) + file(3));
}

TEST(ResponseReader, ADescriptorWithoutAFileIsGarbage) {
  reader.add_descriptor(null_device());
  are("head garbage: a descriptor without a file", head(-1) + end());
}

TEST(ResponseReader, ASecondDescriptorIsGarbageAndBothAreClosed) {
  const int first = null_device().get();  // free again
  reader.add_descriptor(null_device());
  reader.add_descriptor(null_device());
  are("garbage: a descriptor too many", head(-1));
  CHECK_EQUAL(first, null_device().get());
}

TEST(ResponseReader, ACompleteResponseHasAHead) { are("garbage: a response without a head", end()); }

TEST(ResponseReader, AFailureAfterTheHeadIsGarbage) {
  are("head garbage: a failure after the head, or without a status", head(-1) + end(GATEHOUSE_FAILED, 500));
}

TEST(ResponseReader, AFailureNeedsAStatusOfFailure) {
  are("garbage: a failure after the head, or without a status", end(GATEHOUSE_FAILED, 200));
}

TEST(ResponseReader, AnOutcomeThatIsNoneIsGarbage) {
  are("head garbage: an unknown outcome", head(-1) + end(GATEHOUSE_DECLINED));
}

TEST(ResponseReader, MalformedPayloadsAreGarbage) {
  are("garbage: a malformed response head", frame(wire::FrameType::kResponseHead, std::string(18, '\xff')));
}

TEST(ResponseReader, AMalformedLogLineIsGarbage) {
  are("garbage: a malformed log line", frame(wire::FrameType::kLog, "123456789"));
}

TEST(ResponseReader, FramesOfAnotherRequestAreGarbage) {
  std::string bytes = end();
  bytes[8] = 6;
  are("garbage: a frame of another request", bytes);
}

TEST(ResponseReader, AnEndSaysWhetherTheChannelIsKept) {
  are("head end ", head(-1) + end(GATEHOUSE_COMPLETE, 200, wire::kKept));
  CHECK_TRUE(reader.is_kept());
}

TEST(ResponseReader, AnEndWithoutTheFlagKeepsNothing) {
  are("head end ", head(-1) + end());
  CHECK_FALSE(reader.is_kept());
}

namespace {

std::string answers(const std::vector<wire::Answer>& list) {
  std::string out;
  wire::append_answers(list, kRequest, &out);
  return out;
}

}  // namespace

TEST(ResponseReader, AnswersOfACallAreGivenOut) {
  reader.expect_answers(2);
  STRCMP_EQUAL("answers end ", events(answers({{5, {"bob"}}, {0, {}}}) + end(GATEHOUSE_COMPLETE, 0)).c_str());
  CHECK_TRUE(reader.is_started());
}

TEST(ResponseReader, AnswersMustBeThoseThatWereAskedFor) {
  STRCMP_EQUAL("garbage: answers that nobody asked for", events(answers({{5, {"bob"}}})).c_str());
}

TEST(ResponseReader, AnswersOfAnotherNumberAreGarbage) {
  reader.expect_answers(2);
  STRCMP_EQUAL("garbage: answers of other functions", events(answers({{2, {}}})).c_str());
}

TEST(ResponseReader, AnswersOfAnUnknownKindAreGarbage) {
  reader.expect_answers(1);
  STRCMP_EQUAL("garbage: an unknown kind of answer", events(answers({{9, {}}})).c_str());
}

TEST(ResponseReader, AnswersComeOnce) {
  reader.expect_answers(1);
  STRCMP_EQUAL("answers garbage: answers that nobody asked for",
               events(answers({{2, {}}}) + answers({{2, {}}})).c_str());
}

TEST(ResponseReader, ACallMustHaveAnswers) {
  reader.expect_answers(1);
  STRCMP_EQUAL("garbage: a call without answers", events(end(GATEHOUSE_COMPLETE, 0)).c_str());
}

TEST(ResponseReader, AResponseToACallIsGarbage) {
  reader.expect_answers(1);
  STRCMP_EQUAL("garbage: a response to a call", events(head(0)).c_str());
}
