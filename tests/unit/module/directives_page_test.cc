// SPDX-License-Identifier: Apache-2.0
//
// docs/directives.md shows every option of WSGIDaemonProcess as the table in lib/wire/group_spec.cc has it.
#include "wire/group_spec.h"

#include <cstdio>
#include <string>

#include <CppUTest/TestHarness.h>

namespace {

std::string page() {
  std::string text;
  std::FILE* file = std::fopen(GATEHOUSE_SOURCE_DIR "/docs/directives.md", "r");
  if (file == nullptr) return text;
  char part[4096];
  for (std::size_t size; (size = std::fread(part, 1, sizeof part, file)) > 0;) text.append(part, size);
  std::fclose(file);
  return text;
}

std::string unit_of(wire::OptionKind kind) {
  switch (kind) {
    case wire::OptionKind::kText:
      return "text";
    case wire::OptionKind::kName:
      return "name or #id";
    case wire::OptionKind::kDirectory:
      return "directory";
    case wire::OptionKind::kCount:
      return "number";
    case wire::OptionKind::kOctal:
      return "octal number";
    case wire::OptionKind::kBytes:
      return "bytes";
    case wire::OptionKind::kSeconds:
    case wire::OptionKind::kPositiveSeconds:
      return "seconds";
    case wire::OptionKind::kMilliseconds:
      return "milliseconds";
    case wire::OptionKind::kOnOff:
      return "On, Off";
    case wire::OptionKind::kVersion:
      return "3.X";
  }
  return "";
}

// The default in the unit that is written; "-" for what is unset.
std::string default_of(const wire::GroupOption& option) {
  const wire::GroupSpec defaults;
  if (option.flag != nullptr) return defaults.*option.flag ? "On" : "Off";
  if (option.number == nullptr) return "-";
  const std::int64_t value = defaults.*option.number;
  if (value < 0) return "-";
  if (option.kind == wire::OptionKind::kSeconds || option.kind == wire::OptionKind::kPositiveSeconds)
    return std::to_string(value / 1'000'000);
  return std::to_string(option.kind == wire::OptionKind::kMilliseconds ? value / 1'000 : value);
}

std::string row_of(const wire::GroupOption& option) {
  return "| `" + std::string(option.name) + "` | " + unit_of(option.kind) + " | " + default_of(option) + " | " +
         (option.in_effect ? "" : "*Later.* ") + std::string(option.meaning) + " |\n";
}

}  // namespace

TEST_GROUP(DirectivesPage){};

TEST(DirectivesPage, ShowsEveryOptionAsTheTableHasIt) {
  std::string rows;
  for (const wire::GroupOption& option : wire::group_options()) rows += row_of(option);
  const bool shown = page().find(rows) != std::string::npos;
  if (!shown) std::printf("docs/directives.md must contain:\n%s", rows.c_str());
  CHECK_TRUE(shown);
}
