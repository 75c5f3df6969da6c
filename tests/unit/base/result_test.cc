// SPDX-License-Identifier: Apache-2.0
#include "base/result.h"

#include <cerrno>
#include <memory>

#include <CppUTest/TestHarness.h>

using base::Error;
using base::Message;
using base::Result;

TEST_GROUP(Result){};

TEST(Result, HoldsItsValue) {
  const Result<int> result = 42;
  CHECK_TRUE(static_cast<bool>(result));
  CHECK_EQUAL(42, result.value());
}

TEST(Result, HoldsItsError) {
  const Result<int> result = Error{Message::kSystemCall, 0, "open /x failed"};
  CHECK_FALSE(static_cast<bool>(result));
  CHECK_EQUAL(std::string("open /x failed"), result.error().what);
}

TEST(Result, GivesUpAMoveOnlyValue) {
  Result<std::unique_ptr<int>> result = std::make_unique<int>(7);
  const std::unique_ptr<int> taken = std::move(result).value();
  CHECK_EQUAL(7, *taken);
}

TEST(Result, ReachesIntoItsValue) {
  Result<std::string> result = std::string("text");
  result->append("s");
  CHECK_EQUAL(std::string("texts"), result.value());
}

TEST(Result, OfAnErrorTypeStillTellsValueFromError) {
  const Result<std::string> value = std::string("an error?");
  CHECK_TRUE(static_cast<bool>(value));
}

TEST(Result, OkIsAStatusWithoutError) { CHECK_TRUE(static_cast<bool>(base::ok())); }

TEST(Result, OsErrorKeepsErrno) {
  errno = ENOENT;
  const Error error = base::os_error(Message::kSystemCall, "stat /x failed");
  CHECK_EQUAL(ENOENT, error.os_error);
  CHECK_EQUAL(std::string("stat /x failed"), error.what);
  CHECK_TRUE(error.message == Message::kSystemCall);
}
