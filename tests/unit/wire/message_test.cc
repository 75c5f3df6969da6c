// SPDX-License-Identifier: Apache-2.0
#include "wire/message.h"

#include <array>
#include <cstring>
#include <functional>
#include <memory>
#include <string>

#include "base/bytes.h"

#include <CppUTest/TestHarness.h>

using base::as_bytes;

namespace {

std::string hex(std::string_view bytes) {
  std::string out;
  for (const char byte : bytes) {
    const auto value = static_cast<unsigned char>(byte);
    out += "0123456789abcdef"[value >> 4];
    out += "0123456789abcdef"[value & 15];
  }
  return out;
}

void is(const char* expected, std::string_view actual) { STRCMP_EQUAL(expected, std::string(actual).c_str()); }

std::span<const std::byte> payload(const std::string& frame) {
  return as_bytes(std::string_view(frame).substr(wire::kFrameHeaderSize));
}

// Each prefix lies in memory of its own size, so that a sanitizer sees the first byte read beyond it.
void no_prefix_decodes(std::span<const std::byte> whole,
                       const std::function<bool(std::span<const std::byte>)>& decodes) {
  CHECK_TRUE(decodes(whole));
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const auto exact = std::make_unique<std::byte[]>(size);
    std::memcpy(exact.get(), whole.data(), size);
    CHECK_FALSE(decodes({exact.get(), size}));
  }
  std::string longer(reinterpret_cast<const char*>(whole.data()), whole.size());
  CHECK_FALSE(decodes(as_bytes(longer.append(1, '\0'))));
}

wire::RequestHead small_request() {
  wire::RequestHead head;
  head.first_part_size = 0x11223344;
  head.target_flags = 1;
  head.request_flags = 8;
  head.content_length = 5;
  head.script_mtime_us = 6;
  head.request_start_us = 7;
  head.queue_start_us = 8;
  head.submitted_us = 9;
  head.script = "/a";
  head.callable = "app";
  head.application_group = "g";
  head.interpreter = "";
  head.summary = "GET /";
  static constexpr wire::Pair kEnviron[] = {{"A", "b"}, {"C", ""}};
  head.environ = kEnviron;
  return head;
}

struct Decoded : wire::RequestHead {
  std::vector<wire::Pair> pairs;
};
bool decode_request_head(std::span<const std::byte> payload, Decoded* out) {
  return wire::decode_request_head(payload, &out->pairs, out);
}

std::string encoded(const wire::RequestHead& head) {
  std::string out;
  wire::append_request_head(head, 9, 0, &out);
  return out;
}

std::string encoded(const wire::ResponseHead& head) {
  std::string out;
  wire::append_response_head(head, 9, &out);
  return out;
}

std::string encoded(const wire::Ticket& ticket) {
  std::string out(wire::kTicketSize, '?');
  wire::encode(ticket,
               std::span<std::byte, wire::kTicketSize>(reinterpret_cast<std::byte*>(out.data()), wire::kTicketSize));
  return out;
}

}  // namespace

TEST_GROUP(Ticket){};

TEST(Ticket, IsThirtyTwoBytes) {
  is("4748544b"
     "06000000"
     "04030201"
     "00000000"
     "0700000000000000"
     "ffffffffffffffff",
     hex(encoded(wire::Ticket{0x01020304, 7, -1})));
}

TEST(Ticket, ComesBack) {
  wire::Ticket ticket;
  CHECK_TRUE(wire::decode(as_bytes(encoded(wire::Ticket{0x01020304, 7, 99})), &ticket));
  UNSIGNED_LONGS_EQUAL(0x01020304, ticket.request);
  LONGS_EQUAL(7, ticket.sent_us);
  LONGS_EQUAL(99, ticket.deadline_us);
}

TEST(Ticket, NoOtherSizeIsATicket) {
  no_prefix_decodes(as_bytes(encoded(wire::Ticket{1, 2, 3})), [](std::span<const std::byte> bytes) {
    wire::Ticket ticket;
    return wire::decode(bytes, &ticket);
  });
}

TEST(Ticket, AnotherVersionMagicOrReservedByteIsRefused) {
  for (std::size_t at : {0u, 3u, 4u, 5u, 6u, 7u, 12u, 15u}) {
    std::string bytes = encoded(wire::Ticket{1, 2, 3});
    bytes[at] = static_cast<char>(bytes[at] ^ 2);
    wire::Ticket ticket;
    CHECK_FALSE(wire::decode(as_bytes(bytes), &ticket));
  }
}

TEST_GROUP(RequestHead){};

