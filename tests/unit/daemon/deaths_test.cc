// SPDX-License-Identifier: Apache-2.0
#include "daemon/deaths.h"

#include <CppUTest/TestHarness.h>

using namespace std::chrono_literals;
using gatehoused::Death;
using gatehoused::Deaths;

TEST_GROUP(Deaths){};

TEST(Deaths, ALineSaysHowWhenWithWhatMemoryAndWhatWasHeld) {
  const Death death{12, "was killed by signal 11 (SIGSEGV)", 3100ms, 26'528'973, "1 request: GET /a [id]"};
  STRCMP_EQUAL(
      "worker 12 of group 'shop' was killed by signal 11 (SIGSEGV) after 3.1 s, with 25.3 MiB of memory at most; it "
      "held 1 request: GET /a [id]",
      gatehoused::text_of(death, "shop").c_str());
}

TEST(Deaths, MemoryThatIsNotKnownIsLeftOut) {
  STRCMP_EQUAL("worker 1 of group 'a' left after 0.0 s; it held no request",
               gatehoused::text_of({1, "left", 0s, 0, "no request"}, "a").c_str());
}

TEST(Deaths, TheLastOnesAreKeptInTheirOrder) {
  Deaths deaths;
  CHECK_TRUE(deaths.list().empty());
  for (int i = 0; i < 40; ++i) deaths.add(std::to_string(i), i * 1'000'000LL);
  const std::vector<std::string> lines = deaths.list();
  LONGS_EQUAL(Deaths::kMost, lines.size());
  STRCMP_EQUAL("1970-01-01 00:00:08 8", lines.front().c_str());
  STRCMP_EQUAL("1970-01-01 00:00:39 39", lines.back().c_str());
}
