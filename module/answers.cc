// SPDX-License-Identifier: Apache-2.0
#include "module/answers.h"

#include <algorithm>

namespace httpd {
namespace {

using Kind = Verdict::Kind;

// httpd's texts end at a NUL: one that holds another would be cut.
bool has_nul(std::string_view text) { return text.find('\0') != std::string_view::npos; }

std::string_view name_of(const Answer& answer) {
  switch (answer.kind) {
    case GATEHOUSE_ANSWER_NONE:
      return "None";
    case GATEHOUSE_ANSWER_TRUE:
      return "True";
    case GATEHOUSE_ANSWER_FALSE:
      return "False";
    case GATEHOUSE_ANSWER_TEXT:
      return answer.texts.empty() || !answer.texts[0].empty() ? "a str" : "an empty str";
    case GATEHOUSE_ANSWER_BYTES:
      return answer.texts.empty() || !answer.texts[0].empty() ? "bytes" : "empty bytes";
    case GATEHOUSE_ANSWER_LIST:
      return "a list";
    default:
      return answer.texts.empty() ? "something else" : std::string_view(answer.texts[0]);
  }
}

Verdict mistaken(const Answer& answer, std::string_view wanted) {
  if (answer.kind == GATEHOUSE_ANSWER_RAISED) return {};
  if (answer.kind == GATEHOUSE_ANSWER_MISSING) return {Kind::kMistaken, {}, "is not defined"};
  return {Kind::kMistaken, {}, "returned " + std::string(name_of(answer)) + "; return " + std::string(wanted)};
}

bool is_text(const Answer& answer, bool or_bytes) {
  if (answer.kind != GATEHOUSE_ANSWER_TEXT && (!or_bytes || answer.kind != GATEHOUSE_ANSWER_BYTES)) return false;
  return answer.texts.size() == 1;
}

// A text that httpd can use: yes, with it.
Verdict with_text(const Answer& answer) {
  if (has_nul(answer.texts[0])) return {Kind::kMistaken, {}, "returned a text with a NUL in it; return one without"};
  return {Kind::kYes, answer.texts[0], {}};
}

}  // namespace

Verdict access_verdict(const Answer& answer) {
  if (answer.kind == GATEHOUSE_ANSWER_TRUE) return {Kind::kYes, {}, {}};
  if (answer.kind == GATEHOUSE_ANSWER_FALSE) return {Kind::kNo, {}, {}};
  if (answer.kind == GATEHOUSE_ANSWER_NONE) return {Kind::kUnknown, {}, {}};
  return mistaken(answer, "True, False or None");
}

Verdict password_verdict(const Answer& answer) {
  if (is_text(answer, false) && !answer.texts[0].empty()) return with_text(answer);
  if (answer.kind == GATEHOUSE_ANSWER_TRUE || answer.kind == GATEHOUSE_ANSWER_FALSE ||
      answer.kind == GATEHOUSE_ANSWER_NONE)
    return access_verdict(answer);
  return mistaken(answer, "True, False, None or the user's name as str");
}

Verdict hash_verdict(const Answer& answer) {
  if (is_text(answer, true) && !answer.texts[0].empty()) return with_text(answer);
  if (answer.kind == GATEHOUSE_ANSWER_NONE) return {Kind::kUnknown, {}, {}};
  return mistaken(answer, "the MD5 of \"user:realm:password\" in hexadecimal, or None");
}

Verdict group_verdict(const Answer& answer, std::span<const std::string_view> wanted) {
  if (answer.kind != GATEHOUSE_ANSWER_LIST) return mistaken(answer, "a list of str or bytes, the names of groups");
  const bool is_member = std::any_of(answer.texts.begin(), answer.texts.end(), [&](const std::string& group) {
    return std::find(wanted.begin(), wanted.end(), group) != wanted.end();
  });
  return {is_member ? Kind::kYes : Kind::kNo, {}, {}};
}

Verdict dispatch_verdict(const Answer& answer) {
  if (answer.kind == GATEHOUSE_ANSWER_NONE || answer.kind == GATEHOUSE_ANSWER_MISSING) return {Kind::kUnknown, {}, {}};
  if (is_text(answer, true)) return with_text(answer);
  return mistaken(answer, "a name as str, or None");
}

}  // namespace httpd
