// SPDX-License-Identifier: Apache-2.0
#include "daemon/brood.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <CppUTest/TestHarness.h>

TEST_GROUP(MemberOfBrood) {
  pid_t child = 0;

  // A process that waits, alone in a group of its own or in that of the test.
  void start(bool leads) {
    child = fork();
    if (child != 0) return leads ? static_cast<void>(setpgid(child, child)) : void();
    for (;;) pause();
  }
  void teardown() override {
    if (child == 0) return;
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
  }
};

TEST(MemberOfBrood, IsKilled) {
  start(true);
  gatehoused::kill_member(child, child);
  int status = 0;
  LONGS_EQUAL(child, waitpid(child, &status, 0));
  child = 0;
  LONGS_EQUAL(SIGKILL, WTERMSIG(status));
}

TEST(MemberOfBrood, NobodyElseIs) {
  start(false);
  const pid_t group = child;  // not that of the child
  for (const pid_t pid : {child, getpid(), pid_t{0}, pid_t{-1}, -child}) gatehoused::kill_member(group, pid);
  LONGS_EQUAL(0, waitpid(child, nullptr, WNOHANG));
}
