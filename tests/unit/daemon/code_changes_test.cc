// SPDX-License-Identifier: Apache-2.0
#include "daemon/code_changes.h"

#include <sys/socket.h>

#include <string>
#include <utility>

#include <CppUTest/TestHarness.h>

using gatehoused::CodeChanges;
using gatehoused::Heard;
using gatehoused::Intake;
using gatehoused::WorkerNotice;
using gatehoused::WorkerOrder;

namespace {

constexpr std::int64_t kFirst = 1'000'000, kSecond = 2'000'000;  // times of the script

}  // namespace

TEST_GROUP(CodeChanges) {
  std::pair<base::UniqueFd, base::UniqueFd> line = base::socket_pair(SOCK_SEQPACKET).value();
  std::pair<base::UniqueFd, base::UniqueFd> queue = base::socket_pair(SOCK_SEQPACKET).value();
  std::unique_ptr<Intake> intake = Intake::create({queue.second.get(), -1}).value();
  CodeChanges strict{line.first.get(), intake.get(), false};
  CodeChanges rolling{line.first.get(), intake.get(), true};

  static bool may_serve(CodeChanges & changes, std::int64_t mtime) {
    wire::RequestHead head;
    head.script = "/srv/app.wsgi";
    head.callable = "application";
    head.script_mtime_us = mtime;
    return changes.may_serve(head);
  }
  static void obey(CodeChanges & changes, WorkerOrder::Kind kind, std::int64_t tolerated = 0) {
    WorkerOrder order;
    order.kind = kind;
    if (tolerated != 0) order.tolerated.push_back({"/srv/app.wsgi", tolerated});
    changes.obey(order);
  }
  // The times that the supervisor has been told of since the last call: "1000000 2000000 ".
  std::string told() {
    std::string times;
    WorkerNotice notice;
    while (gatehoused::hear(line.second.get(), &notice) == Heard::kMessage) {
      CHECK(notice.kind == WorkerNotice::Kind::kStale);
      STRCMP_EQUAL("/srv/app.wsgi", notice.change.script.c_str());
      STRCMP_EQUAL("application", notice.change.callable.c_str());
      times.append(std::to_string(notice.change.mtime_us)).append(" ");
    }
    return times;
  }
  bool takes_tickets() {
    const bool was_not_paused = intake->pause(Intake::kOldCode);
    if (was_not_paused) intake->resume(Intake::kOldCode);
    return was_not_paused;
  }
};

TEST(CodeChanges, StrictGivesTheRequestBackTellsAndTakesNoTickets) {
  CHECK_FALSE(may_serve(strict, kFirst));
  STRCMP_EQUAL("1000000 ", told().c_str());
  CHECK_FALSE(takes_tickets());
}

TEST(CodeChanges, StrictTellsOnceOfAVersion) {
  may_serve(strict, kFirst);
  CHECK_FALSE(may_serve(strict, kFirst));
  STRCMP_EQUAL("1000000 ", told().c_str());
  may_serve(strict, kSecond);
  STRCMP_EQUAL("2000000 ", told().c_str());
}

TEST(CodeChanges, StrictTellsAgainWhenItWasToldToServeMeanwhile) {
  may_serve(strict, kFirst);
  obey(strict, WorkerOrder::Kind::kServe);
  CHECK_TRUE(takes_tickets());
  told();
  CHECK_FALSE(may_serve(strict, kFirst));
  STRCMP_EQUAL("1000000 ", told().c_str());
}

TEST(CodeChanges, OldCodeServesAVersionThatCannotBeLoadedAndNoOther) {
  may_serve(strict, kFirst);
  obey(strict, WorkerOrder::Kind::kServe, kFirst);
  CHECK_TRUE(may_serve(strict, kFirst));
  CHECK_TRUE(takes_tickets());
  CHECK_FALSE(may_serve(strict, kSecond));
}

TEST(CodeChanges, RollingServesAndTellsOnceOfAVersion) {
  CHECK_TRUE(may_serve(rolling, kFirst));
  CHECK_TRUE(may_serve(rolling, kFirst));
  STRCMP_EQUAL("1000000 ", told().c_str());
  CHECK_TRUE(takes_tickets());
}

TEST(CodeChanges, ItTakesNoTicketsWhileItIsToldToPause) {
  obey(strict, WorkerOrder::Kind::kPause);
  CHECK_FALSE(takes_tickets());
  obey(strict, WorkerOrder::Kind::kServe);
  CHECK_TRUE(takes_tickets());
}