TEST(RequestHead, IsThisOnTheWire) {
  is("01000000"
     "6a000000"
     "09000000"
     "44332211"
     "01000000"
     "08000000"
     "0500000000000000"
     "0600000000000000"
     "0700000000000000"
     "0800000000000000"
     "0900000000000000"
     "02000000"
     "2f61"
     "03000000"
     "617070"
     "01000000"
     "67"
     "00000000"
     "05000000"
     "474554202f"
     "02000000"
     "01000000"
     "41"
     "01000000"
     "62"
     "01000000"
     "43"
     "00000000",
     hex(encoded(small_request())));
}

TEST(RequestHead, ComesBack) {
  const std::string frame = encoded(small_request());
  Decoded head;
  CHECK_TRUE(decode_request_head(payload(frame), &head));
  UNSIGNED_LONGS_EQUAL(0x11223344, head.first_part_size);
  LONGS_EQUAL(5, head.content_length);
  LONGS_EQUAL(6, head.script_mtime_us);
  LONGS_EQUAL(7, head.request_start_us);
  LONGS_EQUAL(8, head.queue_start_us);
  LONGS_EQUAL(9, head.submitted_us);
  is("/a", head.script);
  is("app", head.callable);
  is("g", head.application_group);
  is("", head.interpreter);
  is("GET /", head.summary);
  LONGS_EQUAL(2, head.environ.size());
  is("C", head.environ[1].name);
  is("", head.environ[1].value);
}

TEST(RequestHead, NoPrefixDecodes) {
  no_prefix_decodes(payload(encoded(small_request())), [](std::span<const std::byte> bytes) {
    Decoded head;
    return decode_request_head(bytes, &head);
  });
}

TEST(RequestHead, AFailureChangesNothing) {
  Decoded head;
  head.script = "kept";
  const std::string frame = encoded(small_request());
  CHECK_FALSE(decode_request_head(payload(frame).first(80), &head));
  is("kept", head.script);
}

TEST(RequestHead, ACountThatCannotFitIsRefusedBeforeItIsBelieved) {
  std::string frame = encoded(small_request());
  const std::size_t count_at = frame.size() - 23;
  frame.replace(count_at, 4, "\xff\xff\xff\xff", 4);
  Decoded head;
  CHECK_FALSE(decode_request_head(payload(frame), &head));
}

TEST(RequestHead, MoreThanTheLargestNumberOfPairsIsRefused) {
  wire::RequestHead head = small_request();
  std::vector<wire::Pair> pairs(wire::kMaxPairs);
  head.environ = pairs;
  Decoded decoded;
  CHECK_TRUE(decode_request_head(payload(encoded(head)), &decoded));
  pairs.emplace_back();
  head.environ = pairs;
  CHECK_FALSE(decode_request_head(payload(encoded(head)), &decoded));
}

TEST(RequestHead, AContentLengthBelowUnknownIsRefused) {
  wire::RequestHead head = small_request();
  head.content_length = -1;
  Decoded decoded;
  CHECK_TRUE(decode_request_head(payload(encoded(head)), &decoded));
  head.content_length = -2;
  CHECK_FALSE(decode_request_head(payload(encoded(head)), &decoded));
}

TEST(RequestHead, TheSummaryIsCut) {
  wire::RequestHead head = small_request();
  const std::string line(300, 'x');
  head.summary = line;
  Decoded decoded;
  const std::string frame = encoded(head);
  CHECK_TRUE(decode_request_head(payload(frame), &decoded));
  LONGS_EQUAL(256, decoded.summary.size());
}

TEST(RequestHead, TellsTheSizeOfTheFirstPartFromSixteenBytes) {
  std::string part = encoded(small_request());
  part.append(12, 'e');
  wire::set_first_part_size(&part, 0, static_cast<std::uint32_t>(part.size()));
  UNSIGNED_LONGS_EQUAL(part.size(), wire::peek_first_part_size(as_bytes(part).first(16)));
  for (std::size_t size = 0; size < 16; ++size)
    UNSIGNED_LONGS_EQUAL(0, wire::peek_first_part_size(as_bytes(part).first(size)));
}

TEST(RequestHead, AFirstPartSmallerThanItsHeadOrBeyondTheLimitIsNone) {
  std::string part = encoded(small_request());
  const auto size = static_cast<std::uint32_t>(part.size());
  const auto with = [&](std::uint32_t told) {
    wire::set_first_part_size(&part, 0, told);
    return wire::peek_first_part_size(as_bytes(part));
  };
  UNSIGNED_LONGS_EQUAL(size, with(size));
  UNSIGNED_LONGS_EQUAL(0, with(size - 1));
  UNSIGNED_LONGS_EQUAL(wire::kMaxFirstPart, with(wire::kMaxFirstPart));
  UNSIGNED_LONGS_EQUAL(0, with(wire::kMaxFirstPart + 1));
  part[0] = static_cast<char>(wire::FrameType::kBody);
  UNSIGNED_LONGS_EQUAL(0, with(size));
}

