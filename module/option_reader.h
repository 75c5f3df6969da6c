// SPDX-License-Identifier: Apache-2.0
#pragma once

// Splits the arguments of a directive into words and "name=value" options. A word or a value may be quoted with "
// or ', in which a backslash takes the next quote or backslash literally. Pure.

#include <string>
#include <string_view>

namespace httpd {

class OptionReader {
 public:
  explicit OptionReader(std::string_view arguments) : rest_(arguments) {}

  struct Option {
    std::string name;
    std::string value;
  };
  enum class Found { kOption, kEnd, kMalformed };

  // The next word; empty at the end.
  std::string word();
  // The next option. kMalformed: no '=', no name or no value; option->name is then the text that was found.
  Found option(Option* option);
  bool at_end();

 private:
  void skip_blanks();
  std::string quoted_or_plain();

  std::string_view rest_;
};

}  // namespace httpd
