// SPDX-License-Identifier: Apache-2.0
#include "daemon/death.h"

#include <signal.h>

#include <CppUTest/TestHarness.h>

using gatehoused::oom_counters;
using gatehoused::OomCounter;

namespace {

std::string files(std::string_view cgroups) {
  std::string text;
  for (const OomCounter& counter : oom_counters(cgroups)) text += counter.file + " ";
  return text;
}

}  // namespace

TEST_GROUP(Death){};

TEST(Death, CountersOfVersionOneAndOfTheMachine) {
  STRCMP_EQUAL("/sys/fs/cgroup/memory/shop/memory.oom_control /sys/fs/cgroup/memory/memory.oom_control /proc/vmstat ",
               files("5:devices:/\n4:cpu,memory:/shop\n3:pids:/shop\n").c_str());
}

TEST(Death, CountersOfVersionTwo) {
  STRCMP_EQUAL("/sys/fs/cgroup/a/b/memory.events /sys/fs/cgroup/memory.events /proc/vmstat ", files("0::/a/b").c_str());
}

TEST(Death, WithoutCgroupsTheMachineCounts) { STRCMP_EQUAL("/proc/vmstat ", files("garbage\n\n").c_str()); }

TEST(Death, TheNumberIsRead) {
  LONGS_EQUAL(3, gatehoused::oom_kills_in("low 0\noom 7\noom_kill 3\noom_group_kill 1\n"));
  LONGS_EQUAL(12, gatehoused::oom_kills_in("oom_kill_disable 0\nunder_oom 0\noom_kill 12\n"));
  LONGS_EQUAL(-1, gatehoused::oom_kills_in("oom_kill_disable 0\n"));
  LONGS_EQUAL(-1, gatehoused::oom_kills_in(""));
}

TEST(Death, TheTextNamesWhatWasShort) {
  STRCMP_CONTAINS("cgroup /shop reached its memory limit", gatehoused::text_of_oom({"f", "cgroup /shop", 0}).c_str());
  STRCMP_CONTAINS("the machine ran out of memory", gatehoused::text_of_oom({"f", "", 0}).c_str());
}

TEST(Death, AnyOtherEndIsNotExplained) {
  gatehoused::OomWatch watch;
  STRCMP_EQUAL("", watch.explain(0).c_str());
  STRCMP_EQUAL("", watch.explain(SIGSEGV).c_str());
}
