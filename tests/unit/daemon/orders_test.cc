// SPDX-License-Identifier: Apache-2.0
#include "daemon/orders.h"

#include <sys/socket.h>

#include "base/bytes.h"

#include <CppUTest/TestHarness.h>

using gatehoused::Heard;
using gatehoused::WorkerNotice;
using gatehoused::WorkerOrder;

TEST_GROUP(Line) {
  base::UniqueFd supervisor, worker;
  void setup() override {
    auto pair = base::socket_pair(SOCK_SEQPACKET).value();
    supervisor = std::move(pair.first);
    worker = std::move(pair.second);
  }
};

TEST(Line, CarriesANotice) {
  CHECK(tell(worker.get(),
             WorkerNotice{WorkerNotice::Kind::kStale, "why", {"/a.wsgi", 7, "application", "blog", "example|/a"}}));
  WorkerNotice notice;
  CHECK(hear(supervisor.get(), &notice) == Heard::kMessage);
  CHECK(notice.kind == WorkerNotice::Kind::kStale);
  STRCMP_EQUAL("why", notice.reason.c_str());
  STRCMP_EQUAL("/a.wsgi", notice.change.script.c_str());
  LONGS_EQUAL(7, notice.change.mtime_us);
  STRCMP_EQUAL("application", notice.change.callable.c_str());
  STRCMP_EQUAL("blog", notice.change.interpreter.c_str());
  STRCMP_EQUAL("example|/a", notice.change.application_group.c_str());
}

TEST(Line, CarriesAnOrder) {
  CHECK(tell(supervisor.get(), WorkerOrder{WorkerOrder::Kind::kServe, 5, {{"/a", 1}, {"/b", 2}}}));
  WorkerOrder order;
  CHECK(hear(worker.get(), &order) == Heard::kMessage);
  CHECK(order.kind == WorkerOrder::Kind::kServe);
  LONGS_EQUAL(5, order.limit_us);
  LONGS_EQUAL(2, order.tolerated.size());
  STRCMP_EQUAL("/b", order.tolerated[1].script.c_str());
}

TEST(Line, SaysNothingWhileNobodySpeaksAndEndsWithItsOtherSide) {
  WorkerOrder order;
  CHECK(hear(worker.get(), &order) == Heard::kNothing);
  supervisor.reset();
  CHECK(hear(worker.get(), &order) == Heard::kEnd);
  CHECK_FALSE(tell(worker.get(), WorkerNotice()));
}

TEST(Line, WhatWasSaidIsHeardAlsoWhenAnOrderWasNotReadAnyMore) {
  CHECK(tell(worker.get(), WorkerNotice{WorkerNotice::Kind::kLeaving, "why", {}}));
  CHECK(tell(supervisor.get(), WorkerOrder()));
  worker.reset();
  WorkerNotice notice;
  CHECK(hear(supervisor.get(), &notice) == Heard::kMessage);
  STRCMP_EQUAL("why", notice.reason.c_str());
  CHECK(hear(supervisor.get(), &notice) == Heard::kEnd);
}

TEST(Line, ANameThatIsTooLongIsCut) {
  const std::string endless(1u << 20, 'x');
  CHECK(tell(worker.get(), WorkerNotice{WorkerNotice::Kind::kStale, endless, {endless, 7, endless, endless, endless}}));
  WorkerNotice notice;
  CHECK(hear(supervisor.get(), &notice) == Heard::kMessage);
  LONGS_EQUAL(4096, notice.change.script.size());
}

TEST(Line, AsManyVersionsAsFitAreTold) {
  WorkerOrder order{WorkerOrder::Kind::kServe, 0, {}};
  order.tolerated.assign(100, {std::string(5000, 'x'), 1});
  CHECK(tell(supervisor.get(), order));
  CHECK(hear(worker.get(), &order) == Heard::kMessage);
  LONGS_EQUAL(7, order.tolerated.size());
}

TEST_GROUP(LineBytes){};

TEST(LineBytes, NoPrefixAndNothingLongerDecodes) {
  const std::string notice = encode(WorkerNotice{WorkerNotice::Kind::kLeaving, "why", {"/a", 7, "c", "i", "g"}});
  const std::string order = encode(WorkerOrder{WorkerOrder::Kind::kRetire, 5, {{"/a", 1}}});
  WorkerNotice a;
  WorkerOrder b;
  for (std::size_t size = 0; size < notice.size(); ++size) CHECK_FALSE(decode(base::as_bytes(notice).first(size), &a));
  for (std::size_t size = 0; size < order.size(); ++size) CHECK_FALSE(decode(base::as_bytes(order).first(size), &b));
  CHECK_FALSE(decode(base::as_bytes(notice + "x"), &a));
  CHECK_FALSE(decode(base::as_bytes(order + "x"), &b));
}

TEST(LineBytes, AnUnknownKindIsRefused) {
  std::string notice = encode(WorkerNotice());
  std::string order = encode(WorkerOrder());
  notice[0] = order[0] = 99;
  WorkerNotice a;
  WorkerOrder b;
  CHECK_FALSE(decode(base::as_bytes(notice), &a));
  CHECK_FALSE(decode(base::as_bytes(order), &b));
}