TEST_GROUP(ResponseMessages){};

TEST(ResponseMessages, AHeadIsThisOnTheWire) {
  is("12000000"
     "20000000"
     "09000000"
     "c800"
     "ffffffffffffffff"
     "02000000"
     "4f4b"
     "01000000"
     "01000000"
     "58"
     "03000000"
     "792079",
     hex(encoded(wire::ResponseHead{200, -1, "OK", {{"X", "y y"}}})));
}

TEST(ResponseMessages, AHeadComesBack) {
  const std::string frame = encoded(wire::ResponseHead{404, 12, "Not Found", {{"A", "1"}, {"A", "2"}}});
  wire::ResponseHead head;
  CHECK_TRUE(wire::decode_response_head(payload(frame), &head));
  LONGS_EQUAL(404, head.status);
  LONGS_EQUAL(12, head.content_length);
  is("Not Found", head.reason);
  LONGS_EQUAL(2, head.headers.size());
  is("2", head.headers[1].value);
}

TEST(ResponseMessages, NoPrefixOfAHeadDecodes) {
  no_prefix_decodes(payload(encoded(wire::ResponseHead{200, -1, "OK", {{"X", "y"}}})), [](auto bytes) {
    wire::ResponseHead head;
    return wire::decode_response_head(bytes, &head);
  });
}

TEST(ResponseMessages, AStatusOutOfRangeIsRefused) {
  for (int status : {0, 100, 199, 600, 65535}) {
    wire::ResponseHead head;
    CHECK_FALSE(wire::decode_response_head(
        payload(encoded(wire::ResponseHead{static_cast<std::uint16_t>(status), -1, "", {}})), &head));
  }
}

TEST(ResponseMessages, AnEndComesBackAndNothingElseIsOne) {
  std::string frame;
  wire::append_end({1, 500, 3, 4, 5}, 9, wire::kKept, &frame);
  is("150100000b00000009000000"
     "01"
     "f401"
     "0300"
     "0400"
     "05000000",
     hex(frame));
  no_prefix_decodes(payload(frame), [](auto bytes) {
    wire::End end;
    return wire::decode_end(bytes, &end) && end.outcome == 1 && end.status == 500 && end.worker == 3 && end.free == 4 &&
           end.taken_us == 5;
  });
}

TEST(ResponseMessages, ALogLineComesBack) {
  std::string frame;
  wire::append_log({base::Level::kWarning, "a line", "/srv/a.py", 7}, 9, &frame);
  wire::LogLine log;
  CHECK_TRUE(wire::decode_log(payload(frame), &log));
  CHECK_TRUE(log.level == base::Level::kWarning);
  is("a line", log.text);
  is("/srv/a.py", log.file);
  LONGS_EQUAL(7, log.line);
}

TEST(ResponseMessages, ALogLineKeepsTheEndOfALongFileName) {
  std::string frame;
  wire::append_log({base::Level::kError, "a line", std::string(wire::kMaxLogFile, 'd') + "/a.py", 7}, 9, &frame);
  wire::LogLine log;
  CHECK_TRUE(wire::decode_log(payload(frame), &log));
  is((std::string(wire::kMaxLogFile - 5, 'd') + "/a.py").c_str(), log.file);
  is("a line", log.text);
}

TEST(ResponseMessages, ALongLogLineIsCutToTheLimit) {
  std::string frame;
  wire::append_log({base::Level::kError, std::string(wire::kMaxLog, 'x'), "a.py", 7}, 9, &frame);
  LONGS_EQUAL(wire::kFrameHeaderSize + wire::kMaxLog, frame.size());
}

TEST(ResponseMessages, AMalformedLogLineIsRefused) {
  std::string frame;
  wire::append_log({base::Level::kError, "", std::string(wire::kMaxLogFile, 'd'), 7}, 9, &frame);
  std::string of_no_level = frame, of_a_longer_file = frame, cut = frame;
  of_no_level[wire::kFrameHeaderSize] = 9;
  ++of_a_longer_file[wire::kFrameHeaderSize + 5];
  of_a_longer_file.push_back('x');
  cut.pop_back();
  wire::LogLine log;
  CHECK_TRUE(wire::decode_log(payload(frame), &log));
  for (const std::string& malformed : {of_no_level, of_a_longer_file, cut})
    CHECK_FALSE(wire::decode_log(payload(malformed), &log));
}

