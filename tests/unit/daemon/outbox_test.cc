// SPDX-License-Identifier: Apache-2.0
#include "daemon/outbox.h"

#include <sys/socket.h>

#include <atomic>
#include <string>
#include <string_view>
#include <thread>

#include <CppUTest/TestHarness.h>

#include "base/bytes.h"
#include "wire/channel.h"
#include "wire/frame_codec.h"
#include "wire/message.h"

using base::Micros;
using gatehoused::Courier;
using gatehoused::Gathering;
using gatehoused::Outbox;
using wire::FrameDecoder;

namespace {

constexpr std::uint32_t kRequest = 7;
constexpr Micros kLong = std::chrono::seconds(10);

// Stands still but for the tests, so that pieces are right behind each other on a slow machine, too.
std::atomic<Micros> now;

}  // namespace

TEST_GROUP(Outbox) {
  Courier* courier = nullptr;
  base::UniqueFd child, worker;
  FrameDecoder decoder{wire::Sender::kWorker, kRequest};
  int bodies = 0;  // frames

  void setup() override {
    now = std::chrono::seconds(1);
    base::set_clock_for_test([] { return now.load(); });
    courier = new Courier(2);
    open_channel();
  }
  void teardown() override {
    delete courier;
    base::set_clock_for_test(nullptr);
  }
  void pass(Micros time) { now = now.load() + time; }

  Outbox& box() { return courier->box(0); }
  void open_channel() {
    auto ends = base::socket_pair(SOCK_STREAM);
    CHECK_TRUE(static_cast<bool>(ends));
    child = std::move(ends.value().first);
    worker = std::move(ends.value().second);
    box().begin(worker.get(), kRequest);
    wire::append_response_head({}, kRequest, &box().frames());
    CHECK_TRUE(send());
  }
  bool hold(std::string_view bytes) {
    const gatehouse_text piece{bytes.data(), bytes.size()};
    return box().hold(std::span(&piece, 1), bytes.size());
  }
  // A row, until the next piece is held.
  void begin_row() {
    for (int i = 0; i < Gathering::kRow; ++i) CHECK_FALSE(hold("x"));
  }
  void append(std::string_view bytes) {
    const wire::FrameHeader header{wire::FrameType::kBody, 0, static_cast<std::uint32_t>(bytes.size()), kRequest};
    wire::append_frame_header(header, &box().frames());
    box().frames().append(bytes);
  }
  bool send() {
    const wire::Sent sent = wire::send_all(worker.get(), base::as_bytes(box().frames()), kLong);
    box().clear();
    return sent == wire::Sent::kAll;
  }
  // The next body bytes, at least so many.
  std::string heard(std::size_t size) {
    std::string body;
    std::string bytes(10'000, '\0');
    while (body.size() < size) {
      iovec piece{bytes.data(), bytes.size()};
      const ssize_t received = wire::receive(child.get(), std::span(&piece, 1), 0, kLong);
      if (received <= 0) return body + "!";
      std::span<const std::byte> input =
          base::as_bytes(std::string_view(bytes).substr(0, static_cast<std::size_t>(received)));
      for (FrameDecoder::Step step; (step = decoder.next(&input)) != FrameDecoder::Step::kMore;) {
        if (step == FrameDecoder::Step::kFrame) continue;  // the head
        if (step == FrameDecoder::Step::kGarbage) return body + decoder.reason();
        ++bodies;
        body.append(reinterpret_cast<const char*>(decoder.payload().data()), decoder.payload().size());
      }
    }
    return body;
  }
};

TEST(Outbox, WhatIsHeldIsOnItsWayWhateverTheOwnerDoes) {
  begin_row();
  CHECK_TRUE(hold("first, "));
  CHECK_TRUE(hold("second"));
  pass(Outbox::kMoment);
  STRCMP_EQUAL("first, second", heard(13).c_str());
}

TEST(Outbox, PiecesThatAreHeldTogetherAreOneFrame) {
  begin_row();
  for (int i = 0; i < 50; ++i) CHECK_TRUE(hold("piece"));
  LONGS_EQUAL(wire::kFrameHeaderSize + 50 * 5, box().frames().size());
  CHECK_TRUE(send());
  LONGS_EQUAL(250, heard(250).size());
  LONGS_EQUAL(1, bodies);
}

TEST(Outbox, WhatTheOwnerSendsComesAfterWhatIsHeld) {
  begin_row();
  CHECK_TRUE(hold("held "));
  append("sent");
  CHECK_TRUE(send());
  STRCMP_EQUAL("held sent", heard(9).c_str());
}

TEST(Outbox, HoldsNoMoreThanTheKernelTakesAtOnce) {
  begin_row();
  const std::string piece(Gathering::kSmall, 'x');
  CHECK_TRUE(hold(piece));
  CHECK_FALSE(hold(piece));
  CHECK_TRUE(hold("y"));
}

TEST(Outbox, WaitsForAChildThatTakesNothingYet) {
  append("early");
  CHECK_TRUE(send());
  STRCMP_EQUAL("early", heard(5).c_str());
  const std::string filler(1000, 'f');
  std::size_t filled = 0;
  for (ssize_t sent; (sent = wire::send_now(worker.get(), base::as_bytes(filler))) > 0;)
    filled += static_cast<std::size_t>(sent);
  begin_row();
  CHECK_TRUE(hold("late"));
  pass(Outbox::kMoment);
  std::this_thread::sleep_for(10 * Outbox::kMoment);
  std::string all(filled, '\0');
  LONGS_EQUAL(all.size(), recv(child.get(), all.data(), all.size(), MSG_WAITALL));
  pass(Outbox::kMoment);
  STRCMP_EQUAL("late", heard(4).c_str());
}

TEST(Outbox, TheOwnersNextSendFindsOutThatTheChildHasGone) {
  begin_row();
  child.reset();
  CHECK_TRUE(hold("lost"));
  pass(Outbox::kMoment);
  std::this_thread::sleep_for(10 * Outbox::kMoment);
  CHECK_FALSE(box().frames().empty());
  CHECK_FALSE(send());
}

TEST(Outbox, TheRestOfAFrameComesFirst) {
  append("body");
  box().put_rest("rest");
  CHECK_TRUE(box().is_cut());
  STRNCMP_EQUAL("rest", box().frames().c_str(), 4);
  box().clear();
  CHECK_FALSE(box().is_cut());
  box().put_rest("");
  CHECK_FALSE(box().is_cut());
}

TEST(Outbox, ABoxThatWasTakenBackCanBeHeldAgain) {
  begin_row();
  CHECK_TRUE(hold("held"));
  CHECK_TRUE(box().take_back());
  CHECK_FALSE(box().take_back());
  pass(Outbox::kMoment);
  box().hold_again();
  STRCMP_EQUAL("held", heard(4).c_str());
}

TEST(Outbox, NothingIsHeldInAProcessThatTheApplicationForked) {
  Courier forked(1);
  forked.forget();
  forked.box(0).begin(worker.get(), kRequest);
  const gatehouse_text piece{"x", 1};
  for (int i = 0; i < 10; ++i) CHECK_FALSE(forked.box(0).hold(std::span(&piece, 1), 1));
}

TEST(Outbox, NothingIsHeldWithoutACourier) {
  Outbox alone(nullptr);
  alone.begin(worker.get(), kRequest);
  const gatehouse_text piece{"x", 1};
  for (int i = 0; i < 10; ++i) CHECK_FALSE(alone.hold(std::span(&piece, 1), 1));
}

// The courier and the owner send in turns, as it happens; not a byte is lost, doubled or out of place.
TEST(Outbox, BytesStayInTheirOrder) {
  constexpr int kPieces = 50'000;
  std::size_t size = 0;
  for (int i = 0; i < kPieces; ++i) size += std::to_string(i).size() + 1;
  std::string got;
  std::thread reader([&] { got = heard(size); });
  int held = 0;
  for (int i = 0; i < kPieces; ++i) {
    const std::string piece = std::to_string(i) + ",";
    if (hold(piece)) {
      ++held;
      pass(Micros(i % 13));
      if (i % 97 == 0) std::this_thread::sleep_for(Outbox::kMoment / 2 + Micros(i % 200));
    } else {
      append(piece);
      CHECK_TRUE(send());
    }
  }
  if (!box().frames().empty()) CHECK_TRUE(send());
  reader.join();
  CHECK_TRUE(held > kPieces / 2);
  std::string expected;
  for (int i = 0; i < kPieces; ++i) expected += std::to_string(i) + ",";
  CHECK_TRUE(got == expected);
}

TEST(Outbox, PartsOfFramesStayInTheirOrder) {
  const int smallest = 1;
  setsockopt(worker.get(), SOL_SOCKET, SO_SNDBUF, &smallest, sizeof smallest);
  constexpr int kPieces = 300;
  const std::string piece(1000, 'p');
  std::string got;
  std::thread reader([&] { got = heard(kPieces * piece.size()); });
  for (int i = 0; i < kPieces; ++i) {
    pass(Outbox::kMoment / 3);
    if (hold(piece)) continue;
    append(piece);
    CHECK_TRUE(send());
  }
  if (!box().frames().empty()) CHECK_TRUE(send());
  reader.join();
  CHECK_TRUE(got == std::string(kPieces * piece.size(), 'p'));
}
