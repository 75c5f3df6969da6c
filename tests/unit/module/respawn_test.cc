// SPDX-License-Identifier: Apache-2.0
#include "module/respawn.h"

#include <CppUTest/TestHarness.h>

using namespace std::chrono_literals;

TEST_GROUP(RespawnDelay) {
  httpd::RespawnDelay delay;
  // Seconds to wait after it ran for some time.
  long after(base::Micros ran) {
    return static_cast<long>(std::chrono::duration_cast<std::chrono::seconds>(delay.next(ran)).count());
  }
};

TEST(RespawnDelay, TheFirstEndCostsNothing) { LONGS_EQUAL(0, after(1s)); }

TEST(RespawnDelay, EachQuickEndDoublesItUpToThirtySeconds) {
  for (const long expected : {0, 1, 2, 4, 8, 16, 30, 30, 30}) LONGS_EQUAL(expected, after(1s));
}

TEST(RespawnDelay, ItDoesNotOverflow) {
  for (int i = 0; i < 100; ++i) after(0s);
  LONGS_EQUAL(30, after(0s));
}

TEST(RespawnDelay, AMinuteOfLifeForgivesAll) {
  for (int i = 0; i < 5; ++i) after(1s);
  LONGS_EQUAL(0, after(60s));
  LONGS_EQUAL(1, after(59s));
}