TEST(ResponseMessages, AFileRangeComesBackAndNothingElseIsOne) {
  std::string frame;
  wire::append_file({3, 0x7ffffffffffffffc}, 0, 9, &frame);
  no_prefix_decodes(payload(frame), [](auto bytes) {
    wire::FileRange range;
    return wire::decode_file(bytes, &range) && range.offset == 3 && range.length == 0x7ffffffffffffffc;
  });
}

TEST(ResponseMessages, AFileRangeBeyondTheLargestFileIsRefused) {
  const auto decodes = [](std::uint64_t offset, std::uint64_t length) {
    std::string frame;
    wire::append_file({offset, length}, 0, 9, &frame);
    wire::FileRange range;
    return wire::decode_file(payload(frame), &range);
  };
  CHECK_TRUE(decodes(0, INT64_MAX));
  CHECK_FALSE(decodes(1, INT64_MAX));
  CHECK_FALSE(decodes(1ull << 63, 0));
  CHECK_FALSE(decodes(0, UINT64_MAX));
}

TEST(ResponseMessages, AnInterimResponseComesBack) {
  std::string frame;
  wire::append_interim({103, {{"Link", "</a>"}, {"Link", "</b>"}}}, 9, &frame);
  wire::InterimHead interim;
  CHECK_TRUE(wire::decode_interim(payload(frame), &interim));
  LONGS_EQUAL(103, interim.status);
  LONGS_EQUAL(2, interim.headers.size());
  CHECK(interim.headers[1].value == "</b>");
}

TEST(ResponseMessages, NoPrefixOfAnInterimResponseDecodes) {
  std::string frame;
  wire::append_interim({103, {{"Link", "</a>"}}}, 9, &frame);
  no_prefix_decodes(payload(frame), [](auto bytes) {
    wire::InterimHead interim;
    return wire::decode_interim(bytes, &interim);
  });
}

TEST(ResponseMessages, AnInterimResponseIsNeitherFinalNorAnotherProtocol) {
  for (const int status : {100, 101, 200, 404, 0}) {
    std::string frame;
    wire::append_interim({static_cast<std::uint16_t>(status), {}}, 9, &frame);
    wire::InterimHead interim;
    CHECK_FALSE(wire::decode_interim(payload(frame), &interim));
  }
}

TEST(RequestHead, NotesTravelBesideTheFlags) {
  const std::uint32_t flags = wire::with_notes(0x0009, {7, 3, 2});
  LONGS_EQUAL(0x0009, flags & 0xffff);
  const wire::RequestNotes notes = wire::notes_of(flags);
  LONGS_EQUAL(7, notes.log_level);
  LONGS_EQUAL(3, notes.connects);
  LONGS_EQUAL(2, notes.restarts);
  LONGS_EQUAL(63, wire::notes_of(wire::with_notes(0, {8, 1000, 1000})).connects);
  LONGS_EQUAL(0, wire::notes_of(0x0009).log_level);
}

TEST(RequestHead, FlagsCanBeChangedOnceItIsEncoded) {
  std::string frame;
  wire::append_request_head(small_request(), 9, 0, &frame);
  wire::set_request_flags(&frame, 0, 0x12345678);
  Decoded head;
  CHECK_TRUE(decode_request_head(payload(frame), &head));
  LONGS_EQUAL(0x12345678, head.request_flags);
}

TEST_GROUP(Call){wire::RequestHead asking(){wire::RequestHead head = small_request();
head.call = wire::Call{3, {"f", "g"}, {"bob", ""}, {{"SSL_PROTOCOL", "TLSv1.3"}}};
return head;
}
}
;

TEST(Call, FollowsTheEnvironAndComesBack) {
  const std::string frame = encoded(asking());
  Decoded head;
  CHECK_TRUE(decode_request_head(payload(frame), &head));
  CHECK_TRUE(head.call.has_value());
  UNSIGNED_LONGS_EQUAL(3, head.call->flags);
  LONGS_EQUAL(2, head.call->functions.size());
  is("g", head.call->functions[1]);
  is("bob", head.call->arguments[0]);
  is("TLSv1.3", head.call->ssl_variables[0].value);
}

TEST(Call, AnOrdinaryRequestHasNone) {
  Decoded head{asking(), {}};
  const std::string frame = encoded(small_request());
  CHECK_TRUE(decode_request_head(payload(frame), &head));
  CHECK_FALSE(head.call.has_value());
}

