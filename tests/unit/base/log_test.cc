// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "base/posix.h"

#include <CppUTest/TestHarness.h>

using base::escape_line;
using base::Level;
using base::Message;
using base::UniqueFd;

namespace {

struct Line {
  Level level = Level::kTrace;
  std::string text;
};

void keep_line(void* context, Level level, std::string_view line) {
  *static_cast<Line*>(context) = {level, std::string(line)};
}

// Descriptor 2 becomes a datagram socket for as long as this lives: one write, one datagram.
class StderrDatagrams {
 public:
  StderrDatagrams() : saved_(dup(2)) {
    auto ends = base::socket_pair(SOCK_SEQPACKET);
    dup2(ends.value().first.get(), 2);
    read_ = std::move(ends.value().second);
  }
  ~StderrDatagrams() { dup2(saved_.get(), 2); }
  std::string next() {
    char buffer[32768];
    const ssize_t size = recv(read_.get(), buffer, sizeof buffer, MSG_DONTWAIT);
    return size > 0 ? std::string(buffer, static_cast<std::size_t>(size)) : std::string();
  }

 private:
  UniqueFd saved_;
  UniqueFd read_;
};

}  // namespace

TEST_GROUP(Log) {
  Line line;

  void setup() override { base::set_log_sink(keep_line, &line); }
  void teardown() override { base::set_log_sink(nullptr, nullptr); }
};

TEST(Log, ALineBeginsWithItsCode) {
  base::log(Message::kSystemCall, "open %s failed (%d)", "/x", 7);
  CHECK_EQUAL(std::string("GH0001: open /x failed (7)"), line.text);
}

TEST(Log, ALineHasTheLevelOfItsMessage) {
  base::log(Message::kOptionUnknown, "x");
  CHECK_TRUE(line.level == base::entry_of(Message::kOptionUnknown).level);
}

