// SPDX-License-Identifier: Apache-2.0
#include "wire/frame_codec.h"

#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "wire/message.h"

#include <CppUTest/TestHarness.h>

using wire::FrameDecoder;
using wire::FrameType;
using wire::Sender;

namespace {

constexpr std::uint32_t kRequest = 0x01020304;

std::string frame(FrameType type, std::string_view payload = {}, std::uint8_t flags = 0,
                  std::uint32_t request = kRequest) {
  std::string out;
  wire::append_frame_header({type, flags, static_cast<std::uint32_t>(payload.size()), request}, &out);
  return out.append(payload);
}

// A header that announces more than follows.
std::string header(FrameType type, std::uint32_t length) {
  std::string out;
  wire::append_frame_header({type, 0, length, kRequest}, &out);
  return out;
}

const std::string kHead = frame(FrameType::kResponseHead, std::string(18, 'h'));
const std::string kLog = frame(FrameType::kLog, std::string(9, 'l'));
const std::string kEnd = frame(FrameType::kEnd, std::string("\0\xc8\0\0\0\0\0\0\0\0\0", 11));

// What came out, as text: "18[18] B(abc) 21[11] over", "garbage: ...".
std::string read(FrameDecoder* decoder, std::string_view bytes) {
  std::string out;
  std::span<const std::byte> input = base::as_bytes(bytes);
  for (;;) {
    const FrameDecoder::Step step = decoder->next(&input);
    const auto payload = decoder->payload();
    if (step == FrameDecoder::Step::kMore) return out;
    if (step == FrameDecoder::Step::kGarbage) return out + "garbage: " + decoder->reason();
    if (step == FrameDecoder::Step::kBody) {
      out.append("B(").append(reinterpret_cast<const char*>(payload.data()), payload.size()).append(") ");
    } else {
      out.append(std::to_string(static_cast<int>(decoder->header().type)));
      out.append("[").append(std::to_string(payload.size())).append("] ");
    }
    if (decoder->is_over()) out.append("over ");
  }
}

std::string from_worker(std::string_view bytes) {
  FrameDecoder decoder(Sender::kWorker, kRequest);
  return read(&decoder, bytes);
}

std::string from_child(std::string_view bytes) {
  FrameDecoder decoder(Sender::kChild, kRequest);
  return read(&decoder, bytes);
}

void is(const char* expected, const std::string& actual) { STRCMP_EQUAL(expected, actual.c_str()); }

}  // namespace

TEST_GROUP(FrameCodec){};

TEST(FrameCodec, AHeaderIsTwelveLittleEndianBytes) {
  const std::string bytes = header(FrameType::kLog, 0x0a0b0c0d);
  const unsigned char golden[] = {20, 0, 0, 0, 0x0d, 0x0c, 0x0b, 0x0a, 4, 3, 2, 1};
  LONGS_EQUAL(sizeof golden, bytes.size());
  MEMCMP_EQUAL(golden, bytes.data(), sizeof golden);
  wire::FrameHeader decoded{};
  CHECK_TRUE(wire::decode_frame_header(base::as_bytes(bytes), &decoded));
  CHECK_TRUE(decoded.type == FrameType::kLog);
  UNSIGNED_LONGS_EQUAL(0x0a0b0c0d, decoded.length);
  UNSIGNED_LONGS_EQUAL(kRequest, decoded.request);
}

TEST(FrameCodec, AResponseComesOutInOrder) {
  is("18[18] B(abc) B(d) 21[11] over ",
     from_worker(kHead + frame(FrameType::kBody, "abc") + frame(FrameType::kBody, "d") + kEnd));
}

TEST(FrameCodec, ARequestComesOutInOrder) {
  is("1[4] B(abc) 3[0] over ",
     from_child(frame(FrameType::kRequestHead, "head") + frame(FrameType::kBody, "abc") + frame(FrameType::kBodyEnd)));
}

TEST(FrameCodec, PartOfEitherBodyMayBeAFile) {
  const std::string file = frame(FrameType::kFile, std::string(16, '\0'));
  is("1[4] B(abc) 19[16] B(d) 3[0] over ",
     from_child(frame(FrameType::kRequestHead, "head") + frame(FrameType::kBody, "abc") + file +
                frame(FrameType::kBody, "d") + frame(FrameType::kBodyEnd)));
  is("18[18] 19[16] 21[11] over ", from_worker(kHead + file + kEnd));
}

TEST(FrameCodec, TheFileOfARequestsBodyMayBeAPipe) {
  std::string piped;
  wire::append_file({0, 5}, wire::kPiped, kRequest, &piped);
  is("1[4] 19[16] 3[0] over ", from_child(frame(FrameType::kRequestHead, "head") + piped + frame(FrameType::kBodyEnd)));
  is("18[18] garbage: unknown flags", from_worker(kHead + piped));
}

