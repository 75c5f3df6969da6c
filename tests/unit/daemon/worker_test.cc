// SPDX-License-Identifier: Apache-2.0
#include "daemon/worker.h"

#include <signal.h>
#include <unistd.h>

#include "running_group_test.h"

TEST_GROUP_BASE(RunningWorker, RunningGroupTest){};

TEST(RunningWorker, AWorkerRunsAsTheGroupsUserAndNothingElse) {
  if (geteuid() != 0) return;
  start();
  const pid_t worker = group->workers().front();
  STRCMP_EQUAL("65534\t65534\t65534\t65534", process_status(worker, "Uid").c_str());
  STRCMP_EQUAL("65534\t65534\t65534\t65534", process_status(worker, "Gid").c_str());
  STRCMP_EQUAL("0000000000000000", process_status(worker, "CapPrm").c_str());
  STRCMP_EQUAL("0000000000000000", process_status(worker, "CapEff").c_str());
}

TEST(RunningWorker, ALeavingWorkerFinishesWhatItHolds) {
  start();
  const base::UniqueFd slow = group->send("sleep", "300");
  CHECK(group->get("decline").declined);
  answers();
  LONGS_EQUAL(200, group->receive(slow).status);
}

TEST(RunningWorker, RequestsInHandAreFinishedBeforeAStop) {
  start();
  const base::UniqueFd slow = group->send("sleep", "300");
  CHECK(eventually([&] { return !group->workers().empty(); }));
  usleep(50'000);
  group->close_control();
  LONGS_EQUAL(200, group->receive(slow).status);
  ends_in_order();
}

TEST(RunningWorker, RequestsThatTakeTooLongAreCutOffAndNamed) {
  group->launch.spec.shutdown_timeout = 200'000;
  start();
  const base::UniqueFd slow = group->send("sleep", "20000");
  usleep(50'000);
  group->close_control();
  ends_in_order();
  logged("GH0407: ");
  logged("GET /sleep [1]");
}

TEST(RunningWorker, AChildThatTheApplicationForkedAnswersNothing) {
  start();
  const Reply reply = group->get("fork");
  LONGS_EQUAL(200, reply.status);
  STRCMP_EQUAL("hello\n", reply.body.c_str());
  LONGS_EQUAL(0, reply.error);
  answers();
}

TEST(RunningWorker, AWorkerThatIsToldToEndLeavesInOrder) {
  start();
  const pid_t before = group->workers().front();
  kill(before, SIGTERM);
  logged("GH0423: worker");
  CHECK(eventually([&] { return group->workers().size() == 1 && group->workers().front() != before; }));
  answers();
}
