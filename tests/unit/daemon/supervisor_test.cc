// SPDX-License-Identifier: Apache-2.0
#include "daemon/supervisor.h"

#include <dirent.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <memory>
#include <optional>
#include <set>
#include <string>

#include "running_group.h"

#include <CppUTest/TestHarness.h>

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

TEST_GROUP(RunningSupervisor) {
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
  void logged(const char* text) { CHECK_TEXT(group->await_log(text), (text + ("\nis not in:\n" + group->log())).c_str()); }
  void ends_in_order() {
    LONGS_EQUAL(0, group->await_end());
    CHECK(group->all_gone());
  }
};

TEST(RunningSupervisor, ForksTheWantedNumberOfWorkersAndAnswers) {
  start(3);
  LONGS_EQUAL(3, group->workers().size());
  answers();
}

TEST(RunningSupervisor, AWorkerRunsAsTheGroupsUserAndNothingElse) {
  if (geteuid() != 0) return;
  start();
  const pid_t worker = group->workers().front();
  STRCMP_EQUAL("65534\t65534\t65534\t65534", process_status(worker, "Uid").c_str());
  STRCMP_EQUAL("65534\t65534\t65534\t65534", process_status(worker, "Gid").c_str());
  STRCMP_EQUAL("0000000000000000", process_status(worker, "CapPrm").c_str());
  STRCMP_EQUAL("0000000000000000", process_status(worker, "CapEff").c_str());
}

TEST(RunningSupervisor, AZygoteHoldsNoDescriptorButItsOwn) {
  start();
  // The standard three, queue, command, leash, notify, and the two ends of its signal pipe.
  LONGS_EQUAL(9, descriptors_of(group->zygote()).size());
}

TEST(RunningSupervisor, AGroupOfRootIsRefused) {
  if (geteuid() != 0) return;
  group->launch.uid = 0;
  group->start();
  logged("GH0401: group 'unit': a process group may not run as root");
}

TEST(RunningSupervisor, AWorkerThatDiesIsReplacedAndItsRequestIsNamed) {
  start();
  const Reply reply = group->get("die_inside");
  LONGS_EQUAL(-1, reply.outcome);
  LONGS_EQUAL(0, reply.error);
  logged("was killed by signal 6 (SIGABRT)");
  logged("it held 1 request: GET /die_inside [1]");
  answers();
}

TEST(RunningSupervisor, AStatusThatNobodyExpectsIsADeathToo) {
  start();
  group->get("die_early");
  logged("exited with status 3 after");
  answers();
}

TEST(RunningSupervisor, ARequestThatWasNotEnteredSaysSoWhenItsWorkerDies) {
  start();
  LONGS_EQUAL(ECONNRESET, group->get("die_early").error);
}

TEST(RunningSupervisor, TicketsSurviveTheDeathOfTheirReaders) {
  group->launch.spec.threads = 1;
  start();
  const base::UniqueFd deadly = group->send("die_inside");
  const base::UniqueFd next = group->send("hello");
  LONGS_EQUAL(200, group->receive(next).status);
}

TEST(RunningSupervisor, StaleCodeMakesTheWorkerLeaveAndAnotherTakeItsPlace) {
  start();
  const pid_t before = group->workers().front();
  CHECK(group->get("decline").declined);
  logged("GH0423: worker");
  CHECK(eventually([&] { return group->workers().size() == 1 && group->workers().front() != before; }));
  answers();
}

TEST(RunningSupervisor, ALeavingWorkerFinishesWhatItHolds) {
  start();
  const base::UniqueFd slow = group->send("sleep", "300");
  CHECK(group->get("decline").declined);
  answers();
  LONGS_EQUAL(200, group->receive(slow).status);
}

TEST(RunningSupervisor, EndOfControlEndsAllProcesses) {
  start(2);
  answers();
  group->close_control();
  ends_in_order();
}

TEST(RunningSupervisor, RequestsInHandAreFinishedBeforeAStop) {
  start();
  const base::UniqueFd slow = group->send("sleep", "300");
  CHECK(eventually([&] { return !group->workers().empty(); }));
  usleep(50'000);
  group->close_control();
  LONGS_EQUAL(200, group->receive(slow).status);
  ends_in_order();
}

TEST(RunningSupervisor, RequestsThatTakeTooLongAreCutOffAndNamed) {
  group->launch.spec.shutdown_timeout = 200'000;
  start();
  const base::UniqueFd slow = group->send("sleep", "20000");
  usleep(50'000);
  group->close_control();
  ends_in_order();
  logged("GH0407: ");
  logged("GET /sleep [1]");
}

TEST(RunningSupervisor, EndOfTheQueueEndsTheGenerationAfterItsLastTicket) {
  group->launch.spec.threads = 1;
  start();
  const base::UniqueFd slow = group->send("sleep", "200");
  const base::UniqueFd waiting = group->send("hello");
  group->send_control(gatehoused::kDrain);
  group->close_queue();
  LONGS_EQUAL(200, group->receive(slow).status);
  LONGS_EQUAL(200, group->receive(waiting).status);
  ends_in_order();
}

TEST(RunningSupervisor, TheSupervisorsDeathEndsAllProcesses) {
  start(2);
  kill(group->supervisor(), SIGKILL);
  LONGS_EQUAL(SIGKILL, group->await_end());
  CHECK(group->all_gone());
}

TEST(RunningSupervisor, TheZygotesDeathIsLoggedAndTheGroupStartsAgain) {
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

TEST(RunningSupervisor, AGroupThatCannotStartAnswers503AtOnce) {
  group->launch.spec.name = "cannot-start";
  group->start();
  logged("GH0403: group 'cannot-start': this fake Python does not start");
  const Reply reply = group->get("hello");
  LONGS_EQUAL(503, reply.status);
  LONGS_EQUAL(GATEHOUSE_FAILED, reply.outcome);
  LONGS_EQUAL(0, reply.error);
  STRCMP_CONTAINS("cannot start", reply.log.c_str());
  group->close_control();
  ends_in_order();
}

TEST(RunningSupervisor, AChildThatTheApplicationForkedAnswersNothing) {
  start();
  const Reply reply = group->get("fork");
  LONGS_EQUAL(200, reply.status);
  STRCMP_EQUAL("hello\n", reply.body.c_str());
  LONGS_EQUAL(0, reply.error);
  answers();
}

TEST(RunningSupervisor, GarbageInTheQueueHarmsNobody) {
  start();
  CHECK(eventually([&] { return !group->workers().empty(); }));
  group->send_garbage();
  logged("GH0408: ");
  answers();
  LONGS_EQUAL(1, group->workers().size());
}

TEST(RunningSupervisor, AWorkerThatIsToldToEndLeavesInOrder) {
  start();
  const pid_t before = group->workers().front();
  kill(before, SIGTERM);
  logged("GH0423: worker");
  CHECK(eventually([&] { return group->workers().size() == 1 && group->workers().front() != before; }));
  answers();
}

TEST_GROUP(WaitStatus) {
  void says(const char* text, int status) { STRCMP_EQUAL(text, gatehoused::text_of_wait_status(status).c_str()); }
};

TEST(WaitStatus, IsTold) {
  says("exited with status 3", W_EXITCODE(3, 0));
  says("was killed by signal 11 (SIGSEGV)", W_EXITCODE(0, SIGSEGV));
  says("was killed by signal 11 (SIGSEGV), core dumped", W_EXITCODE(0, SIGSEGV) | WCOREFLAG);
}
