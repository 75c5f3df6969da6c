// SPDX-License-Identifier: Apache-2.0
#include "wire/head_size.h"

#include <string>
#include <vector>

#include <CppUTest/TestHarness.h>

TEST_GROUP(HeadSize){};

TEST(HeadSize, TellsNumberSizeAndTheLargest) {
  const std::string huge(1000, 'x');
  const std::vector<wire::Pair> pairs = {{"A", "12"}, {"X-Big", huge}, {"B", ""}};
  STRCMP_EQUAL("3 of 1009 bytes, the largest is X-Big of 1005 bytes", wire::text_of_sizes(pairs).c_str());
}

TEST(HeadSize, OfNoneIsNothing) { STRCMP_EQUAL("0 of 0 bytes", wire::text_of_sizes({}).c_str()); }

TEST(HeadSize, ALongNameIsCut) {
  const std::string name(500, 'n');
  const std::vector<wire::Pair> pairs = {{name, ""}};
  STRCMP_EQUAL(("1 of 500 bytes, the largest is " + std::string(64, 'n') + " of 500 bytes").c_str(),
               wire::text_of_sizes(pairs).c_str());
}
