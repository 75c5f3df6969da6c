// SPDX-License-Identifier: Apache-2.0
#include "daemon/gathering.h"

#include <CppUTest/TestHarness.h>

using base::Micros;
using gatehoused::Gathering;

TEST_GROUP(Gathering) {
  Gathering gathering;
  Micros now{};

  bool piece(std::size_t size, Micros after) { return gathering.add(now += after, size); }
  void pieces(int count) {
    for (int i = 0; i < count; ++i) piece(100, Micros(10));
  }
};

TEST(Gathering, BeginsWithAFewSmallPiecesBehindEachOther) {
  CHECK_FALSE(piece(100, Micros(0)));
  for (int i = 1; i < Gathering::kRow; ++i) CHECK_FALSE(piece(100, Micros(10)));
  CHECK_TRUE(piece(100, Micros(10)));
  CHECK_TRUE(piece(100, Micros(10)));
}

TEST(Gathering, EndsWithAPieceThatHadToBeWaitedFor) {
  pieces(Gathering::kRow + 1);
  CHECK_FALSE(piece(100, Gathering::kSoon));
  CHECK_FALSE(piece(100, Micros(10)));
}

TEST(Gathering, EndsWithALargePiece) {
  pieces(Gathering::kRow + 1);
  CHECK_FALSE(piece(Gathering::kSmall + 1, Micros(10)));
  CHECK_FALSE(piece(Gathering::kSmall, Micros(10)));
}
