// SPDX-License-Identifier: Apache-2.0
#include "daemon/environment_file.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include <CppUTest/TestHarness.h>

namespace {

// The entries with "|" between, or the refusal.
std::string parsed(std::string_view text) {
  const auto entries = gatehoused::parse_environment(text);
  if (!entries) return entries.error().what;
  std::string line;
  for (const std::string& entry : entries.value()) line += (line.empty() ? "" : "|") + entry;
  return line;
}

}  // namespace

TEST_GROUP(EnvironmentFile){};

TEST(EnvironmentFile, EachLineIsAVariable) {
  STRCMP_EQUAL("A=1|B_2=two words", parsed("A=1\nB_2=two words\n").c_str());
}

TEST(EnvironmentFile, CommentsAndBlankLinesCountForNothing) {
  STRCMP_EQUAL("A=1|B=2#3", parsed("# one\n\n  \t\nA=1 # two\r\n  #three\nB=2#3").c_str());
}

TEST(EnvironmentFile, BlanksAroundNameAndValueAreLeftOut) {
  STRCMP_EQUAL("A=1|B=", parsed("  A =  1  \nB=\n").c_str());
}

TEST(EnvironmentFile, ShellFilesMayExport) { STRCMP_EQUAL("A=1|exported=2", parsed("export A=1\nexported=2").c_str()); }

TEST(EnvironmentFile, SingleQuotesKeepEverything) {
  STRCMP_EQUAL("A= a\\n # $b \"|B=", parsed("A=' a\\n # $b \"'  # and more\nB=''").c_str());
}

TEST(EnvironmentFile, DoubleQuotesKnowEscapes) {
  STRCMP_EQUAL("A= \n\t\\\"$`\\x # ", parsed("A=\" \\n\\t\\\\\\\"\\$\\`\\x # \"").c_str());
}

TEST(EnvironmentFile, AnEqualsSignMayBeInTheValue) { STRCMP_EQUAL("A=b=c", parsed("A=b=c").c_str()); }

TEST(EnvironmentFile, AnythingElseIsRefusedWithItsLine) {
  STRCMP_EQUAL("line 2: write NAME=VALUE, or # and a comment", parsed("A=1\nB\n").c_str());
  for (const char* line : {"=1", "1A=2", "A-B=1", "export", "A B=1", "\xc3\xa4=1"})
    STRCMP_CONTAINS("line 1: write NAME=VALUE", parsed(line).c_str());
  for (const char* line : {"A=\"", "A='", "A=\"b", "A='b' c", "A=\"b\"c", "A=\"b\\\""})
    STRCMP_CONTAINS("line 1: a quoted value must end", parsed(line).c_str());
  STRCMP_CONTAINS("NUL", parsed(std::string_view("A=1\0", 4)).c_str());
}

TEST(EnvironmentFile, IsReadFromAFile) {
  char name[] = "/tmp/gatehouse-env-XXXXXX";
  const int fd = mkstemp(name);
  CHECK_EQUAL(6, write(fd, "A=1\nB\n", 6));
  const std::string broken = gatehoused::read_environment_file(name).error().what;
  CHECK_EQUAL(0, ftruncate(fd, 4));
  const auto entries = gatehoused::read_environment_file(name);
  close(fd);
  unlink(name);
  STRCMP_EQUAL((std::string("env-file ") + name + ", line 2: write NAME=VALUE, or # and a comment").c_str(),
               broken.c_str());
  CHECK((entries && entries.value() == std::vector<std::string>{"A=1"}));
  STRCMP_CONTAINS("cannot be read", gatehoused::read_environment_file("/nowhere/env").error().what.c_str());
  STRCMP_CONTAINS("is no file", gatehoused::read_environment_file("/dev").error().what.c_str());
}

TEST(EnvironmentFile, APipeDoesNotHoldUpTheStart) {
  char name[] = "/tmp/gatehouse-env-XXXXXX";
  close(mkstemp(name));
  unlink(name);
  CHECK_EQUAL(0, mkfifo(name, 0600));
  const auto entries = gatehoused::read_environment_file(name);
  unlink(name);
  STRCMP_CONTAINS("is no file", entries.error().what.c_str());
}
