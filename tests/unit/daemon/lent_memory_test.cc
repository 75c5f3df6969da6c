// SPDX-License-Identifier: Apache-2.0
#include "daemon/lent_memory.h"

#include <sys/mman.h>

#include "session_fixture.h"

using namespace session_test;

namespace {

constexpr std::uint32_t kSize = 1u << 20;

// As httpd's child: puts the body together from BODY and PLACED, and says what has been taken.
class Child {
 public:
  enum class Lends { kMemory, kNone, kNoDescriptor, kNonsense };

  Child(int channel, Lends lends)
      : channel_(channel), lends_(lends), memory_(memfd_create("test", MFD_CLOEXEC)), thread_([this] { run(); }) {}

  // After so many PLACED it says something else, once.
  static constexpr int kNever = -1;
  int then_hangs_up = kNever;
  int then_talks_nonsense = kNever;
  int then_says_nothing = kNever;

  // The response's body, when the worker has said END or closed the channel.
  const std::string& body() {
    if (thread_.joinable()) thread_.join();
    return body_;
  }
  int placed() const { return placed_; }
  int told() const { return told_; }
  int asked() const { return asked_; }
  bool has_ended() const { return has_ended_; }

 private:
  void run() {
    CHECK_EQUAL(0, ftruncate(memory_.get(), kSize));
    FrameDecoder decoder(wire::Sender::kWorker, kRequest);
    std::string bytes(50'000, '\0');
    while (!has_ended_) {
      const ssize_t size = recv(channel_, bytes.data(), bytes.size(), 0);
      if (size <= 0) return;
      std::span<const std::byte> input = base::as_bytes(std::string_view(bytes.data(), static_cast<std::size_t>(size)));
      for (FrameDecoder::Step step; (step = decoder.next(&input)) != FrameDecoder::Step::kMore;) {
        if (step == FrameDecoder::Step::kGarbage) return;
        const auto payload = decoder.payload();
        if (step == FrameDecoder::Step::kBody) {
          body_.append(reinterpret_cast<const char*>(payload.data()), payload.size());
        } else if (decoder.header().type == FrameType::kWantMemory) {
          lend();
        } else if (decoder.header().type == FrameType::kPlaced) {
          take(payload, (decoder.header().flags & wire::kTell) != 0);
        } else if (decoder.header().type == FrameType::kEnd) {
          has_ended_ = true;
        }
      }
    }
  }
  void say(FrameType type, std::uint32_t size, int fd = -1) const {
    std::string out;
    wire::append_size(type, size, kRequest, &out);
    base::send_with_fd(channel_, base::as_bytes(out), fd, 0);
  }
  void lend() {
    ++asked_;
    switch (lends_) {
      case Lends::kMemory:
        return say(FrameType::kMemory, kSize, memory_.get());
      case Lends::kNone:
        return say(FrameType::kMemory, 0);
      case Lends::kNoDescriptor:
        return say(FrameType::kMemory, kSize);
      case Lends::kNonsense:
        return say(FrameType::kTaken, kSize);
    }
  }
  void take(std::span<const std::byte> payload, bool tells) {
    wire::Place place;
    CHECK_TRUE(wire::decode_placed(payload, &place));
    CHECK_TRUE(place.offset + place.length <= kSize);
    std::string bytes(place.length, '\0');
    CHECK_EQUAL(static_cast<ssize_t>(place.length), pread(memory_.get(), bytes.data(), bytes.size(), place.offset));
    body_ += bytes;
    ++placed_;
    if (then_hangs_up == placed_) {
      shutdown(channel_, SHUT_WR);
    } else if (then_says_nothing == placed_) {
      return;
    } else if (then_talks_nonsense == placed_) {
      say(FrameType::kTaken, place.length + 1);
    } else if (tells) {
      say(FrameType::kTaken, place.length);
      ++told_;
    }
  }

  const int channel_;
  const Lends lends_;
  base::UniqueFd memory_;
  std::string body_;
  int placed_ = 0;
  int told_ = 0;
  int asked_ = 0;
  bool has_ended_ = false;
  std::thread thread_;
};

std::string letters(std::size_t size) {
  std::string out(size, '\0');
  for (std::size_t i = 0; i < size; ++i) out[i] = static_cast<char>('a' + i * 31 % 1021 % 26);
  return out;
}

}  // namespace

TEST_GROUP_BASE(LentMemory, SessionFixture) {
  // What came of each body that the application sent.
  std::vector<gatehouse_io> results;

  Served answer(const std::vector<std::string>& bodies, const std::string& body_of_request = {}) {
    return serve([&, bodies](const gatehouse_request& request, gatehouse_outcome*) {
      const Host host{request};
      host.enter();
      host.head();
      for (const std::string& body : bodies) {
        results.push_back(host.body(body, GATEHOUSE_FLUSH));
        if (results.back() != GATEHOUSE_OK) return;
      }
      if (!body_of_request.empty()) STRCMP_EQUAL(body_of_request.c_str(), host.read_all().c_str());
    });
  }
};

TEST(LentMemory, ALargeBodyGoesByIt) {
  const std::string body = letters(5'000'001);
  say(first_part(frame(FrameType::kBodyEnd)));
  Child httpd(child.get(), Child::Lends::kMemory);
  answer({body});
  CHECK_TRUE(httpd.body() == body);
  LONGS_EQUAL(1, httpd.asked());
  CHECK_TRUE(httpd.placed() >= 20);
  CHECK_TRUE(httpd.has_ended());
}

TEST(LentMemory, ASmallBodyDoesNot) {
  say(first_part(frame(FrameType::kBodyEnd)));
  Child httpd(child.get(), Child::Lends::kMemory);
  answer({letters((512 << 10) - 1)});
  LONGS_EQUAL((512 << 10) - 1, httpd.body().size());
  LONGS_EQUAL(0, httpd.asked());
}

TEST(LentMemory, LargeAndSmallPiecesStayInOrder) {
  std::vector<std::string> bodies;
  std::string all;
  for (int i = 0; i < 120; ++i) {
    bodies.push_back(i % 3 == 0 ? letters(static_cast<std::size_t>(i) + 1)
                                : letters(90'001 + static_cast<std::size_t>(i)));
    all += bodies.back();
  }
  say(first_part(frame(FrameType::kBodyEnd)));
  Child httpd(child.get(), Child::Lends::kMemory);
  answer(bodies);
  CHECK_TRUE(httpd.body() == all);
  LONGS_EQUAL(1, httpd.asked());
  CHECK_TRUE(httpd.has_ended());
}

TEST(LentMemory, ManyPiecesShareAPlace) {
  const std::string piece = letters(1'000);
  const std::vector<gatehouse_text> list(5'000, text(piece));
  say(first_part(frame(FrameType::kBodyEnd)));
  Child httpd(child.get(), Child::Lends::kMemory);
  serve([&](const gatehouse_request& request, gatehouse_outcome*) {
    const Host host{request};
    host.enter();
    host.head();
    LONGS_EQUAL(GATEHOUSE_OK, host.pieces(list));
  });
  LONGS_EQUAL(5'000'000, httpd.body().size());
  CHECK_TRUE(httpd.body().substr(4'999'000) == piece);
  CHECK_TRUE(httpd.placed() < 25);
}

TEST(LentMemory, WithoutMemoryTheBodyGoesByTheChannel) {
  for (const Child::Lends lends : {Child::Lends::kNone, Child::Lends::kNoDescriptor}) {
    const std::string body = letters(5'000'000);
    open_channel();
    say(first_part(frame(FrameType::kBodyEnd)));
    Child httpd(child.get(), lends);
    answer({body, body});
    CHECK_TRUE(httpd.body() == body + body);
    LONGS_EQUAL(1, httpd.asked());
    LONGS_EQUAL(0, httpd.placed());
    CHECK_TRUE(httpd.has_ended());
  }
}

TEST(LentMemory, WithoutADescriptorFreeForItTheBodyGoesByTheChannel) {
  const std::string body = letters(5'000'000);
  say(first_part(frame(FrameType::kBodyEnd)));
  Child httpd(child.get(), Child::Lends::kMemory);
  rlimit before{};
  getrlimit(RLIMIT_NOFILE, &before);
  serve([&](const gatehouse_request& request, gatehouse_outcome*) {
    const Host host{request};
    host.enter();
    host.head();
    const rlimit none{3, before.rlim_max};
    setrlimit(RLIMIT_NOFILE, &none);
    LONGS_EQUAL(GATEHOUSE_OK, host.body(body, GATEHOUSE_FLUSH));
    setrlimit(RLIMIT_NOFILE, &before);
  });
  CHECK_TRUE(httpd.body() == body);
  LONGS_EQUAL(0, httpd.placed());
  CHECK_TRUE(httpd.has_ended());
}

TEST(LentMemory, AClientThatHasHungUpGetsTheRestByTheChannel) {
  const std::string body = letters(8'000'000);
  say(first_part(frame(FrameType::kBodyEnd)));
  Child httpd(child.get(), Child::Lends::kMemory);
  httpd.then_hangs_up = 3;
  answer({body});
  CHECK_TRUE(httpd.body() == body);
  CHECK_TRUE(httpd.has_ended());
}

TEST(LentMemory, AChildOfTheApplicationWritesNothingThere) {
  const std::string body = letters(5'000'000);
  say(first_part(frame(FrameType::kBodyEnd)));
  Child httpd(child.get(), Child::Lends::kMemory);
  serve([&](const gatehouse_request& request, gatehouse_outcome*) {
    const Host host{request};
    host.enter();
    host.head();
    LONGS_EQUAL(GATEHOUSE_OK, host.body(body, GATEHOUSE_FLUSH));
    maps.forget();
    LONGS_EQUAL(GATEHOUSE_OK, host.body(body, GATEHOUSE_FLUSH));
  });
  CHECK_TRUE(httpd.body() == body + body);
  CHECK_TRUE(httpd.placed() < 25);
}

TEST(LentMemory, TheEndWaitsForNoClient) {
  const std::string body = letters(4 << 20);
  say(first_part(frame(FrameType::kBodyEnd)));
  Child httpd(child.get(), Child::Lends::kMemory);
  httpd.then_says_nothing = 16;
  CHECK_TRUE(answer({body}) == Served::kDone);
  CHECK_TRUE(httpd.body() == body);
  CHECK_TRUE(httpd.has_ended());
}

TEST(LentMemory, WhatHttpdSaysOfItIsHeldToTheProtocol) {
  say(first_part(frame(FrameType::kBodyEnd)));
  Child httpd(child.get(), Child::Lends::kNonsense);
  answer({letters(5'000'000)});
  httpd.body();
  CHECK_FALSE(httpd.has_ended());
  LONGS_EQUAL(GATEHOUSE_GONE, results.back());
  STRCMP_CONTAINS("no answer about memory", lines.c_str());
}

TEST(LentMemory, MoreThanWasPlacedCannotBeTaken) {
  say(first_part(frame(FrameType::kBodyEnd)));
  Child httpd(child.get(), Child::Lends::kMemory);
  httpd.then_talks_nonsense = 1;
  answer({letters(4 << 20)});
  httpd.body();
  CHECK_FALSE(httpd.has_ended());
  STRCMP_CONTAINS("no word of the memory that was placed", lines.c_str());
}

TEST(LentMemory, HttpdThatTakesNothingIsGoneAfterSocketTimeout) {
  launch.spec.socket_timeout = 50'000;
  say(first_part(frame(FrameType::kBodyEnd)));
  answer({letters(5'000'000)});
  LONGS_EQUAL(GATEHOUSE_GONE, results.back());
}

TEST(LentMemory, ARequestOfWhichMoreIsToComeHasNone) {
  say(first_part("", wire::kMoreBody | wire::kOnDemand));
  Child httpd(child.get(), Child::Lends::kMemory);
  answer({letters(5'000'000)});
  LONGS_EQUAL(5'000'000, httpd.body().size());
  LONGS_EQUAL(0, httpd.asked());
}

TEST(LentMemory, TheLastMebibyteOfAKnownLengthIsNotToldOf) {
  const std::string body = letters(5'000'000);
  say(first_part(frame(FrameType::kBodyEnd)));
  Child httpd(child.get(), Child::Lends::kMemory);
  serve([&](const gatehouse_request& request, gatehouse_outcome*) {
    const Host host{request};
    host.enter();
    const gatehouse_response_head head{sizeof head, 200, text("OK"), nullptr, 0, 5'000'000};
    request.calls->send_head(request.context, &head);
    for (std::size_t start = 0; start < body.size(); start += 100'000)
      LONGS_EQUAL(GATEHOUSE_OK, host.body(std::string_view(body).substr(start, 100'000), GATEHOUSE_FLUSH));
  });
  CHECK_TRUE(httpd.body() == body);
  CHECK_TRUE(httpd.has_ended());
  CHECK_TRUE(httpd.told() >= 35);
  CHECK_TRUE(httpd.placed() - httpd.told() >= 10);
}
