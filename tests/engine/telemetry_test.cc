// SPDX-License-Identifier: Apache-2.0

// Telemetry, by the scenarios that need a process whose Python was started with it.

#include <string>

#include "tests/engine/scenarios.h"

#include <CppUTest/TestHarness.h>

using fake_host::in_own_process;

TEST_GROUP(Telemetry){};

TEST(Telemetry, ProcessRequestsAndInterpretersAreTold) {
  const fake_host::Printed printed = in_own_process("telemetry");
  LONGS_EQUAL_TEXT(0, printed.status, printed.text.c_str());
  // started; the slow one under way and ended; collections; counters of both interpreters; periodic; stopping; stopped
  STRCMP_EQUAL("2 4 5 6 7 8 9\n", printed.text.c_str());
}

TEST(Telemetry, AProcessThatAnApplicationForkedIsSilent) {
  const fake_host::Printed printed = in_own_process("telemetry_of_fork");
  LONGS_EQUAL_TEXT(0, printed.status, printed.text.c_str());
  STRCMP_EQUAL("told\none process\n", printed.text.c_str());
}
