// SPDX-License-Identifier: Apache-2.0
#include "daemon/policy.h"

#include <CppUTest/TestHarness.h>

using namespace std::chrono_literals;
using gatehoused::Backoff;
using gatehoused::Census;
using gatehoused::Micros;

TEST_GROUP(Backoff) {
  Backoff backoff;
  Micros now = 1000s;

  // Dies at once whenever it may start; the delay until it may start again.
  Micros dies_quickly(Micros longest = gatehoused::kLongestDelay) {
    if (backoff.not_before > now) now = backoff.not_before;
    backoff = after_death(backoff, 1s, now, longest);
    return backoff.not_before - now;
  }
  void equal(Micros expected, Micros actual) { LONGS_EQUAL(expected.count(), actual.count()); }
};

TEST(Backoff, TheFirstDeathIsReplacedAtOnce) {
  backoff = after_death(backoff, 1s, now);
  CHECK(may_start(backoff, now));
}

TEST(Backoff, DelaysDoubleUpToTheLongest) {
  const Micros expected[] = {0ms, 100ms, 200ms, 400ms, 800ms, 1600ms, 3200ms, 6400ms, 10s, 10s};
  for (const Micros delay : expected) equal(delay, dies_quickly(10s));
  for (int i = 0; i < 100; ++i) equal(10s, dies_quickly(10s));
  equal(2s, dies_quickly(2s));
}

TEST(Backoff, ADeathAfterALongLifeDoesNotCount) {
  for (int i = 0; i < 5; ++i) {
    backoff = after_death(backoff, 5s, now += 5s);
    CHECK(may_start(backoff, now));
  }
}

TEST(Backoff, DeathsWhileADelayRunsCountAsOne) {
  dies_quickly();
  for (int i = 0; i < 8; ++i) backoff = after_death(backoff, 1s, now);
  equal(100ms, backoff.not_before - now);
}

TEST(Backoff, AMinuteWithoutQuickDeathsIsForgiven) {
  for (int i = 0; i < 6; ++i) dies_quickly();
  now = backoff.not_before + 61s;
  equal(0ms, dies_quickly());
}

TEST_GROUP(ForksDue) {
  Backoff backoff;
  Micros now = 1000s;
  Census census{.wanted = 4, .taking = 1, .free_slots = 9, .zygote_up = true, .ending = false};
  std::size_t due() { return forks_due(census, backoff, now); }
};

TEST(ForksDue, AreWhatIsMissing) { LONGS_EQUAL(3, due()); }

TEST(ForksDue, AreNoneWhenEnoughTakeTickets) {
  census.taking = 4;
  LONGS_EQUAL(0, due());
  census.taking = 5;
  LONGS_EQUAL(0, due());
}

TEST(ForksDue, AreNoMoreThanFreeSlots) {
  census.free_slots = 2;
  LONGS_EQUAL(2, due());
}

TEST(ForksDue, AreNoneWithoutAZygoteOrAtTheEnd) {
  census.zygote_up = false;
  LONGS_EQUAL(0, due());
  census.zygote_up = census.ending = true;
  LONGS_EQUAL(0, due());
}

TEST(ForksDue, WaitForTheBackoff) {
  backoff.not_before = now + 1ms;
  LONGS_EQUAL(0, due());
  now += 1ms;
  LONGS_EQUAL(3, due());
}

TEST(ForksDue, AreOneAfterASecondWhenNobodyIsLeft) {
  backoff.last_end = now;
  backoff.not_before = now + 10s;
  census.taking = 0;
  LONGS_EQUAL(0, due());
  now += 1s;
  LONGS_EQUAL(1, due());
  census.taking = 1;
  LONGS_EQUAL(0, due());
}

TEST(ForksDue, AreOneASecondAtMostWhenNobodyIsLeftAgainAndAgain) {
  backoff = {.quick_deaths = 9, .last_death = now, .last_end = now, .not_before = now + 10s};
  census.taking = 0;
  int forks = 0;
  for (const Micros end = now + 8s; now < end; now += 10ms) {
    if (due() == 0) continue;
    ++forks;
    backoff = gatehoused::after_death(backoff, 1ms, now);  // at once again
  }
  CHECK(forks == 7 || forks == 8);
}

TEST_GROUP(TimeToFinish) {
  wire::GroupSpec spec;
  Micros prompt() { return time_to_finish(gatehoused::Ending::kPrompt, spec); }
};

