// SPDX-License-Identifier: Apache-2.0
#include "module/option_reader.h"

namespace httpd {
namespace {

constexpr std::string_view kBlanks = " \t\r\n";

}  // namespace

void OptionReader::skip_blanks() {
  const std::size_t next = rest_.find_first_not_of(kBlanks);
  rest_.remove_prefix(next == std::string_view::npos ? rest_.size() : next);
}

bool OptionReader::at_end() {
  skip_blanks();
  return rest_.empty();
}

std::string OptionReader::quoted_or_plain() {
  std::string text;
  if (rest_.empty()) return text;
  const char quote = rest_.front();
  if (quote != '"' && quote != '\'') {
    text = rest_.substr(0, rest_.find_first_of(kBlanks));
    rest_.remove_prefix(text.size());
    return text;
  }
  std::size_t at = 1;
  for (; at < rest_.size() && rest_[at] != quote; ++at) {
    if (rest_[at] == '\\' && at + 1 < rest_.size() && (rest_[at + 1] == quote || rest_[at + 1] == '\\')) ++at;
    text.push_back(rest_[at]);
  }
  rest_.remove_prefix(at < rest_.size() ? at + 1 : at);
  return text;
}

std::string OptionReader::word() {
  skip_blanks();
  return quoted_or_plain();
}

OptionReader::Found OptionReader::option(Option* option) {
  if (at_end()) return Found::kEnd;
  // The whole option may be quoted, as httpd's own directives allow: "display-name=my group".
  if (rest_.front() == '"' || rest_.front() == '\'') {
    const std::string whole = quoted_or_plain();
    const std::size_t equals = whole.find('=');
    option->name = whole.substr(0, equals);
    option->value = equals == std::string::npos ? "" : whole.substr(equals + 1);
  } else {
    const std::size_t end = rest_.find_first_of("= \t\r\n");
    option->name = rest_.substr(0, end);
    rest_.remove_prefix(option->name.size());
    const bool has_value = !rest_.empty() && rest_.front() == '=';
    if (has_value) rest_.remove_prefix(1);
    option->value = has_value ? quoted_or_plain() : "";
  }
  return option->name.empty() || option->value.empty() ? Found::kMalformed : Found::kOption;
}

}  // namespace httpd
