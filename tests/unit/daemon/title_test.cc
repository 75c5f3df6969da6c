// SPDX-License-Identifier: Apache-2.0
#include "daemon/title.h"

#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <string>

#include <CppUTest/TestHarness.h>

TEST_GROUP(Title) {
  wire::GroupSpec spec;
  void setup() override { spec.name = "shop"; }
};

TEST(Title, NamesGroupAndRole) {
  STRCMP_EQUAL("(wsgi:shop) supervisor", gatehoused::title_of_supervisor(spec).c_str());
  STRCMP_EQUAL("(wsgi:shop) zygote", gatehoused::title_of_zygote(spec).c_str());
  STRCMP_EQUAL("(wsgi:shop) worker", gatehoused::title_of_worker(spec).c_str());
}

TEST(Title, OfAWorkerIsItsDisplayName) {
  spec.display_name = "my shop";
  STRCMP_EQUAL("my shop", gatehoused::title_of_worker(spec).c_str());
}

TEST(Title, GroupTokenIsTheGroupInParentheses) {
  spec.display_name = "%{GROUP}";
  STRCMP_EQUAL("(wsgi:shop)", gatehoused::title_of_worker(spec).c_str());
}

// In a process of its own: there is one area a process, and one name.
TEST(Title, FillsTheAreaAndNoMore) {
  const pid_t child = fork();
  if (child == 0) {
    char area[] = "gatehoused\0supervise\0a third argument";
    char* arguments[] = {area, area + 11, area + 21, nullptr};
    gatehoused::claim_title_area(3, arguments);
    gatehoused::set_title("(wsgi:x)");
    const bool zeroed = std::string(area, sizeof area) == "(wsgi:x)" + std::string(sizeof area - 8, '\0');
    gatehoused::set_title(std::string(600, 'y'));
    const bool cut = std::string(area) == std::string(sizeof area - 1, 'y');
    std::string name;
    std::ifstream("/proc/self/comm") >> name;
    _exit(!zeroed ? 1 : !cut ? 2 : name != "gatehoused" ? 3 : 0);
  }
  int status = -1;
  CHECK_EQUAL(child, waitpid(child, &status, 0));
  LONGS_EQUAL(0, WEXITSTATUS(status));
}
