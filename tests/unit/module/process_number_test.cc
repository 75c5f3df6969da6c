// SPDX-License-Identifier: Apache-2.0
#include "module/process_number.h"

#include <sys/wait.h>
#include <unistd.h>

#include <string>

#include <CppUTest/TestHarness.h>

TEST_GROUP(ProcessNumber){void setup() override{httpd::keep_process_number();
}
static bool is_own() { return httpd::process_number() == std::to_string(getpid()); }
}
;

TEST(ProcessNumber, IsThatOfTheProcess) { CHECK_TRUE(is_own()); }

TEST(ProcessNumber, AForkedProcessHasItsOwn) {
  const pid_t child = fork();
  if (child == 0) _exit(is_own() ? 0 : 1);
  int status = -1;
  LONGS_EQUAL(child, waitpid(child, &status, 0));
  LONGS_EQUAL(0, status);
}

TEST(ProcessNumber, KeepingItAgainChangesNothing) {
  httpd::keep_process_number();
  CHECK_TRUE(is_own());
}
