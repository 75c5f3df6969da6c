// SPDX-License-Identifier: Apache-2.0
#pragma once

// What the tests of supervisor, zygote and worker say about a running group. Include last.

#include <optional>

#include "running_group.h"

#include <CppUTest/TestHarness.h>

class RunningGroupTest : public Utest {
 public:
  std::optional<RunningGroup> group;

  void setup() override { group.emplace(); }
  void teardown() override { group.reset(); }

  void start(int processes = 1) {
    group->launch.spec.processes = processes;
    group->start();
    group->await_workers(static_cast<std::size_t>(processes));
  }
  void answers() {
    const Reply reply = group->get("hello");
    LONGS_EQUAL(200, reply.status);
    STRCMP_EQUAL("hello\n", reply.body.c_str());
    LONGS_EQUAL(GATEHOUSE_COMPLETE, reply.outcome);
    LONGS_EQUAL(0, reply.error);
  }
  // As an httpd child asks: what a worker declines is sent again.
  void answers(const char* script) {
    CHECK(eventually([&] { return group->get(script).status == 200; }));
  }
  void logged(const char* text) {
    CHECK_TEXT(group->await_log(text), (text + ("\nis not in:\n" + group->log())).c_str());
  }
  void ends_in_order() {
    const int status = group->await_end();
    LONGS_EQUAL_TEXT(0, status, group->log().c_str());
    CHECK(group->all_gone());
  }
};