TEST(Log, ALineOfAnyLengthArrivesWhole) {
  for (const std::size_t size : {8183u, 8184u, 8185u, 8191u, 8192u, 100'000u}) {
    const std::string text(size, 'x');
    base::log(Message::kSystemCall, "%s", text.c_str());
    CHECK_TRUE(line.text == "GH0001: " + text);
  }
}

TEST(Log, WhatIsLoggedCannotForgeALine) {
  base::log(Message::kSystemCall, "no file '%s'", "a\n[error] b");
  CHECK_EQUAL(std::string("GH0001: no file 'a\\x0a[error] b'"), line.text);
}

TEST(Log, EscapingDoesNotCutALine) {
  const std::string text(10'000, '\n');
  base::log(Message::kSystemCall, "%s", text.c_str());
  CHECK_EQUAL(40'008u, line.text.size());
}

TEST(Log, AnErrorIsItsSentenceAndTheSystemsError) {
  base::log(base::Error{Message::kSystemCall, ENOENT, "open /x failed"});
  CHECK_EQUAL(std::string("GH0001: open /x failed: No such file or directory"), line.text);
}

TEST(Log, AnErrorOfOurOwnHasNoSystemsError) {
  CHECK_EQUAL(std::string("GH0010: no such option"), base::text_of({Message::kOptionUnknown, 0, "no such option"}));
}

TEST(Log, WithoutASinkLinesGoToStderr) {
  base::set_log_sink(nullptr, nullptr);
  StderrDatagrams stderr_lines;
  base::log(Message::kSystemCall, "hello");
  CHECK_TRUE(stderr_lines.next().ends_with("] GH0001: hello\n"));
}

TEST(Log, StderrHasTheServersFormat) {
  StderrDatagrams stderr_lines;
  base::write_to_stderr(nullptr, Level::kWarning, "GH0001: hello");
  const std::string got = stderr_lines.next();
  char day[4], month[4], level[8], rest[32];
  int date, hour, minute, second, micros, year, pid;
  CHECK_EQUAL(11, std::sscanf(got.c_str(), "[%3s %3s %2d %2d:%2d:%2d.%6d %4d] [wsgi:%7[a-z]] [pid %d] %31[^\n]", day,
                              month, &date, &hour, &minute, &second, &micros, &year, level, &pid, rest));
  CHECK_EQUAL(std::string("warn"), std::string(level));
  CHECK_EQUAL(getpid(), pid);
  CHECK_EQUAL(std::string("GH0001: hello"), std::string(rest));
  CHECK_EQUAL('\n', got.back());
}

TEST(Log, StderrNamesLevelsAsTheServerDoes) {
  constexpr const char* kNames[] = {"emerg", "alert", "crit", "error", "warn", "notice", "info", "debug", "trace1"};
  StderrDatagrams stderr_lines;
  for (unsigned level = 0; level < 9; ++level) {
    base::write_to_stderr(nullptr, static_cast<Level>(level), "x");
    CHECK_TRUE(stderr_lines.next().find(std::string("[wsgi:") + kNames[level] + "] ") != std::string::npos);
  }
}

TEST(Log, ALongLineGoesToStderrInOneWrite) {
  StderrDatagrams stderr_lines;
  base::write_to_stderr(nullptr, Level::kError, std::string(20'000, 'x'));
  CHECK_TRUE(stderr_lines.next().ends_with("xxx\n"));
  CHECK_EQUAL(std::string(), stderr_lines.next());
}

TEST_GROUP(EscapeLine){};

TEST(EscapeLine, EveryAsciiByteIsShownOrEscaped) {
  for (int byte = 0; byte < 0x80; ++byte) {
    const char c = static_cast<char>(byte);
    char escaped[8];
    std::snprintf(escaped, sizeof escaped, "\\x%02x", byte);
    const bool shown = (byte >= 0x20 && byte < 0x7f) || byte == '\t';
    const std::string expected = "a" + (shown ? std::string(1, c) : std::string(escaped)) + "b";
    CHECK_EQUAL(expected, escape_line(std::string("a") + c + "b"));
  }
}

TEST(EscapeLine, ABareHighByteIsEscaped) {
  for (int byte = 0x80; byte < 0x100; ++byte) {
    char escaped[8];
    std::snprintf(escaped, sizeof escaped, "\\x%02x", byte);
    CHECK_EQUAL(std::string(escaped) + "b", escape_line(std::string(1, static_cast<char>(byte)) + "b"));
  }
}

TEST(EscapeLine, ValidUtf8Stays) {
  const char* kTexts[] = {"\xc3\xa4",     "\xc2\xa0",     "\xdf\xbf",         "\xe0\xa0\x80",     "\xe2\x82\xac",
                          "\xed\x9f\xbf", "\xee\x80\x80", "\xf0\x90\x80\x80", "\xf0\x9f\x98\x80", "\xf4\x8f\xbf\xbf"};
  for (const char* text : kTexts) CHECK_EQUAL(std::string(text), escape_line(text));
}

TEST(EscapeLine, OverlongFormsAreEscaped) {
  CHECK_EQUAL(std::string("\\xc0\\xaf"), escape_line("\xc0\xaf"));
  CHECK_EQUAL(std::string("\\xe0\\x9f\\xbf"), escape_line("\xe0\x9f\xbf"));
  CHECK_EQUAL(std::string("\\xf0\\x8f\\xbf\\xbf"), escape_line("\xf0\x8f\xbf\xbf"));
}

TEST(EscapeLine, SurrogatesAreEscaped) { CHECK_EQUAL(std::string("\\xed\\xa0\\x80"), escape_line("\xed\xa0\x80")); }

TEST(EscapeLine, WhatLiesBeyondUnicodeIsEscaped) {
  CHECK_EQUAL(std::string("\\xf4\\x90\\x80\\x80"), escape_line("\xf4\x90\x80\x80"));
  CHECK_EQUAL(std::string("\\xf5\\x80\\x80\\x80"), escape_line("\xf5\x80\x80\x80"));
}

TEST(EscapeLine, ASequenceThatIsCutShortIsEscaped) {
  CHECK_EQUAL(std::string("\\xe2\\x82"), escape_line("\xe2\x82"));
  CHECK_EQUAL(std::string("\\xe2\\x82x"), escape_line("\xe2\x82x"));
}

TEST(EscapeLine, C1ControlsAndLineSeparatorsAreEscaped) {
  CHECK_EQUAL(std::string("\\xc2\\x85"), escape_line("\xc2\x85"));
  CHECK_EQUAL(std::string("\\xc2\\x9b"), escape_line("\xc2\x9b"));
  CHECK_EQUAL(std::string("\\xe2\\x80\\xa8"), escape_line("\xe2\x80\xa8"));
  CHECK_EQUAL(std::string("\\xe2\\x80\\xa9"), escape_line("\xe2\x80\xa9"));
}

TEST(EscapeLine, ALineOfTheLimitIsNotCut) { CHECK_EQUAL(std::string("abcdef"), escape_line("abcdef", 6)); }

TEST(EscapeLine, ALineOverTheLimitEndsInDots) { CHECK_EQUAL(std::string("abc..."), escape_line("abcdefg", 6)); }

TEST(EscapeLine, NothingIsCutInTheMiddle) {
  CHECK_EQUAL(std::string("a..."), escape_line("a\xe2\x82\xac\xe2\x82\xac", 6));
  CHECK_EQUAL(std::string("a..."), escape_line("a\n\n", 7));
}

TEST(EscapeLine, TheLimitHoldsForEveryLength) {
  const std::string text =
      "ab\n\xe2\x82\xac\xff cd\x01"
      "efgh";
  for (std::size_t limit = 0; limit < 40; ++limit) CHECK_TRUE(escape_line(text, limit).size() <= limit);
}