TEST(TimeToFinish, IsTheShutdownTimeoutWhenHttpdStops) {
  spec.shutdown_timeout = 120'000'000;
  CHECK(prompt() == 120s);
}

TEST(TimeToFinish, IsThirtySecondsOtherwise) {
  CHECK(time_to_finish(gatehoused::Ending::kPeaceful, spec) == 30s);
  spec.shutdown_timeout = 0;
  CHECK(prompt() == 30s);
}

TEST(TimeToFinish, OfTheRetiredIsGracefulTimeoutIfThatIsGiven) {
  CHECK(gatehoused::time_to_retire(spec) == 30s);
  CHECK_TRUE(static_cast<bool>(wire::set_option(&spec, "graceful-timeout", "15")));
  CHECK(gatehoused::time_to_retire(spec) == 15s);
}

TEST_GROUP(Loading) { wire::GroupSpec spec; };

TEST(Loading, IsTriedAgainAfterGrowingDelays) {
  CHECK(gatehoused::load_delay(1) == 1s);
  CHECK(gatehoused::load_delay(2) == 2s);
  CHECK(gatehoused::load_delay(5) == 16s);
  CHECK(gatehoused::load_delay(1000) == 30s);
}

TEST(Loading, MayTakeAsLongAsStartupTimeoutSays) {
  spec.startup_timeout = 3'000'000;
  CHECK(gatehoused::load_deadline(spec, true, 100s).when() == 103s);
  CHECK(gatehoused::load_deadline(spec, false, 100s).when() == 103s);
}

TEST(Loading, HasALimitOnlyWhereOldCodeCanServe) {
  CHECK(gatehoused::load_deadline(spec, true, 100s).is_never());
  CHECK(gatehoused::load_deadline(spec, false, 100s).when() == 130s);
}

TEST(TimeToFinish, LeavesSlotsForThoseWhoAreSlowToLeave) { CHECK(gatehoused::slots_for(2) > 4); }

TEST_GROUP(Silence) {
  static constexpr Micros kDeadlock = std::chrono::seconds(2);
  gatehoused::Silence silence;
  const Micros beat = std::chrono::hours(1);
};

TEST(Silence, AWorkerThatBeatsLives) {
  for (Micros now = beat; now < beat + 10s; now += 1s) CHECK_FALSE(silence.look(now - 250ms, now, kDeadlock));
  CHECK(silence.next() > beat + 9s + kDeadlock - 250ms);
}

TEST(Silence, NothingFollowsFromNoBeatAtAllButToLookAgain) {
  CHECK_FALSE(silence.look(Micros(0), beat, kDeadlock));
  CHECK(silence.next() > beat + kDeadlock);
  CHECK_FALSE(silence.look(Micros(0), silence.next(), kDeadlock));
}

TEST(Silence, ABeatThatCannotBeIsNoReasonToKill) {
  for (const Micros nonsense : {Micros::max(), Micros::max() / 2, Micros::min(), beat + 1h}) {
    CHECK_FALSE(silence.look(nonsense, beat, kDeadlock));
    CHECK(silence.next() > beat + kDeadlock);
    CHECK(silence.next() < beat + kDeadlock + 1s);
  }
}

TEST(Silence, WithoutDeadlockTimeoutNobodyIsKilled) {
  CHECK_FALSE(silence.look(beat, beat + 1h, Micros(0)));
  CHECK(silence.next() == Micros::max());
}

TEST(Silence, AWorkerIsKilledAtTheSecondLookWithinOneSecondOfDeadlockTimeout) {
  CHECK_FALSE(silence.look(beat, beat + 1s, kDeadlock));
  const Micros first = silence.next();
  CHECK_FALSE(silence.look(beat, first, kDeadlock));
  CHECK_FALSE(silence.look(beat, first + 1ms, kDeadlock));  // woken by something else
  const Micros second = silence.next();
  CHECK(second > first);
  CHECK(silence.look(beat, second, kDeadlock));
  CHECK(second <= beat + kDeadlock + 1s);
}

TEST(Silence, AfterAStopOfTheWholeMachineABeatSavesTheWorker) {
  CHECK_FALSE(silence.look(beat, beat + 1h, kDeadlock));
  CHECK_FALSE(silence.look(beat + 1h, silence.next(), kDeadlock));
  CHECK_FALSE(silence.look(beat + 1h, beat + 1h + 1s, kDeadlock));
}
