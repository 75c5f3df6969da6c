// SPDX-License-Identifier: Apache-2.0
#include "daemon/supervisor.h"

#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <string>

#include "running_group_test.h"

TEST_GROUP_BASE(RunningSupervisor,
                RunningGroupTest){// The script that cannot be loaded; the next attempt waits for it to change.
                                  std::string start_in_vain(){const std::string script = group->script_file("fail");
group->launch.imports = {{wire::Import::Kind::kApplication, script, "", ""}};
group->start();
logged("GH0432: ");
CHECK(eventually([&] { return group->zygote() != 0; }));
usleep(100'000);
return script;
}
}
;

TEST(RunningSupervisor, ForksTheWantedNumberOfWorkersAndAnswers) {
  start(3);
  LONGS_EQUAL(3, group->workers().size());
  answers();
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

TEST(RunningSupervisor, ChangedCodeThatLoadsReplacesAllWorkers) {
  start(3);
  const std::vector<pid_t> before = group->workers();
  CHECK(group->get("decline").declined);
  CHECK(eventually([&] {
    const std::vector<pid_t> now = group->workers();
    return now.size() == 3 && std::find_first_of(now.begin(), now.end(), before.begin(), before.end()) == now.end();
  }));
  answers();
}

TEST(RunningSupervisor, ChangedCodeThatDoesNotLoadIsServedByTheOldWorkers) {
  start(2);
  const std::vector<pid_t> before = group->workers();
  group->remove_script("old_or_decline");
  CHECK(group->get("old_or_decline").declined);
  logged("GH0431: ");
  answers("old_or_decline");
  CHECK(before == group->first_workers());
  answers();
}

TEST(RunningSupervisor, WithRollingReloadOldCodeAnswersAtOnce) {
  group->launch.spec.reload = "rolling";
  start();
  answers("old_or_decline");
  logged("GH0444: ");
  CHECK(eventually([&] { return group->log().find("GH0441: ", group->log().find("GH0444: ")) != std::string::npos; }));
  answers();
}

TEST(RunningSupervisor, AnApplicationThatCannotBeLoadedAheadAnswers503) {
  group->launch.imports = {{wire::Import::Kind::kApplication, group->script_file("fail"), "", ""}};
  group->start();
  logged("GH0432: ");
  LONGS_EQUAL(503, group->get("hello").status);
  group->close_control();
  ends_in_order();
}

TEST(RunningSupervisor, AnAttemptWhoseEndNoSignalTellsIsFollowedByTheNext) {
  const std::string script = start_in_vain();
  const pid_t zygote = group->zygote();
  LONGS_EQUAL(0, ptrace(PTRACE_SEIZE, group->supervisor(), nullptr, nullptr));
  std::filesystem::last_write_time(script, std::filesystem::file_time_type::clock::now());
  // As a debugger does that lets go of it in this moment.
  int status = 0;
  LONGS_EQUAL(group->supervisor(), waitpid(group->supervisor(), &status, 0));
  CHECK(WIFSTOPPED(status) && WSTOPSIG(status) == SIGCHLD);
  LONGS_EQUAL(0, ptrace(PTRACE_DETACH, group->supervisor(), nullptr, nullptr));
  CHECK(eventually([&] { return group->zygote() != 0 && group->zygote() != zygote; }));
}

TEST(RunningSupervisor, ARequestThatComesWhenTheNextAttemptSucceedsIsServed) {
  const std::string script = start_in_vain();
  // It finds the request and what the zygote says at the same time.
  kill(group->supervisor(), SIGSTOP);
  LONGS_EQUAL(group->supervisor(), waitpid(group->supervisor(), nullptr, WUNTRACED));
  const base::UniqueFd request = group->send("hello");
  std::ofstream(script) << "it loads";
  usleep(300'000);
  kill(group->supervisor(), SIGCONT);
  LONGS_EQUAL_TEXT(200, group->receive(request).status, group->log().c_str());
}

TEST(RunningSupervisor, AnImportScriptThatCannotBeLoadedHoldsNothingUp) {
  group->launch.imports = {{wire::Import::Kind::kScript, group->script_file("fail"), "", ""}};
  start();
  answers();
}

TEST(RunningSupervisor, EndOfControlEndsAllProcesses) {
  start(2);
  answers();
  group->close_control();
  ends_in_order();
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

TEST(RunningSupervisor, GarbageInTheQueueHarmsNobody) {
  start();
  CHECK(eventually([&] { return !group->workers().empty(); }));
  group->send_garbage();
  logged("GH0408: ");
  answers();
  LONGS_EQUAL(1, group->workers().size());
}

TEST_GROUP(WaitStatus){
    void says(const char* text, int status){STRCMP_EQUAL(text, gatehoused::text_of_wait_status(status).c_str());
}
}
;

TEST(WaitStatus, IsTold) {
  says("exited with status 3", W_EXITCODE(3, 0));
  says("was killed by signal 11 (SIGSEGV)", W_EXITCODE(0, SIGSEGV));
  says("was killed by signal 11 (SIGSEGV), core dumped", W_EXITCODE(0, SIGSEGV) | WCOREFLAG);
}
