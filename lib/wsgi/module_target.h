// SPDX-License-Identifier: Apache-2.0
#pragma once

// An application named by its Python module instead of a file: "module:package.wsgi:application". Where a script's file
// name is expected, "module:package.wsgi" stands for it: no absolute path begins so. Pure.

#include <optional>
#include <string>
#include <string_view>

namespace wsgi {

inline constexpr std::string_view kModulePrefix = "module:";

inline bool names_module(std::string_view script) { return script.starts_with(kModulePrefix); }
// "package.wsgi" of "module:package.wsgi".
inline std::string_view module_of(std::string_view script) { return script.substr(kModulePrefix.size()); }

struct ModuleTarget {
  std::string script;    // "module:package.wsgi"
  std::string callable;  // empty: not named
};

// Takes a text with the prefix apart. Nothing when it is no dotted name, with a name behind a further colon or without.
std::optional<ModuleTarget> parse_module_target(std::string_view text);

}  // namespace wsgi
