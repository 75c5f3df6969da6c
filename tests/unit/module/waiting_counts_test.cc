// SPDX-License-Identifier: Apache-2.0
#include "module/waiting_counts.h"

#include <sys/wait.h>
#include <unistd.h>

#include <vector>

#include <CppUTest/TestHarness.h>

using httpd::may_wait;
using httpd::WaitingCounts;

TEST_GROUP(MayWait){};

TEST(MayWait, OneAloneFillsHalfOfTheQueue) {
  std::size_t own = 0;
  while (may_wait(own, own, 100)) ++own;
  LONGS_EQUAL(50, own);
}

TEST(MayWait, GreedyOnesShareAndLeaveRoomForOneMore) {
  std::size_t own = 0;  // of each of four
  while (may_wait(own, 4 * own, 100)) ++own;
  LONGS_EQUAL(20, own);
}

TEST(MayWait, WhoHasNoneMayAlwaysWait) {
  CHECK_TRUE(may_wait(0, 100, 100));
  CHECK_TRUE(may_wait(0, 1, 1));
}

TEST_GROUP(WaitingCounts) {
  WaitingCounts* counts = WaitingCounts::create(2);
  void setup() override { counts->enter(); }
  void teardown() override { delete counts; }
};

TEST(WaitingCounts, CountPlacesByKey) {
  const auto one = counts->key_of(counts), other = counts->key_of(&one);
  CHECK(one != other);
  WaitingCounts::Place a(counts, one), b(counts, one);
  LONGS_EQUAL(2, counts->waiting(one));
  LONGS_EQUAL(0, counts->waiting(other));
  a.leave();
  a.leave();
  LONGS_EQUAL(1, counts->waiting(one));
  b = WaitingCounts::Place();
  LONGS_EQUAL(0, counts->waiting(one));
}

TEST(WaitingCounts, AnIpv6ClientCountsByItsNetwork) {
  const auto key = counts->key_of_client("2001:db8:0:1::1");
  CHECK(key == counts->key_of_client("2001:db8:0:1:ffff::2"));
  CHECK(key != counts->key_of_client("2001:db8:0:2::1"));
  CHECK(counts->key_of_client("192.0.2.1") == counts->key_of_client("::ffff:192.0.2.1"));
  CHECK(counts->key_of_client("192.0.2.1") != counts->key_of_client("192.0.2.2"));
}

TEST(WaitingCounts, WhatAKilledChildHasCountedGoesWithIt) {
  const auto key = counts->key_of_client("192.0.2.1");
  const WaitingCounts::Place ours(counts, key);
  const pid_t child = fork();
  if (child == 0) {
    counts->enter();
    const WaitingCounts::Place of_child(counts, key);
    _exit(counts->waiting(key) == 2 ? 0 : 1);  // as if killed: nothing is given back
  }
  int status = 1;
  waitpid(child, &status, 0);
  LONGS_EQUAL(0, status);
  LONGS_EQUAL(2, counts->waiting(key));
  counts->clear(child);
  LONGS_EQUAL(1, counts->waiting(key));
}

// A forked process has the column of the one that it was forked from until it enters; so these are parents of their
// own.
TEST(WaitingCounts, WithoutAFreeColumnAChildDoesNotCount) {
  WaitingCounts* few = WaitingCounts::create(1);
  const auto key = few->key_of_client("192.0.2.1");
  for (int i = 0; i < 2; ++i) {
    const pid_t child = fork();
    if (child == 0) {
      few->enter();
      const WaitingCounts::Place place(few, key);
      _exit(0);
    }
    waitpid(child, nullptr, 0);
  }
  LONGS_EQUAL(1, few->waiting(key));
  delete few;
}
