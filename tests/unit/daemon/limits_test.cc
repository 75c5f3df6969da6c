// SPDX-License-Identifier: Apache-2.0
#include "daemon/limits.h"

#include <vector>

#include <CppUTest/TestHarness.h>

using namespace std::chrono_literals;
using gatehoused::Limits;
using gatehoused::Micros;
using gatehoused::Reason;
using gatehoused::Step;
using gatehoused::Verdict;
using gatehoused::WorkerView;

TEST_GROUP(WorkerLimits) {
  Limits limits;
  WorkerView worker;
  std::vector<gatehoused::ThreadView> threads{4};
  const Micros start = 1000s;

  void setup() override { worker.started = worker.last_beat = start; }
  void teardown() override { std::vector<gatehoused::ThreadView>().swap(threads); }
  Verdict at(Micros after_start) {
    worker.threads = threads;
    return judge(limits, worker, start + after_start);
  }
  void nothing_until(Micros due, Micros now = 0us) {
    const Verdict verdict = at(now);
    CHECK(verdict.step == Step::kNothing);
    LONGS_EQUAL((start + due).count(), verdict.next.count());
  }
  void decides(Step step, Reason reason, Micros now) {
    const Verdict verdict = at(now);
    LONGS_EQUAL(static_cast<int>(step), static_cast<int>(verdict.step));
    STRCMP_EQUAL(name_of(reason), name_of(verdict.reason));
  }
};

TEST(WorkerLimits, JitterLowersRecyclingByAPartOfItsPercentage) {
  wire::GroupSpec spec;
  spec.maximum_requests = 1000;
  spec.restart_interval = 60'000'000;
  spec.restart_jitter = 20;
  LONGS_EQUAL(1000, gatehoused::with_jitter(spec, 0).maximum_requests);
  LONGS_EQUAL(900, gatehoused::with_jitter(spec, 0.5).maximum_requests);
  LONGS_EQUAL(48'000'000, gatehoused::with_jitter(spec, 1).restart_interval);
}

TEST(WorkerLimits, JitterNeitherMakesNorRemovesALimit) {
  wire::GroupSpec spec;
  spec.maximum_requests = 1;
  spec.restart_jitter = 100;
  LONGS_EQUAL(1, gatehoused::with_jitter(spec, 1).maximum_requests);
  LONGS_EQUAL(0, gatehoused::with_jitter(spec, 1).restart_interval);
}

TEST(WorkerLimits, WithoutLimitsThereIsNothingToWakeFor) {
  threads[0].taken = start;
  LONGS_EQUAL(Micros::max().count(), at(1000000s).next.count());
}

TEST(WorkerLimits, AnOldWorkerRetires) {
  limits.restart = 10s;
  nothing_until(10s);
  decides(Step::kRetire, Reason::kRestartInterval, 10s);
}

TEST(WorkerLimits, ItRetiresOnce) {
  limits.restart = 10s;
  worker.retiring = true;
  LONGS_EQUAL(Micros::max().count(), at(20s).next.count());
}

TEST(WorkerLimits, AnIdleWorkerRetiresOnceItHasBeenActive) {
  limits.inactivity = 5s;
  nothing_until(105s, 100s);
  worker.last_active = start + 2s;
  nothing_until(7s, 3s);
  decides(Step::kRetire, Reason::kInactivity, 7s);
}

TEST(WorkerLimits, ARequestInHandIsActivityForItsWholeLife) {
  limits.inactivity = 5s;
  worker.last_active = start + 1s;
  threads[1].taken = start + 1s;
  nothing_until(25s, 20s);
}

TEST(WorkerLimits, AHungLockStopsTheWorkerWhateverElseIsSet) {
  limits.deadlock = 300s;
  nothing_until(300s);
  decides(Step::kStop, Reason::kDeadlock, 300s);
}

TEST(WorkerLimits, TheStartCountsFromTheFirstRequestToTheFirstApplication) {
  limits.startup = 2s;
  LONGS_EQUAL(Micros::max().count(), at(100s).next.count());
  worker.first_taken = start + 1s;
  nothing_until(3s, 1s);
  decides(Step::kStop, Reason::kStartupTimeout, 3s);
  worker.loaded = true;
  CHECK(at(3s).step == Step::kNothing);
}

