// SPDX-License-Identifier: Apache-2.0
#include "daemon/workers.h"

#include <sys/socket.h>

#include <CppUTest/TestHarness.h>

using namespace std::chrono_literals;
using gatehoused::Census;
using gatehoused::SlotTable;
using gatehoused::Worker;
using gatehoused::Workers;

TEST_GROUP(Workers) {
  Workers workers{6};
  SlotTable table = SlotTable::create(6, 2).value();

  void put(std::size_t slot, Worker::State state, int brood, pid_t pid, gatehoused::Micros started = 0s) {
    workers[slot].state = state;
    workers[slot].brood = brood;
    workers[slot].pid = pid;
    workers[slot].started = started;
  }
  void setup() override {
    put(0, Worker::State::kTaking, 1, 100, 1s);
    put(1, Worker::State::kTaking, 1, 101, 2s);
    put(2, Worker::State::kLeaving, 1, 102);
    put(3, Worker::State::kForking, 2, 0);
    put(4, Worker::State::kLoading, 2, 104);
  }
  void be_busy(std::size_t slot) { gatehoused::hold(table.threads_of(slot)[0], 1s); }
};

TEST(Workers, AreCountedByGeneration) {
  LONGS_EQUAL(3, workers.count(1));
  LONGS_EQUAL(2, workers.count(2));
  LONGS_EQUAL(2, workers.count_ready(1));
  LONGS_EQUAL(0, workers.count_ready(2));
  workers[0].wants_relief = true;
  LONGS_EQUAL(1, workers.count_ready(1));
}

TEST(Workers, ACensusCountsThoseThatTakeOrWillAndTheFreeSlots) {
  Census census;
  workers.count_for(2, &census);
  LONGS_EQUAL(2, census.taking);
  LONGS_EQUAL(1, census.free_slots);
}

TEST(Workers, BusyThreadsAreThoseOfWorkersThatTake) {
  be_busy(1);
  be_busy(2);
  LONGS_EQUAL(1, workers.count_busy_threads(1, table));
}

TEST(Workers, AreFoundByTheirNumber) {
  LONGS_EQUAL(4, *workers.find(104));
  CHECK_FALSE(workers.find(999).has_value());
  LONGS_EQUAL(5, *workers.free_slot());
  put(5, Worker::State::kTaking, 2, 105);
  CHECK_FALSE(workers.free_slot().has_value());
}

TEST(Workers, TheLatestIdleOneIsTheMostDispensable) {
  POINTERS_EQUAL(&workers[1], workers.most_dispensable(1, table));
  be_busy(1);
  POINTERS_EQUAL(&workers[0], workers.most_dispensable(1, table));
  be_busy(0);
  POINTERS_EQUAL(&workers[1], workers.most_dispensable(1, table));
  POINTERS_EQUAL(nullptr, workers.most_dispensable(2, table));
}

TEST(Workers, WhoWasNeverForkedIsForgottenWithItsZygote) {
  workers.forget(2, Workers::Which::kUnborn);
  LONGS_EQUAL(1, workers.count(2));
  workers.forget(2, Workers::Which::kAll);
  LONGS_EQUAL(0, workers.count(2));
  LONGS_EQUAL(3, workers.count(1));
}

TEST(Workers, AGenerationIsToldTogether) {
  auto line = base::socket_pair(SOCK_SEQPACKET).value();
  workers[0].line = std::move(line.first);
  workers.tell_all(2, {});
  gatehoused::WorkerOrder order;
  CHECK(hear(line.second.get(), &order) == gatehoused::Heard::kNothing);
  workers.tell_all(1, {gatehoused::WorkerOrder::Kind::kServe, 0, {}});
  CHECK(hear(line.second.get(), &order) == gatehoused::Heard::kMessage);
  CHECK(order.kind == gatehoused::WorkerOrder::Kind::kServe);
}
