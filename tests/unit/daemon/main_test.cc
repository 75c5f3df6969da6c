// SPDX-License-Identifier: Apache-2.0
//
// gatehoused as a program: what httpd's parent starts.
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>

#include "running_group_test.h"

namespace {

// The argument vector as ps shows it.
std::string title_of(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/cmdline");
  std::string text(std::istreambuf_iterator<char>(file), {});
  return text.substr(0, text.find('\0'));
}

}  // namespace

TEST_GROUP_BASE(Program, RunningGroupTest){void start_program(){group->start_program();
group->await_workers(1);
}
}
;

TEST(Program, ServesWhatItsLaunchSays) {
  start_program();
  answers();
  group->close_control();
  ends_in_order();
}

TEST(Program, TitlesTellRoleAndGroupHoweverLongItsName) {
  const std::string name(200, 'n');
  group->launch.spec.name = name;
  start_program();
  answers();
  STRCMP_EQUAL(("(wsgi:" + name + ") supervisor").c_str(), title_of(group->supervisor()).c_str());
  STRCMP_EQUAL(("(wsgi:" + name + ") zygote").c_str(), title_of(group->zygote()).c_str());
  STRCMP_EQUAL(("(wsgi:" + name + ") worker").c_str(), title_of(group->workers().front()).c_str());
}

TEST(Program, AllProcessesAreCalledGatehoused) {
  start_program();
  for (const pid_t pid : {group->supervisor(), group->zygote(), group->workers().front()})
    STRCMP_EQUAL("gatehoused", process_status(pid, "Name").c_str());
}

TEST(Program, ItsMemoryIsClosedToOthersOfItsUser) {
  start_program();
  // Files of a process that is not dumpable belong to root, but for those of root anyway.
  if (geteuid() != 0) return;
  const std::string maps = "/proc/" + std::to_string(group->workers().front()) + "/maps";
  const std::string command = "setpriv --reuid=65534 --regid=65534 --clear-groups cat " + maps + " >/dev/null 2>&1";
  CHECK(WEXITSTATUS(system(command.c_str())) != 0);
}

TEST(Program, ALaunchThatIsNoneIsRefused) {
  for (const char* bytes : {"\xff\xff\xff\xff", "\x04\x00\x00\x00zzzz"}) {
    group.emplace();
    group->start_program_with(std::string_view(bytes, bytes[0] == '\x04' ? 8 : 4));
    const int status = group->await_end();
    CHECK(WIFEXITED(status));
    LONGS_EQUAL(1, WEXITSTATUS(status));
  }
}

TEST(Program, ByHandItSaysWhoStartsIt) {
  LONGS_EQUAL(2, WEXITSTATUS(system(GATEHOUSE_BUILD_DIR "/gatehoused supervise 3<&- 4<&- 2>/dev/null")));
}