TEST(WorkerLimits, ALongRequestWithoutInterruptionStopsAWorkerThatHoldsNothingElse) {
  limits.request = limits.stale = 10s;
  limits.graceful = 15s;
  threads[2].taken = start + 1s;
  nothing_until(11s, 5s);
  decides(Step::kStop, Reason::kRequestTimeout, 11s);
}

TEST(WorkerLimits, OthersThatAreNotStaleMayFinishFirst) {
  limits.request = limits.stale = 10s;
  limits.graceful = 15s;
  threads[2].taken = start + 1s;
  threads[3].taken = start + 9s;
  decides(Step::kLeave, Reason::kRequestTimeout, 11s);
}

TEST(WorkerLimits, WithoutGracefulTimeoutOthersAreNotWaitedFor) {
  limits.request = limits.stale = 10s;
  threads[2].taken = start + 1s;
  threads[3].taken = start + 9s;
  decides(Step::kStop, Reason::kRequestTimeout, 11s);
}

TEST(WorkerLimits, ALongRequestIsInterruptedFirst) {
  limits.request = 10s;
  limits.interrupt = 2s;
  limits.stale = 12s;
  threads[2].taken = start + 1s;
  decides(Step::kInterrupt, Reason::kRequestTimeout, 11s);
  LONGS_EQUAL(2, at(11s).thread);
  threads[2].interrupted = start + 11s;
  nothing_until(13s, 11s);
  decides(Step::kStop, Reason::kRequestTimeout, 13s);
}

TEST(WorkerLimits, AnIdleWorkerLooksAgainWhenARequestTakenNowWouldBeDue) {
  limits.request = 10s;
  nothing_until(15s, 5s);
}

TEST(WorkerLimits, StaleRequestsDoNotHoldUpADrain) {
  limits.request = 30s;
  limits.stale = 10s;
  worker.leaving = true;
  threads[0].taken = start;
  threads[1].taken = start + 5s;
  nothing_until(15s, 11s);
  decides(Step::kStop, Reason::kRequestTimeout, 15s);
}

TEST(WorkerLimits, WithoutRequestTimeoutNothingIsEverStale) {
  worker.leaving = true;
  threads[0].taken = start;
  CHECK(at(100000s).step == Step::kNothing);
}

TEST(WorkerLimits, TheWorstComesFirst) {
  limits.restart = limits.deadlock = 1s;
  decides(Step::kStop, Reason::kDeadlock, 5s);
}

TEST_GROUP(LimitsOfAGroup) {
  wire::GroupSpec spec;
  void leaves_within(Micros expected, Reason reason) {
    LONGS_EQUAL(expected.count(), time_to_leave(reason, spec).count());
  }
};

TEST(LimitsOfAGroup, TheThresholdGrowsWithTheThreads) {
  spec.request_timeout = 60'000'000;
  spec.threads = 1;
  LONGS_EQUAL(60'000'000, gatehoused::limits_of(spec).request.count());
  spec.threads = 15;
  DOUBLES_EQUAL(60e6 * 3.70805, static_cast<double>(gatehoused::limits_of(spec).request.count()), 1e3);
}

TEST(LimitsOfAGroup, ARequestIsStaleAfterBothTimeouts) {
  LONGS_EQUAL(0, gatehoused::limits_of(spec).stale.count());
  spec.request_timeout = 10'000'000;
  spec.interrupt_timeout = 500'000;
  LONGS_EQUAL(10'500'000, gatehoused::limits_of(spec).stale.count());
}

TEST(LimitsOfAGroup, EachReasonHasItsWindow) {
  spec.graceful_timeout = 7'000'000;
  spec.shutdown_timeout = 3'000'000;
  for (Reason reason : {Reason::kMaximumRequests, Reason::kRestartInterval, Reason::kCpuTime, Reason::kRequestTimeout,
                        Reason::kEviction})
    leaves_within(7s, reason);
  for (Reason reason : {Reason::kShutdown, Reason::kStartupTimeout, Reason::kDeadlock}) leaves_within(3s, reason);
  spec.eviction_timeout = 1'000'000;
  leaves_within(1s, Reason::kEviction);
  spec.graceful_timeout = 0;
  leaves_within(3s, Reason::kMaximumRequests);
}

TEST(LimitsOfAGroup, OnlyWhatWearsOutIsReplacedWithoutBackoff) {
  CHECK(is_regular(Reason::kMaximumRequests));
  CHECK(is_regular(Reason::kRestartInterval));
  CHECK(!is_regular(Reason::kScriptReload));
  CHECK(!is_regular(Reason::kDeadlock));
}
