// SPDX-License-Identifier: Apache-2.0
#include "wsgi/response_state.h"

#include <CppUTest/TestHarness.h>

using wsgi::ResponseState;
using Phase = ResponseState::Phase;
using Verdict = ResponseState::StartVerdict;

namespace {
constexpr std::int64_t kUnknown = -1;
}

TEST_GROUP(ResponseState) {
  ResponseState state;

  void start(std::int64_t content_length, std::uint32_t status = 200) { state.started(status, content_length, false); }
  void start_for_head(std::int64_t content_length) { state.started(200, content_length, true); }
  void commit(std::int64_t content_length, std::uint32_t status = 200) {
    start(content_length, status);
    state.committed();
  }
};

TEST(ResponseState, TheFirstStartIsAccepted) {
  CHECK_TRUE(state.on_start_response(false) == Verdict::kAccept);
  CHECK_TRUE(state.on_start_response(true) == Verdict::kAccept);
}

TEST(ResponseState, ASecondStartNeedsExcInfo) {
  start(kUnknown);
  CHECK_TRUE(state.on_start_response(false) == Verdict::kMissingExcInfo);
  CHECK_TRUE(state.on_start_response(true) == Verdict::kAccept);
}

TEST(ResponseState, AStartAfterTheHeadReraises) {
  commit(kUnknown);
  CHECK_TRUE(state.on_start_response(true) == Verdict::kReraise);
  CHECK_TRUE(state.on_start_response(false) == Verdict::kMissingExcInfo);
}

TEST(ResponseState, AStartAfterTheEndIsRefused) {
  commit(kUnknown);
  state.end();
  CHECK_TRUE(state.on_start_response(false) == Verdict::kEnded);
  CHECK_TRUE(state.on_start_response(true) == Verdict::kEnded);
}

TEST(ResponseState, AnEndWithoutAStartIsAnEndToo) {
  state.end();
  CHECK_TRUE(state.on_start_response(false) == Verdict::kEnded);
}

TEST(ResponseState, ASecondStartReplacesTheFirst) {
  start(100, 200);
  start(5, 500);
  CHECK_EQUAL(500u, state.status());
  CHECK_TRUE(state.content_length() == 5);
}

TEST(ResponseState, ASecondStartMayDropTheLength) {
  start(100);
  start(kUnknown, 500);
  CHECK_TRUE(state.content_length() == kUnknown);
}

TEST(ResponseState, TheHeadGoesOutOnce) {
  CHECK_FALSE(state.must_commit());
  start(kUnknown);
  CHECK_TRUE(state.must_commit());
  state.committed();
  CHECK_FALSE(state.must_commit());
  CHECK_TRUE(state.phase() == Phase::kCommitted);
}

TEST(ResponseState, TakesNothingBeforeTheStart) {
  CHECK_EQUAL(0u, state.accept(10));
  CHECK_TRUE(state.produced() == 0);
}

TEST(ResponseState, TakesNothingAfterTheEnd) {
  commit(kUnknown);
  state.end();
  CHECK_EQUAL(0u, state.accept(10));
  CHECK_TRUE(state.produced() == 0);
}

TEST(ResponseState, WithoutALengthTakesEverything) {
  commit(kUnknown);
  CHECK_EQUAL(1'000'000u, state.accept(1'000'000));
  CHECK_EQUAL(7u, state.accept(7));
  CHECK_TRUE(state.sent() == 1'000'007);
  CHECK_FALSE(state.is_short());
  CHECK_FALSE(state.is_long());
}

TEST(ResponseState, OfItsExactLengthIsNeitherShortNorLong) {
  commit(10);
  CHECK_EQUAL(4u, state.accept(4));
  CHECK_EQUAL(6u, state.accept(6));
  CHECK_FALSE(state.is_short());
  CHECK_FALSE(state.is_long());
}

TEST(ResponseState, OverItsLengthIsCut) {
  commit(10);
  CHECK_EQUAL(8u, state.accept(8));
  CHECK_EQUAL(2u, state.accept(8));
  CHECK_EQUAL(0u, state.accept(8));
  CHECK_TRUE(state.sent() == 10);
  CHECK_TRUE(state.produced() == 24);
  CHECK_TRUE(state.is_long());
  CHECK_FALSE(state.is_short());
}

TEST(ResponseState, UnderItsLengthIsShortUntilTheLastByte) {
  commit(10);
  CHECK_TRUE(state.is_short());
  state.accept(9);
  CHECK_TRUE(state.is_short());
  state.accept(1);
  CHECK_FALSE(state.is_short());
}

TEST(ResponseState, OfLengthZeroTakesNothing) {
  commit(0);
  CHECK_FALSE(state.is_short());
  CHECK_EQUAL(0u, state.accept(1));
  CHECK_TRUE(state.is_long());
}

TEST(ResponseState, OfTheLargestLengthCountsOn) {
  commit(INT64_MAX);
  CHECK_EQUAL(SIZE_MAX / 2, state.accept(SIZE_MAX / 2));
  CHECK_FALSE(state.is_short());
  CHECK_EQUAL(0u, state.accept(1));
}

TEST(ResponseState, ToHeadCountsButTakesNothing) {
  start_for_head(10);
  state.committed();
  CHECK_EQUAL(0u, state.accept(25));
  CHECK_TRUE(state.produced() == 25);
  CHECK_TRUE(state.sent() == 0);
}

TEST(ResponseState, ToHeadIsNeitherShortNorLong) {
  start_for_head(10);
  state.committed();
  CHECK_FALSE(state.is_short());
  state.accept(25);
  CHECK_FALSE(state.is_long());
}

TEST(ResponseState, WithoutBodyTakesNothing) {
  for (const std::uint32_t status : {204u, 304u}) {
    commit(10, status);
    CHECK_TRUE(state.has_no_body());
    CHECK_EQUAL(0u, state.accept(5));
    CHECK_TRUE(state.produced() == 5);
    CHECK_FALSE(state.is_short());
    CHECK_FALSE(state.is_long());
  }
}

TEST(ResponseState, ASecondStartMayHaveABodyAfterAll) {
  start(kUnknown, 304);
  start(kUnknown, 500);
  CHECK_FALSE(state.has_no_body());
}

TEST(ResponseState, ASecondStartCountsFromZero) {
  start(100);
  state.accept(50);
  start(10, 500);
  CHECK_EQUAL(10u, state.accept(20));
  CHECK_TRUE(state.produced() == 20);
}

TEST(ResponseState, GetsALengthWhenTheApplicationGaveNone) {
  start(kUnknown);
  state.set_content_length(12);
  CHECK_TRUE(state.content_length() == 12);
}

TEST(ResponseState, KeepsTheApplicationsLength) {
  start(5);
  state.set_content_length(12);
  CHECK_TRUE(state.content_length() == 5);
}

TEST(ResponseState, GetsNoLengthWithoutABody) {
  start_for_head(kUnknown);
  state.set_content_length(12);
  CHECK_TRUE(state.content_length() == kUnknown);
}

TEST(ResponseState, GetsNoLengthAfterTheHead) {
  commit(kUnknown);
  state.set_content_length(12);
  CHECK_TRUE(state.content_length() == kUnknown);
}

TEST(ResponseState, TakesNothingMoreWhenItsLengthComesTooLate) {
  start(kUnknown);
  state.accept(20);
  state.set_content_length(12);
  CHECK_EQUAL(0u, state.accept(20));
}
