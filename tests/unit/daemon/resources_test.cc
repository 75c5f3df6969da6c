// SPDX-License-Identifier: Apache-2.0
#include "daemon/resources.h"

#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>

#include "base/log.h"

#include <CppUTest/TestHarness.h>

using namespace std::chrono_literals;

namespace {

void count_line(void* context, base::Level, std::string_view) { ++*static_cast<int*>(context); }

}  // namespace

TEST_GROUP(Resources) {
  wire::GroupSpec spec;
  int lines = 0;

  void setup() override { base::set_log_sink(count_line, &lines); }
  void teardown() override { base::set_log_sink(nullptr, nullptr); }

  // In a process of its own: limits cannot be lifted again.
  void in_child(const std::function<bool()>& condition) {
    const pid_t child = fork();
    if (child == 0) _exit(condition() ? 0 : 1);
    int status = -1;
    waitpid(child, &status, 0);
    LONGS_EQUAL(0, status);
  }
};

TEST(Resources, NothingIsLimitedThatNobodyAskedToLimit) {
  in_child([&] {
    rlimit before{}, after{};
    getrlimit(RLIMIT_DATA, &before);
    gatehoused::limit_group(spec);
    gatehoused::limit_cpu_time(spec);
    getrlimit(RLIMIT_DATA, &after);
    return lines == 0 && before.rlim_cur == after.rlim_cur;
  });
}

TEST(Resources, MemoryIsLimitedForGood) {
  spec.memory_limit = 1 << 28;
  spec.virtual_memory_limit = std::int64_t{1} << 40;
  in_child([&] {
    gatehoused::limit_group(spec);
    rlimit data{}, space{};
    getrlimit(RLIMIT_DATA, &data);
    getrlimit(RLIMIT_AS, &space);
    return lines == 0 && data.rlim_cur == 1 << 28 && data.rlim_max == 1 << 28 && space.rlim_max == rlim_t{1} << 40;
  });
}

TEST(Resources, PriorityIsTheNiceValue) {
  spec.cpu_priority = 7;
  in_child([&] {
    gatehoused::limit_group(spec);
    return lines == 0 && getpriority(PRIO_PROCESS, 0) == 7;
  });
}

TEST(Resources, SchedulingIsAPolicyOfTheKernel) {
  in_child([&] {
    spec.cpu_scheduling = "other";
    gatehoused::limit_group(spec);
    const int other = sched_getscheduler(0);
    spec.cpu_scheduling = "batch";
    gatehoused::limit_group(spec);
    return other == SCHED_OTHER && sched_getscheduler(0) == SCHED_BATCH;
  });
}

TEST(Resources, WhatTheKernelRefusesIsOneWarning) {
  spec.memory_limit = std::int64_t{1} << 50;
  in_child([&] {
    const rlimit low{1 << 28, 1 << 28};
    setrlimit(RLIMIT_DATA, &low);
    static_cast<void>(!setresuid(65534, 65534, 65534));
    gatehoused::limit_group(spec);
    return lines == 1;
  });
}

TEST(Resources, CpuLimitsAreWholeSecondsAndLeaveTimeToStop) {
  const rlimit limits = gatehoused::cpu_limits(2500ms, 5s);
  LONGS_EQUAL(3, limits.rlim_cur);
  LONGS_EQUAL(9, limits.rlim_max);
}

TEST(Resources, CpuTimeEndsWithinItsSecond) {
  spec.cpu_time_limit = 20'000;
  in_child([&] {
    if (const pid_t burner = fork(); burner == 0) {
      gatehoused::limit_cpu_time(spec);
      for (volatile unsigned burnt = 0;;) burnt = burnt + 1;
    } else {
      int status = 0;
      rusage used{};
      wait4(burner, &status, 0, &used);
      return WIFSIGNALED(status) && WTERMSIG(status) == SIGXCPU && used.ru_utime.tv_sec == 0;
    }
  });
}