TEST(Call, WithoutAFunctionIsRefused) {
  wire::RequestHead head = asking();
  head.call->functions.clear();
  const std::string frame = encoded(head);
  Decoded decoded;
  CHECK_FALSE(decode_request_head(payload(frame), &decoded));
}

TEST(Call, NoPartOfOneDecodes) {
  const std::string frame = encoded(asking());
  const std::size_t without = encoded(small_request()).size() - wire::kFrameHeaderSize;
  no_prefix_decodes(payload(frame), [&](std::span<const std::byte> bytes) {
    Decoded head;
    return bytes.size() != without && decode_request_head(bytes, &head);
  });
}

TEST_GROUP(Answers){std::string frame_of(const std::vector<wire::Answer>& answers){std::string out;
wire::append_answers(answers, 9, &out);
return out;
}
}
;

TEST(Answers, AreACountAndForEachItsKindAndTexts) {
  is("17000000"
     "14000000"
     "09000000"
     "02000000"
     "02"
     "00000000"
     "05"
     "01000000"
     "02000000"
     "6869",
     hex(frame_of({{2, {}}, {5, {"hi"}}})));
}

TEST(Answers, ComeBack) {
  std::vector<wire::Answer> answers;
  const std::string frame = frame_of({{7, {"a", "b"}}, {0, {}}});
  CHECK_TRUE(wire::decode_answers(payload(frame), &answers));
  LONGS_EQUAL(2, answers.size());
  LONGS_EQUAL(7, answers[0].kind);
  is("b", answers[0].texts[1]);
}

TEST(Answers, NoPartDecodes) {
  const std::string frame = frame_of({{7, {"a", "bc"}}, {2, {}}});
  no_prefix_decodes(payload(frame), [](std::span<const std::byte> bytes) {
    std::vector<wire::Answer> answers;
    return wire::decode_answers(bytes, &answers);
  });
}

TEST(Answers, ACountThatCannotBeTrueReservesNothing) {
  std::vector<wire::Answer> answers;
  CHECK_FALSE(wire::decode_answers(as_bytes(std::string_view("\xff\xff\x00\x00\x05\x00\x00\x00\x00", 9)), &answers));
}

TEST_GROUP(Memory){};

TEST(Memory, APlaceIsWhereAndHowMuch) {
  std::string out;
  wire::append_placed({0x01020304, 5}, wire::kTell, 9, &out);
  is("19010000"
     "08000000"
     "09000000"
     "04030201"
     "05000000",
     hex(out));
  wire::Place place;
  CHECK_TRUE(wire::decode_placed(payload(out), &place));
  UNSIGNED_LONGS_EQUAL(0x01020304, place.offset);
  UNSIGNED_LONGS_EQUAL(5, place.length);
}

TEST(Memory, NoPartOfAPlaceDecodesNorNothingPlaced) {
  std::string out;
  wire::append_placed({1, 0}, 0, 9, &out);
  wire::Place place;
  CHECK_FALSE(wire::decode_placed(payload(out), &place));
  out.clear();
  wire::append_placed({1, 2}, 0, 9, &out);
  no_prefix_decodes(payload(out), [&](std::span<const std::byte> bytes) { return wire::decode_placed(bytes, &place); });
}

TEST(Memory, ASizeIsOneFrameOfTheRequest) {
  std::string out;
  wire::append_size(wire::FrameType::kTaken, 0x01020304, 9, &out);
  is("05000000"
     "04000000"
     "09000000"
     "04030201",
     hex(out));
  std::uint32_t size = 0;
  CHECK_TRUE(wire::decode_size(as_bytes(out), wire::FrameType::kTaken, 9, &size));
  UNSIGNED_LONGS_EQUAL(0x01020304, size);
  CHECK_FALSE(wire::decode_size(as_bytes(out), wire::FrameType::kMemory, 9, &size));
  CHECK_FALSE(wire::decode_size(as_bytes(out), wire::FrameType::kTaken, 8, &size));
  CHECK_FALSE(wire::decode_size(as_bytes(out + "x"), wire::FrameType::kTaken, 9, &size));
  CHECK_FALSE(wire::decode_size(as_bytes(std::string_view(out).substr(1)), wire::FrameType::kTaken, 9, &size));
  for (const std::size_t place : {1u, 2u, 4u}) {  // flags, zero, length
    std::string wrong = out;
    ++wrong[place];
    CHECK_FALSE(wire::decode_size(as_bytes(wrong), wire::FrameType::kTaken, 9, &size));
  }
}
