// SPDX-License-Identifier: Apache-2.0
#include "daemon/watchdog.h"

#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <functional>
#include <thread>

#include "base/log.h"

#include <CppUTest/TestHarness.h>

#include <CppUTest/MemoryLeakWarningPlugin.h>

using namespace std::chrono_literals;
using gatehoused::Micros;
using gatehoused::Progress;
using gatehoused::Reason;
using gatehoused::Step;
using gatehoused::ThreadSlot;
using gatehoused::Verdict;
using gatehoused::Watchdog;

namespace {

// An engine of which a watchdog calls four functions.
std::atomic<std::uint64_t> interrupted_number;
std::atomic<bool> lock_hangs;
std::atomic<int> published, told, told_of_hung;

gatehouse_engine_table fake_engine() {
  gatehouse_engine_table table{};
  table.end_thread = [] {};
  table.publish_signal = [](int number) { published = number; };
  table.interrupt = [](std::uint64_t number) {
    interrupted_number = number;
    return 1;
  };
  table.probe = [] {
    while (lock_hangs) std::this_thread::sleep_for(1ms);
  };
  table.stacks = [] { ++told; };
  table.stacks_of_hung = [] { ++told_of_hung; };
  return table;
}

template <typename Condition>
void wait_until(Condition condition) {
  for (int i = 0; i < 10000 && !condition(); ++i) std::this_thread::sleep_for(1ms);
}

}  // namespace

TEST_GROUP(WatchdogOfAWorker) {
  wire::GroupSpec spec;
  std::array<ThreadSlot, 2> slots{};
  std::atomic<std::int64_t> beat = 0;
  Progress progress;
  const gatehouse_engine_table engine = fake_engine();

  void setup() override {
    spec.threads = 1;
    spec.deadlock_timeout = 0;
    interrupted_number = 0;
    published = told = told_of_hung = 0;
    lock_hangs = false;
  }
  // In a process of its own, since a watchdog's threads live as long as that.
  void holds_in_child(const std::function<bool()>& condition) {
    const pid_t child = fork();
    if (child == 0) {
      MemoryLeakWarningPlugin::turnOffNewDeleteOverloads();
      _exit(condition() ? 0 : 1);
    }
    int status = -1;
    waitpid(child, &status, 0);
    LONGS_EQUAL(0, status);
  }
};

TEST(WatchdogOfAWorker, SeesRequestsInTheSlotsAndForgetsInterruptionsWithThem) {
  spec.request_timeout = spec.interrupt_timeout = 1'000'000;
  holds_in_child([&] {
    Watchdog watchdog(spec, engine, slots, beat, progress, nullptr);
    const Micros now = base::now();
    slots[1].taken_us = (now - 2s).count();
    const Verdict first = watchdog.look(now, false, false);
    watchdog.interrupt(1, now);
    const Verdict second = watchdog.look(now, false, false);
    slots[1].taken_us = (now - 1500ms).count();  // the thread's next request
    const Verdict third = watchdog.look(now, false, false);
    return first.step == Step::kInterrupt && first.thread == 1 && second.step == Step::kNothing &&
           third.step == Step::kInterrupt;
  });
}

TEST(WatchdogOfAWorker, InterruptsTheRequestByItsNumber) {
  spec.request_timeout = spec.interrupt_timeout = 1'000'000;
  holds_in_child([&] {
    Watchdog watchdog(spec, engine, slots, beat, progress, nullptr);
    const Micros now = base::now();
    slots[0].taken_us = (now - 2s).count();
    watchdog.look(now, false, false);
    watchdog.interrupt(0, now);
    wait_until([] { return interrupted_number != 0; });
    return interrupted_number == gatehoused::request_number((now - 2s).count(), 0);
  });
}

TEST(WatchdogOfAWorker, ALockThatIsGivenUpKeepsTheDeadlineAway) {
  spec.deadlock_timeout = 1'000'000;
  holds_in_child([&] {
    Watchdog watchdog(spec, engine, slots, beat, progress, nullptr);
    const Micros start = base::now();
    watchdog.start();
    wait_until([&] { return watchdog.look(base::now(), false, false).next > start + 1200ms; });
    const bool was_well = watchdog.look(base::now(), false, false).step == Step::kNothing;
    lock_hangs = true;
    Verdict verdict;
    wait_until([&] { return (verdict = watchdog.look(base::now(), false, false)).step != Step::kNothing; });
    return was_well && verdict.step == Step::kStop && verdict.reason == Reason::kDeadlock;
  });
}

TEST(WatchdogOfAWorker, AProcessThatDidNotRunIsNotBlamed) {
  spec.deadlock_timeout = 1'000'000;
  Watchdog watchdog(spec, engine, slots, beat, progress, nullptr);
  const Micros now = base::now();
  watchdog.look(now, false, false);
  // Nobody called look() for a minute: the process was stopped.
  CHECK(watchdog.look(now + 60s, false, false).step == Step::kNothing);
  CHECK(watchdog.look(now + 61s, false, false).step == Step::kStop);
}

TEST(WatchdogOfAWorker, TellsSignalsAndStacks) {
  holds_in_child([&] {
    Watchdog watchdog(spec, engine, slots, beat, progress, nullptr);
    watchdog.publish_signal(12);
    wait_until([] { return published == 12; });
    watchdog.tell_stacks(false);
    const int with_lock = told;
    watchdog.tell_stacks(true);
    return published == 12 && with_lock == 1 && told == 1 && told_of_hung == 1;
  });
}
