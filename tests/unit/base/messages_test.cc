// SPDX-License-Identifier: Apache-2.0
#include "base/messages.h"

#include <cstdio>
#include <string>

#include <CppUTest/TestHarness.h>

using base::Message;

namespace {
constexpr Message kMessages[] = {
#define GH_MESSAGE(name, number, level, cause, remedy) Message::name,
#include "base/messages.def"
#undef GH_MESSAGE
};
}  // namespace

TEST_GROUP(Messages){};

TEST(Messages, EveryMessageHasItsEntry) {
  for (const Message message : kMessages) CHECK_TRUE(base::entry_of(message).message == message);
}

TEST(Messages, ACodeIsGHAndTheNumberInFourDigits) {
  for (const Message message : kMessages) {
    char expected[16];
    std::snprintf(expected, sizeof expected, "GH%04u", static_cast<unsigned>(message));
    CHECK_EQUAL(std::string(expected), std::string(base::entry_of(message).code));
  }
}

TEST(Messages, EveryEntryTellsCauseAndRemedy) {
  for (const Message message : kMessages) {
    CHECK_FALSE(base::entry_of(message).cause.empty());
    CHECK_FALSE(base::entry_of(message).remedy.empty());
  }
}
