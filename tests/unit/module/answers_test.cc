// SPDX-License-Identifier: Apache-2.0
#include "module/answers.h"

#include <string>

#include <CppUTest/TestHarness.h>

using httpd::Answer;
using httpd::Verdict;

namespace {

const Answer kMissing;
const Answer kRaised{GATEHOUSE_ANSWER_RAISED, {}};
const Answer kNone{GATEHOUSE_ANSWER_NONE, {}};
const Answer kTrue{GATEHOUSE_ANSWER_TRUE, {}};
const Answer kFalse{GATEHOUSE_ANSWER_FALSE, {}};
const Answer kNumber{GATEHOUSE_ANSWER_OTHER, {"int"}};

Answer text(std::string value) { return {GATEHOUSE_ANSWER_TEXT, {std::move(value)}}; }
Answer bytes(std::string value) { return {GATEHOUSE_ANSWER_BYTES, {std::move(value)}}; }
Answer list(std::vector<std::string> values) { return {GATEHOUSE_ANSWER_LIST, std::move(values)}; }

// "yes bob", "no", "unknown", "mistaken: what to log"
std::string told(const Verdict& verdict) {
  switch (verdict.kind) {
    case Verdict::Kind::kYes:
      return verdict.text.empty() ? "yes" : "yes " + verdict.text;
    case Verdict::Kind::kNo:
      return "no";
    case Verdict::Kind::kUnknown:
      return "unknown";
    case Verdict::Kind::kMistaken:
      return "mistaken: " + verdict.problem;
  }
  return "";
}

void is(const char* expected, const Verdict& verdict) { STRCMP_EQUAL(expected, told(verdict).c_str()); }

}  // namespace

TEST_GROUP(AnswerVerdicts){};

TEST(AnswerVerdicts, OfAllowAccess) {
  is("yes", httpd::access_verdict(kTrue));
  is("no", httpd::access_verdict(kFalse));
  is("unknown", httpd::access_verdict(kNone));
  is("mistaken: returned int; return True, False or None", httpd::access_verdict(kNumber));
  is("mistaken: returned a str; return True, False or None", httpd::access_verdict(text("yes")));
  is("mistaken: is not defined", httpd::access_verdict(kMissing));
}

TEST(AnswerVerdicts, OfCheckPassword) {
  is("yes", httpd::password_verdict(kTrue));
  is("no", httpd::password_verdict(kFalse));
  is("unknown", httpd::password_verdict(kNone));
  is("yes bob", httpd::password_verdict(text("bob")));
  is("yes caf\xe9", httpd::password_verdict(text("caf\xe9")));
  is("mistaken: returned an empty str; return True, False, None or the user's name as str",
     httpd::password_verdict(text("")));
  is("mistaken: returned bytes; return True, False, None or the user's name as str",
     httpd::password_verdict(bytes("bob")));
}

TEST(AnswerVerdicts, OfGetRealmHash) {
  is("yes 5f4d", httpd::hash_verdict(text("5f4d")));
  is("yes 5f4d", httpd::hash_verdict(bytes("5f4d")));
  is("unknown", httpd::hash_verdict(kNone));
  is("mistaken: returned True; return the MD5 of \"user:realm:password\" in hexadecimal, or None",
     httpd::hash_verdict(kTrue));
  is("mistaken: returned an empty str; return the MD5 of \"user:realm:password\" in hexadecimal, or None",
     httpd::hash_verdict(text("")));
}

TEST(AnswerVerdicts, OfGroupsForUser) {
  const std::string_view wanted[] = {"staff", "caf\xe9"};
  is("yes", httpd::group_verdict(list({"a", "staff"}), wanted));
  is("yes", httpd::group_verdict(list({"caf\xe9"}), wanted));
  is("no", httpd::group_verdict(list({"Staff", "staf"}), wanted));
  is("no", httpd::group_verdict(list({}), wanted));
  is("mistaken: returned None; return a list of str or bytes, the names of groups",
     httpd::group_verdict(kNone, wanted));
  is("mistaken: returned a str; return a list of str or bytes, the names of groups",
     httpd::group_verdict(text("staff"), wanted));
}

TEST(AnswerVerdicts, OfADispatchFunction) {
  is("yes blog", httpd::dispatch_verdict(text("blog")));
  is("yes blog", httpd::dispatch_verdict(bytes("blog")));
  is("yes", httpd::dispatch_verdict(text("")));
  is("unknown", httpd::dispatch_verdict(kNone));
  is("unknown", httpd::dispatch_verdict(kMissing));
  is("mistaken: returned int; return a name as str, or None", httpd::dispatch_verdict(kNumber));
}

TEST(AnswerVerdicts, AnExceptionIsAMistakeThatIsLoggedAlready) {
  is("mistaken: ", httpd::access_verdict(kRaised));
  is("mistaken: ", httpd::password_verdict(kRaised));
  is("mistaken: ", httpd::hash_verdict(kRaised));
  is("mistaken: ", httpd::group_verdict(kRaised, {}));
  is("mistaken: ", httpd::dispatch_verdict(kRaised));
}

TEST(AnswerVerdicts, ANulWouldCutTheText) {
  const Answer cut = text(std::string("root\0x", 6));
  is("mistaken: returned a text with a NUL in it; return one without", httpd::password_verdict(cut));
  is("mistaken: returned a text with a NUL in it; return one without", httpd::hash_verdict(cut));
  is("mistaken: returned a text with a NUL in it; return one without", httpd::dispatch_verdict(cut));
}

TEST(AnswerVerdicts, AKindWithoutItsTextIsAMistake) {
  const Answer broken{GATEHOUSE_ANSWER_TEXT, {}};
  is("mistaken: returned a str; return a name as str, or None", httpd::dispatch_verdict(broken));
}