TEST(FrameCodec, PartOfAResponsesBodyMayBeInLentMemory) {
  const std::string want = frame(FrameType::kWantMemory), placed = frame(FrameType::kPlaced, std::string(8, 'p'));
  is("18[18] 24[0] B(abc) 25[8] B(d) 21[11] over ",
     from_worker(kHead + want + frame(FrameType::kBody, "abc") + placed + frame(FrameType::kBody, "d") + kEnd));
  is("garbage: a frame out of place", from_worker(want));
  is("garbage: a frame out of place", from_worker(placed));
}

TEST(FrameCodec, LogLinesMayStandAnywhereBeforeTheEnd) {
  is("20[9] 16[0] 20[9] 18[18] 20[9] B(b) 20[9] 21[11] over ",
     from_worker(kLog + frame(FrameType::kStarted) + kLog + kHead + kLog + frame(FrameType::kBody, "b") + kLog + kEnd));
}

TEST(FrameCodec, InterimResponsesComeAheadOfTheHead) {
  const std::string interim = frame(FrameType::kInterim, std::string(6, 'i'));
  is("22[6] 22[6] 18[18] 21[11] over ", from_worker(interim + interim + kHead + kEnd));
  is("18[18] garbage: a frame out of place", from_worker(kHead + interim));
}

TEST(FrameCodec, AnEndMayStandAlone) { is("21[11] over ", from_worker(kEnd)); }

TEST(FrameCodec, ADeclinedRequestIsOver) { is("17[0] over ", from_worker(frame(FrameType::kDeclined))); }

TEST(FrameCodec, ByteByByteTheSameComesOut) {
  const std::string bytes = kLog + kHead + frame(FrameType::kBody, "abc") + kEnd;
  FrameDecoder decoder(Sender::kWorker, kRequest);
  std::string out;
  for (const char byte : bytes) out += read(&decoder, {&byte, 1});
  is("20[9] 18[18] B(a) B(b) B(c) 21[11] over ", out);
}

TEST(FrameCodec, EverySplitInTwoGivesTheSameFrames) {
  const std::string bytes = kLog + kHead + kEnd;
  for (std::size_t at = 0; at <= bytes.size(); ++at) {
    FrameDecoder decoder(Sender::kWorker, kRequest);
    const std::string first = read(&decoder, std::string_view(bytes).substr(0, at));
    is("20[9] 18[18] 21[11] over ", first + read(&decoder, std::string_view(bytes).substr(at)));
  }
}

// Each prefix lies in memory of its own size, so that a sanitizer sees the first byte read beyond it.
TEST(FrameCodec, NoStrictPrefixOfAFrameIsAFrame) {
  for (const std::string& golden : {kHead, kEnd, kLog, frame(FrameType::kStarted)}) {
    for (std::size_t size = 0; size < golden.size(); ++size) {
      const auto exact = std::make_unique<char[]>(size);
      std::memcpy(exact.get(), golden.data(), size);
      is("", from_worker({exact.get(), size}));
    }
  }
}

TEST(FrameCodec, APayloadCollectedInPiecesIsWhole) {
  const std::string log = frame(FrameType::kLog, "\3a longer line than any small string buffer holds");
  FrameDecoder decoder(Sender::kWorker, kRequest);
  std::span<const std::byte> first = base::as_bytes(std::string_view(log).substr(0, 20));
  CHECK_TRUE(decoder.next(&first) == FrameDecoder::Step::kMore);
  std::span<const std::byte> second = base::as_bytes(std::string_view(log).substr(20));
  CHECK_TRUE(decoder.next(&second) == FrameDecoder::Step::kFrame);
  is(log.c_str() + wire::kFrameHeaderSize,
     std::string(reinterpret_cast<const char*>(decoder.payload().data()), decoder.payload().size()));
}

TEST(FrameCodec, ABodyMayBeReadPastTheDecoder) {
  FrameDecoder decoder(Sender::kWorker, kRequest);
  is("18[18] B(ab) ", read(&decoder, kHead + header(FrameType::kBody, 10) + "ab"));
  UNSIGNED_LONGS_EQUAL(8, decoder.body_left());
  decoder.take_body(8);
  is("21[11] over ", read(&decoder, kEnd));
}

TEST_GROUP(FrameGarbage){};

TEST(FrameGarbage, AnUnknownType) {
  is("garbage: an unknown frame type", from_worker(frame(static_cast<FrameType>(99))));
}

TEST(FrameGarbage, EveryTypeThatIsNotInTheProtocol) {
  for (int type = 0; type < 256; ++type) {
    const bool known = (type >= 1 && type <= 3) || (type >= 16 && type <= 25);
    const bool refused = from_worker(frame(static_cast<FrameType>(type))).ends_with("unknown frame type");
    CHECK_TRUE(known != refused);
  }
}

TEST(FrameGarbage, ReservedBytes) {
  std::string bytes = kEnd;
  bytes[2] = 1;
  is("garbage: reserved bytes are set", from_worker(bytes));
  bytes[2] = 0;
  bytes[3] = 1;
  is("garbage: reserved bytes are set", from_worker(bytes));
}

