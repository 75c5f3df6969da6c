// SPDX-License-Identifier: Apache-2.0
#include "daemon/turn_away.h"

#include <sys/socket.h>

#include <array>
#include <string>

#include "base/bytes.h"
#include "base/posix.h"
#include "wire/frame_codec.h"
#include "wire/message.h"
#include "wsgi/engine_abi.h"

#include <CppUTest/TestHarness.h>

using gatehoused::TurnedAway;

TEST_GROUP(TurnAway) {
  base::UniqueFd sender, queue;

  void setup() override {
    auto pair = base::socket_pair(SOCK_SEQPACKET).value();
    sender = std::move(pair.first);
    queue = std::move(pair.second);
  }
  base::UniqueFd send_request(std::size_t size) {
    auto channel = base::socket_pair(SOCK_STREAM).value();
    const std::string request(size, 'r');
    base::write_all(channel.first.get(), request.data(), request.size());
    std::array<std::byte, wire::kTicketSize> bytes;
    wire::encode({9, 1, 0}, bytes);
    CHECK(base::send_with_fd(sender.get(), bytes, channel.second.get(), 0) > 0);
    return std::move(channel.first);
  }
  TurnedAway turn_away() { return gatehoused::turn_away_one(queue.get(), "the reason"); }
};

TEST(TurnAway, AnswersATicketWith503AndTheReason) {
  const base::UniqueFd channel = send_request(100'000);
  CHECK(turn_away() == TurnedAway::kOne);

  std::string answer(4096, '\0');
  const ssize_t got = recv(channel.get(), answer.data(), answer.size(), 0);
  CHECK(got > 0);
  answer.resize(static_cast<std::size_t>(got));
  std::span<const std::byte> input = base::as_bytes(answer);
  wire::FrameDecoder decoder(wire::Sender::kWorker, 9);

  CHECK(decoder.next(&input) == wire::FrameDecoder::Step::kFrame);
  wire::LogLine log;
  CHECK(wire::decode_log(decoder.payload(), &log));
  CHECK(log.text == "the reason");
  CHECK(decoder.next(&input) == wire::FrameDecoder::Step::kFrame);
  wire::End end;
  CHECK(wire::decode_end(decoder.payload(), &end));
  LONGS_EQUAL(GATEHOUSE_FAILED, end.outcome);
  LONGS_EQUAL(503, end.status);
}

TEST(TurnAway, EndsTheChannelInOrder) {
  const base::UniqueFd channel = send_request(100'000);
  turn_away();
  char piece[4096];
  CHECK(recv(channel.get(), piece, sizeof piece, 0) > 0);
  LONGS_EQUAL(0, recv(channel.get(), piece, sizeof piece, 0));
}

TEST(TurnAway, SaysWhenTheQueueIsEmptyOrOver) {
  CHECK(turn_away() == TurnedAway::kNone);
  sender.reset();
  CHECK(turn_away() == TurnedAway::kEnd);
}

TEST(TurnAway, DropsBrokenTickets) {
  for (const char* text : {"", "x"}) {
    CHECK(send(sender.get(), text, std::char_traits<char>::length(text), 0) >= 0);
    CHECK(turn_away() == TurnedAway::kOne);
  }
  CHECK(turn_away() == TurnedAway::kNone);
}
