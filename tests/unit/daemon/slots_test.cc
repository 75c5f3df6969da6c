// SPDX-License-Identifier: Apache-2.0
#include "daemon/slots.h"

#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <optional>

#include <CppUTest/TestHarness.h>

using gatehoused::SlotTable;
using gatehoused::ThreadSlot;

TEST_GROUP(Slots) {
  std::optional<SlotTable> table;
  void setup() override { table.emplace(SlotTable::create(3, 20).value()); }

  ThreadSlot& slot(std::size_t thread = 0, std::size_t worker = 1) { return table->threads_of(worker)[thread]; }
  void takes(std::string_view summary, std::size_t thread = 0) {
    hold(slot(thread), base::Micros(7));
    describe(slot(thread), summary);
  }
  std::string held(std::size_t worker = 1) { return requests_held(table->threads_of(worker)); }
};

TEST(Slots, AreEmptyAtFirst) { STRCMP_EQUAL("no request", held().c_str()); }

TEST(Slots, NameWhatIsHeld) {
  takes("GET /a [1]");
  STRCMP_EQUAL("1 request: GET /a [1]", held().c_str());
  takes("GET /b [2]", 5);
  STRCMP_EQUAL("2 requests: GET /a [1], GET /b [2]", held().c_str());
  STRCMP_EQUAL("no request", held(0).c_str());
}

TEST(Slots, ForgetWhatIsLetGo) {
  takes("GET /a [1]");
  let_go(slot());
  STRCMP_EQUAL("no request", held().c_str());
}

TEST(Slots, DoNotShowTheRequestBeforeThisOne) {
  takes("GET /a [1]");
  let_go(slot());
  hold(slot(), base::Micros(8));
  STRCMP_EQUAL("1 request: (not yet read)", held().c_str());
}

TEST(Slots, AreClearedForTheNextWorker) {
  takes("GET /a [1]");
  table->clear(1);
  STRCMP_EQUAL("no request", held().c_str());
}

TEST(Slots, KeepABeatForEachWorker) {
  for (std::size_t worker = 0; worker < 3; ++worker)
    table->beat_of(worker).store(static_cast<std::int64_t>(worker) + 5);
  table->clear(1);
  LONGS_EQUAL(5, table->beat_of(0).load());
  LONGS_EQUAL(0, table->beat_of(1).load());
  LONGS_EQUAL(7, table->beat_of(2).load());
  STRCMP_EQUAL("no request", held(2).c_str());
}

TEST(Slots, NameNoMoreThanEight) {
  for (std::size_t i = 0; i < 20; ++i) takes("r" + std::to_string(i), i);
  STRCMP_EQUAL("20 requests: r0, r1, r2, r3, r4, r5, r6, r7, and 12 more", held().c_str());
}

TEST(Slots, CutALongSummary) {
  takes(std::string(1000, 'x'));
  CHECK(held().size() < 300);
}

TEST(Slots, ShowHostileContentEscapedAndWithinBounds) {
  hold(slot(), base::Micros(1));
  std::memset(slot().summary, '\n', gatehoused::kSummarySize);
  slot().summary_size.store(0xffffffff);
  const std::string text = held();
  CHECK(text.find('\n') == std::string::npos);
  CHECK(text.size() < 300);
}

TEST(Slots, AreSharedWithAForkedChild) {
  const pid_t child = fork();
  if (child == 0) {
    takes("GET /child [3]");
    _exit(0);
  }
  waitpid(child, nullptr, 0);
  STRCMP_EQUAL("1 request: GET /child [3]", held().c_str());
}
