// SPDX-License-Identifier: Apache-2.0
#include "module/gathering.h"

#include <atomic>

#include <CppUTest/TestHarness.h>

using base::Micros;
using httpd::Gathering;

namespace {

constinit std::atomic<Micros> now{};

Micros clock_for_test() { return now.load(); }

}  // namespace

TEST_GROUP(Gathering) {
  Gathering gathering;

  void setup() override { base::set_clock_for_test(clock_for_test); }
  void teardown() override { base::set_clock_for_test(nullptr); }

  void piece(std::size_t size, Micros wait) {
    gathering.before();
    now = now.load() + wait;
    gathering.after(size);
  }
  void pieces(int count) {
    for (int i = 0; i < count; ++i) piece(100, Micros(10));
  }
};

TEST(Gathering, BeginsWithAFewSmallPiecesBehindEachOther) {
  pieces(Gathering::kRow - 1);
  CHECK_FALSE(gathering.is_on());
  pieces(1);
  CHECK_TRUE(gathering.is_on());
}

TEST(Gathering, EndsWithAPieceThatHadToBeWaitedFor) {
  pieces(Gathering::kRow);
  piece(100, Gathering::kSoon);
  CHECK_FALSE(gathering.is_on());
}

TEST(Gathering, EndsWithALargePiece) {
  pieces(Gathering::kRow);
  piece(Gathering::kSmall + 1, Micros(10));
  CHECK_FALSE(gathering.is_on());
}

TEST(Gathering, SleepsForAMoment) {
  pieces(Gathering::kRow);
  base::set_clock_for_test(nullptr);
  const Micros begun = base::now();
  gathering.before();
  CHECK_TRUE(base::now() - begun >= Gathering::kMoment);
}
