// SPDX-License-Identifier: Apache-2.0
#include "daemon/zygote.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <set>
#include <string>

#include "running_group_test.h"

namespace {

std::set<int> descriptors_of(pid_t pid) {
  std::set<int> numbers;
  DIR* directory = opendir(("/proc/" + std::to_string(pid) + "/fd").c_str());
  if (directory == nullptr) return numbers;
  while (const dirent* entry = readdir(directory))
    if (entry->d_name[0] != '.') numbers.insert(atoi(entry->d_name));
  closedir(directory);
  return numbers;
}

}  // namespace

TEST_GROUP_BASE(RunningZygote, RunningGroupTest){};

TEST(RunningZygote, AZygoteHoldsNoDescriptorButItsOwn) {
  start();
  // the standard three, queue, nudge, command, leash, and the two ends of its signal pipe.
  LONGS_EQUAL(9, descriptors_of(group->zygote()).size());
}

TEST(RunningZygote, AGroupOfRootIsRefused) {
  if (geteuid() != 0) return;
  group->launch.uid = 0;
  group->start();
  logged("GH0401: group 'unit': a process group may not run as root");
}

TEST(RunningZygote, TheZygotesDeathIsLoggedAndTheGroupStartsAgain) {
  start(2);
  const pid_t before = group->zygote();
  const base::UniqueFd slow = group->send("sleep", "300");
  usleep(50'000);
  kill(before, SIGKILL);
  logged("GH0405: the zygote");
  answers();
  LONGS_EQUAL(200, group->receive(slow).status);
  CHECK(eventually([&] { return group->workers().size() == 2; }));
}

TEST_GROUP(CloseAllBut){};

TEST(CloseAllBut, ClosesWhatIsNotInTheList) {
  const pid_t child = fork();
  if (child == 0) {
    for (int number : {10, 11, 20, 21}) dup2(STDERR_FILENO, number);
    gatehoused::close_all_but({20, 10});
    std::set<int> left;
    for (int number = 0; number < 64; ++number)
      if (fcntl(number, F_GETFD) >= 0) left.insert(number);
    _exit(left == std::set<int>{0, 1, 2, 10, 20} ? 0 : 1);
  }
  int status = -1;
  CHECK_EQUAL(child, waitpid(child, &status, 0));
  LONGS_EQUAL(0, status);
}
