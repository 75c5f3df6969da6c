// SPDX-License-Identifier: Apache-2.0
#include "daemon/lookout.h"

#include <unistd.h>

#include <atomic>
#include <chrono>
#include <thread>

#include <CppUTest/TestHarness.h>

using namespace std::chrono_literals;
using base::Micros;
using gatehoused::Lookout;
using gatehoused::Tempo;

TEST_GROUP(Tempo) {
  Tempo tempo;
  Micros now{1s};

  std::uint32_t served = 0;

  // Samples, so far apart; every step-th of them waited.
  void samples(int count, Micros apart, int step = 0) {
    for (int i = 1; i <= count; ++i) tempo.add(now += apart, served += Tempo::kSampled, step != 0 && i % step == 0);
  }
};

TEST(Tempo, OneIsEnoughForManyRequestsThatDoNotWait) {
  CHECK_FALSE(tempo.is_one_enough());
  samples(200, 2ms);
  CHECK_TRUE(tempo.is_one_enough());
}

TEST(Tempo, OneIsNotEnoughAtOnce) {
  samples(30, 2ms);
  CHECK_FALSE(tempo.is_one_enough());
}

TEST(Tempo, OneIsNotEnoughForFewRequests) {
  samples(1000, 10ms);
  CHECK_FALSE(tempo.is_one_enough());
}

TEST(Tempo, SeveralSamplesOfTheSameRequestsAreNotMore) {
  for (int i = 0; i < 200; ++i) {
    samples(1, 10ms);
    for (int j = 0; j < 3; ++j) tempo.add(now += 1us, ++served, false);
  }
  CHECK_FALSE(tempo.is_one_enough());
}

TEST(Tempo, OneIsNotEnoughForRequestsOfWhichSomeWait) {
  samples(1000, 2ms, 5);
  CHECK_FALSE(tempo.is_one_enough());
}

TEST(Tempo, AFewThatWaitDoNotMatter) {
  samples(200, 2ms);
  samples(5, 2ms, 5);
  CHECK_TRUE(tempo.is_one_enough());
}

TEST(Tempo, EndsWhenManyWaitAndWhenFewCome) {
  samples(200, 2ms);
  samples(10, 2ms, 1);
  CHECK_FALSE(tempo.is_one_enough());
  samples(200, 2ms);
  CHECK_TRUE(tempo.is_one_enough());
  samples(20, 20ms);
  CHECK_FALSE(tempo.is_one_enough());
}

TEST(Tempo, AfterADisappointmentThereIsAPause) {
  samples(200, 2ms);
  tempo.disappoint(now);
  CHECK_FALSE(tempo.is_one_enough());
  samples(40, 2ms);  // 80 ms
  CHECK_FALSE(tempo.is_one_enough());
  samples(20, 2ms);
  CHECK_TRUE(tempo.is_one_enough());
}

TEST_GROUP(Lookout) {
  Lookout lookout{true};
  std::atomic<int> entered = 0;

  // As many quick requests, at once: their rate is the clock's.
  static void serve(Lookout & with, int requests, bool has_waited = false) {
    for (int i = 0; i < requests; ++i) {
      const bool is_sample = with.is_sample();
      with.note_end();
      if (is_sample) with.note_sample(has_waited);
    }
  }
  std::thread another() {
    return std::thread([this] {
      lookout.enter();
      ++entered;
    });
  }
  void wait_for_resting(std::size_t count) const {
    for (int i = 0; i < 2000 && lookout.resting() != count; ++i) usleep(1000);
    LONGS_EQUAL(count, lookout.resting());
  }
};

TEST(Lookout, AtFirstAllWait) {
  lookout.enter();
  std::thread(another()).join();
  LONGS_EQUAL(1, entered.load());
}

TEST(Lookout, WhereOneIsEnoughTheFirstWaitsAndOthersRestUntilItStops) {
  serve(lookout, 4000);
  std::atomic<bool> looks_out = false, is_over = false;
  std::thread first([&] {
    while (!is_over) {
      lookout.enter();
      looks_out = true;
      serve(lookout, 1);
    }
  });
  while (!looks_out) usleep(100);
  std::thread second = another(), third = another();
  wait_for_resting(2);
  is_over = true;
  first.join();
  lookout.stop();
  second.join();
  third.join();
  LONGS_EQUAL(2, entered.load());
}

TEST(Lookout, WhenTheOneSleepsOthersWaitToo) {
  serve(lookout, 4000);
  lookout.enter();
  std::thread second = another();
  second.join();  // while this thread sleeps
  LONGS_EQUAL(1, entered.load());
}

TEST(Lookout, WhenTheOneComputesForLongOthersWaitToo) {
  serve(lookout, 4000);
  lookout.enter();
  const Micros begun = base::now();
  std::thread second = another();
  while (entered.load() == 0 && base::now() - begun < 5s) {
  }
  second.join();
  LONGS_EQUAL(1, entered.load());
  CHECK(base::now() - begun >= Lookout::kTick);
}

TEST(Lookout, SamplesThatWaitLetAllWait) {
  serve(lookout, 4000);
  lookout.enter();
  std::thread second = another();
  serve(lookout, 1000, true);
  second.join();
}

TEST(Lookout, AfterStopNobodyRests) {
  serve(lookout, 4000);
  lookout.enter();
  lookout.stop();
  std::thread(another()).join();
  serve(lookout, 4000);
  std::thread(another()).join();
  LONGS_EQUAL(2, entered.load());
}

TEST(Lookout, WhereThreadsRunSideBySideThereAreNoSamples) {
  Lookout many(false);
  CHECK_FALSE(many.is_sample());
}
