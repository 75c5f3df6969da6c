// SPDX-License-Identifier: Apache-2.0
#include "daemon/scaling.h"

#include <CppUTest/TestHarness.h>

using namespace std::chrono_literals;
using base::Micros;
using gatehoused::Scaling;

namespace {

wire::GroupSpec spec_of(std::int64_t least, std::int64_t most) {
  wire::GroupSpec spec;
  spec.processes = least;
  spec.most_processes = most;
  spec.threads = 5;
  spec.scale_up_queue = 100'000;
  spec.scale_down_idle = 60'000'000;
  return spec;
}

}  // namespace

TEST_GROUP(Scaling) {
  Scaling scaling{spec_of(2, 4)};
  Micros now = 1000s;

  void waits(Micros longest, std::size_t ready) { scaling.look({longest, ready, ready * 5}, now += 50ms); }
  void works(std::size_t busy_threads, Micros passed) {
    scaling.look({0us, scaling.wanted(), busy_threads}, now += passed);
  }
  void grows_to(std::size_t number) {
    while (scaling.wanted() < number) waits(100ms, scaling.wanted());
  }
};

TEST(Scaling, BeginsWithTheLeast) {
  LONGS_EQUAL(2, scaling.wanted());
  CHECK(scaling.is_active());
  CHECK_FALSE(Scaling(spec_of(3, 0)).is_active());
  LONGS_EQUAL(3, Scaling(spec_of(3, 0)).wanted());
}

TEST(Scaling, ATicketThatWaitsTooLongBringsOneMore) {
  waits(99ms, 2);
  LONGS_EQUAL(2, scaling.wanted());
  waits(100ms, 2);
  LONGS_EQUAL(3, scaling.wanted());
}

TEST(Scaling, WaitsForThoseThatAreOnTheirWay) {
  waits(100ms, 2);
  for (int i = 0; i < 10; ++i) waits(500ms, 2);
  LONGS_EQUAL(3, scaling.wanted());
  waits(500ms, 3);
  LONGS_EQUAL(4, scaling.wanted());
}

TEST(Scaling, EndsAtTheMost) {
  for (std::size_t i = 0; i < 20; ++i) waits(5s, 10);
  LONGS_EQUAL(4, scaling.wanted());
}

TEST(Scaling, OneLeavesForEachTimeThatOthersCouldHaveDoneTheWork) {
  grows_to(4);
  works(15, 0s);
  works(15, 59s);
  LONGS_EQUAL(4, scaling.wanted());
  works(15, 1s);
  LONGS_EQUAL(3, scaling.wanted());
  works(0, 59s);
  LONGS_EQUAL(3, scaling.wanted());
  works(0, 1s);
  LONGS_EQUAL(2, scaling.wanted());
  for (int i = 0; i < 10; ++i) works(0, 60s);
  LONGS_EQUAL(2, scaling.wanted());
}

TEST(Scaling, AMomentOfWorkForAllBeginsTheTimeAnew) {
  grows_to(3);
  works(10, 0s);
  works(11, 59s);
  works(10, 1s);
  works(10, 59s);
  LONGS_EQUAL(3, scaling.wanted());
  waits(1ms, 3);
  works(10, 1s);
  LONGS_EQUAL(3, scaling.wanted());
}

TEST(Scaling, LooksTwiceInTheShorterTime) {
  CHECK(scaling.interval() == 50ms);
  wire::GroupSpec spec = spec_of(1, 2);
  spec.scale_up_queue = 0;
  CHECK(Scaling(spec).interval() == 10ms);
  spec.scale_up_queue = 60'000'000;
  CHECK(Scaling(spec).interval() == 1s);
}