TEST(FrameGarbage, UnknownFlags) {
  for (int flags = 1; flags < 256; ++flags) {
    is("garbage: unknown flags", from_worker(frame(FrameType::kLog, "\3x", static_cast<std::uint8_t>(flags))));
    if ((flags & ~(wire::kMoreBody | wire::kOnDemand | wire::kBodyFile)) != 0)
      is("garbage: unknown flags",
         from_child(frame(FrameType::kRequestHead, "head", static_cast<std::uint8_t>(flags))));
  }
}

TEST(FrameGarbage, AnotherRequest) {
  is("garbage: a frame of another request", from_worker(frame(FrameType::kStarted, {}, 0, kRequest + 1)));
}

TEST(FrameGarbage, AFrameInTheWrongDirection) {
  is("garbage: a frame out of place", from_worker(frame(FrameType::kRequestHead, "head")));
  is("18[18] garbage: a frame out of place", from_worker(kHead + frame(FrameType::kBodyEnd)));
  is("garbage: a frame out of place", from_child(kHead));
  is("1[4] garbage: a frame out of place", from_child(frame(FrameType::kRequestHead, "head") + kEnd));
}

TEST(FrameGarbage, ABodyBeforeTheHead) {
  is("garbage: a frame out of place", from_worker(frame(FrameType::kBody, "x")));
  is("garbage: a frame out of place", from_child(frame(FrameType::kBody, "x")));
  is("garbage: a frame out of place", from_child(frame(FrameType::kBodyEnd)));
  is("garbage: a frame out of place", from_worker(frame(FrameType::kFile, std::string(16, '\0'))));
  is("garbage: a frame out of place", from_child(frame(FrameType::kFile, std::string(16, '\0'))));
}

TEST(FrameGarbage, ASecondHead) {
  is("18[18] garbage: a frame out of place", from_worker(kHead + kHead));
  const std::string head = frame(FrameType::kRequestHead, "head");
  is("1[4] garbage: a frame out of place", from_child(head + head));
}

TEST(FrameCodec, TheBodyMayBeAskedForAtAnyTimeBeforeTheEnd) {
  const std::string started = frame(FrameType::kStarted);
  is("16[0] 18[18] 21[11] over ", from_worker(started + kHead + kEnd));
  is("18[18] 16[0] B(abc) 21[11] over ", from_worker(kHead + started + frame(FrameType::kBody, "abc") + kEnd));
}

TEST(FrameGarbage, AStartedRequestIsNotDeclined) {
  const std::string started = frame(FrameType::kStarted);
  is("16[0] garbage: a frame out of place", from_worker(started + frame(FrameType::kDeclined)));
}

TEST(FrameGarbage, AnythingAfterTheLastFrame) {
  is("21[11] over garbage: bytes after the last frame", from_worker(kEnd + "x"));
  is("17[0] over garbage: bytes after the last frame", from_worker(frame(FrameType::kDeclined) + kEnd));
  is("1[4] 3[0] over garbage: bytes after the last frame",
     from_child(frame(FrameType::kRequestHead, "head") + frame(FrameType::kBodyEnd) + frame(FrameType::kBodyEnd)));
}

TEST(FrameGarbage, StaysGarbage) {
  FrameDecoder decoder(Sender::kWorker, kRequest);
  read(&decoder, frame(static_cast<FrameType>(99)));
  is("garbage: an unknown frame type", read(&decoder, kEnd));
}

TEST(FrameGarbage, LengthsOutOfRange) {
  const char* expected = "garbage: a length out of range";
  is(expected, from_worker(header(FrameType::kResponseHead, wire::kMaxResponseHead + 1)));
  is(expected, from_worker(header(FrameType::kResponseHead, 17)));
  is(expected, from_worker(header(FrameType::kLog, wire::kMaxLog + 1)));
  is(expected, from_worker(header(FrameType::kLog, wire::kMinLog - 1)));
  is(expected, from_worker(header(FrameType::kEnd, 10)));
  is(expected, from_worker(header(FrameType::kEnd, 12)));
  is(expected, from_worker(header(FrameType::kStarted, 1)));
  is(expected, from_child(header(FrameType::kRequestHead, wire::kMaxRequestHead + 1)));
  is(expected, from_child(header(FrameType::kRequestHead, 0xffffffff)));
  is(expected, from_worker(kHead + header(FrameType::kBody, wire::kMaxBodyFrame + 1)).substr(7));
  is(expected, from_worker(kHead + header(FrameType::kBody, 0)).substr(7));
  is(expected, from_worker(kHead + header(FrameType::kFile, 15)).substr(7));
}

TEST(FrameGarbage, TheLargestLengthsAreAccepted) {
  is("", from_worker(header(FrameType::kResponseHead, wire::kMaxResponseHead)));
  is("", from_worker(header(FrameType::kLog, wire::kMaxLog)));
  is("", from_child(header(FrameType::kRequestHead, wire::kMaxRequestHead)));
  is("18[18] ", from_worker(kHead + header(FrameType::kBody, wire::kMaxBodyFrame)));
}
