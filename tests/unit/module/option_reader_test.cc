// SPDX-License-Identifier: Apache-2.0
#include "module/option_reader.h"

#include <CppUTest/TestHarness.h>

using httpd::OptionReader;
using Found = httpd::OptionReader::Found;

TEST_GROUP(OptionReader) {
  OptionReader::Option option;

  // "name|value" of the first option in text.
  std::string first(std::string_view text) {
    OptionReader reader(text);
    if (reader.option(&option) != Found::kOption) return "malformed";
    return option.name + "|" + option.value;
  }
  void equal(const char* expected, const std::string& actual) { STRCMP_EQUAL(expected, actual.c_str()); }
};

TEST(OptionReader, WordsAreSeparatedByBlanks) {
  OptionReader reader("  one\ttwo  ");
  equal("one", reader.word());
  equal("two", reader.word());
  equal("", reader.word());
  CHECK_TRUE(reader.at_end());
}

TEST(OptionReader, AQuotedWordKeepsItsBlanks) {
  OptionReader reader(R"("C:/my scripts" 'a b')");
  equal("C:/my scripts", reader.word());
  equal("a b", reader.word());
}

TEST(OptionReader, ABackslashTakesAQuoteLiterally) {
  equal(R"(x|say "hi" \ now)", first(R"(x="say \"hi\" \\ now")"));
  equal(R"(x|C:\dir)", first(R"(x=C:\dir)"));
}

TEST(OptionReader, AValueMayBeQuoted) {
  equal("display-name|my group", first(R"(display-name="my group" threads=2)"));
  equal("display-name|my group", first(R"(display-name='my group')"));
}

TEST(OptionReader, AWholeOptionMayBeQuoted) { equal("display-name|my group", first(R"("display-name=my group")")); }

TEST(OptionReader, AValueMayContainEqualsSigns) { equal("a|b=c", first("a=b=c")); }

TEST(OptionReader, OptionsFollowEachOther) {
  OptionReader reader("group threads=2  user=\"x y\"");
  equal("group", reader.word());
  CHECK(reader.option(&option) == Found::kOption);
  equal("2", option.value);
  CHECK(reader.option(&option) == Found::kOption);
  equal("x y", option.value);
  CHECK(reader.option(&option) == Found::kEnd);
}

TEST(OptionReader, WhatHasNoNameOrValueIsMalformed) {
  for (const char* text : {"threads", "threads=", "=2", "threads =2", "\"threads\"", "\"\""})
    equal("malformed", first(text));
}

TEST(OptionReader, AMissingClosingQuoteEndsAtTheEnd) { equal("a|b c", first("a=\"b c")); }
