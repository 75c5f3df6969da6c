// SPDX-License-Identifier: Apache-2.0
#include "wsgi/module_target.h"

#include <algorithm>

namespace wsgi {
namespace {

// Python's identifiers may have letters of all scripts; here any byte beyond ASCII passes.
bool is_identifier(std::string_view name) {
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  const auto is_letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || static_cast<unsigned char>(c) >= 0x80;
  };
  return !name.empty() && !is_digit(name.front()) &&
         std::all_of(name.begin(), name.end(), [&](char c) { return is_letter(c) || is_digit(c); });
}

bool is_dotted_name(std::string_view name) {
  while (true) {
    const std::size_t dot = name.find('.');
    if (!is_identifier(name.substr(0, dot))) return false;
    if (dot == name.npos) return true;
    name.remove_prefix(dot + 1);
  }
}

}  // namespace

std::optional<ModuleTarget> parse_module_target(std::string_view text) {
  if (!names_module(text)) return std::nullopt;
  const std::string_view rest = module_of(text);
  const std::size_t colon = rest.find(':');
  const std::string_view name = rest.substr(0, colon);
  if (!is_dotted_name(name)) return std::nullopt;
  ModuleTarget target{std::string(kModulePrefix).append(name), {}};
  if (colon == rest.npos) return target;
  target.callable = rest.substr(colon + 1);
  return is_identifier(target.callable) ? std::optional(target) : std::nullopt;
}

}  // namespace wsgi
