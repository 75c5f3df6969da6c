// SPDX-License-Identifier: Apache-2.0
//
// Prints the options of WSGIDaemonProcess for scripts/check-directives, from the table that parses them: one a line,
// fields separated by tabs: name, value, default, "later" or nothing, meaning, example.

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <string>

#include "wire/group_spec.h"

namespace {

struct Example {
  std::string_view option;
  std::string_view value;
};
constexpr Example kExamples[] = {
#define GH_EXAMPLE(option, value) {option, value},
#include "wire/group_examples.def"
#undef GH_EXAMPLE
};

void remove(std::string* text, std::string_view part) {
  if (const std::size_t at = text->find(part); at != std::string::npos) text->erase(at, part.size());
}

void replace(std::string* text, std::string_view part, std::string_view other) {
  if (const std::size_t at = text->find(part); at != std::string::npos) text->replace(at, part.size(), other);
}

// As the refusal of a wrong value puts it, but for the article; bounds that nobody meets are left out.
std::string value_of(const wire::GroupOption& option) {
  std::string text = wire::wanted_value(option);
  for (const std::string_view article : {"a ", "an ", "the "})
    if (text.starts_with(article)) {
      text.erase(0, article.size());
      break;
    }
  if (text.ends_with(',')) text.pop_back();
  remove(&text, " and up to 2147483647");
  for (const std::string_view bound : {" to 2147483647", " to 9223372036854775807"}) replace(&text, bound, " up");
  return text;
}

std::int64_t unit_of(wire::OptionKind kind) {
  switch (kind) {
    case wire::OptionKind::kSeconds:
    case wire::OptionKind::kPositiveSeconds:
      return 1'000'000;
    case wire::OptionKind::kMilliseconds:
      return 1'000;
    default:
      return 1;
  }
}

// In the unit that is written; "-" for what is unset.
std::string default_of(const wire::GroupOption& option) {
  const wire::GroupSpec defaults;
  if (option.flag != nullptr) return defaults.*option.flag ? "On" : "Off";
  if (option.number == nullptr) return (defaults.*option.text).empty() ? "-" : defaults.*option.text;
  const std::int64_t value = defaults.*option.number;
  if (value < option.minimum && value < 0) return "-";
  const std::int64_t unit = unit_of(option.kind);
  std::string text = std::to_string(value / unit);
  if (value % unit == 0) return text;
  std::string fraction = std::to_string(unit + value % unit).substr(1);
  fraction.erase(fraction.find_last_not_of('0') + 1);
  return text + "." + fraction;
}

const Example* example_of(const wire::GroupOption& option) {
  const auto* found = std::find_if(std::begin(kExamples), std::end(kExamples),
                                   [&](const Example& example) { return example.option == option.name; });
  return found != std::end(kExamples) ? found : nullptr;
}

}  // namespace

int main() {
  bool complete = true;
  for (const wire::GroupOption& option : wire::group_options()) {
    const Example* example = example_of(option);
    if (example == nullptr) {
      std::fprintf(stderr, "lib/wire/group_examples.def: there is no example of %s\n", option.name.data());
      complete = false;
      continue;
    }
    std::printf("%s\t%s\t%s\t%s\t%s\t%s=%s\n", option.name.data(), value_of(option).c_str(), default_of(option).c_str(),
                option.effect == wire::OptionEffect::kLater ? "later" : "", option.meaning.data(), option.name.data(),
                example->value.data());
  }
  return complete ? 0 : 1;
}
