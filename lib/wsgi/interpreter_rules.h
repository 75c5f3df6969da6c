// SPDX-License-Identifier: Apache-2.0
#pragma once

// What <WSGIInterpreterOptions> and the directives it may hold say about interpreters, and which of it counts for
// one of them. Pure.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "wsgi/engine_abi.h"

namespace wsgi {

// One line of the configuration. It is as specific as it names groups: 0, 1 or 2.
struct InterpreterRule {
  gatehouse_setting setting = {};
  std::int64_t number = 0;  // as gatehouse_setting says
  std::string text;
  std::optional<std::string> process_group;      // "" embedded mode; nothing: any
  std::optional<std::string> application_group;  // "" the main interpreter; nothing: any
  bool operator==(const InterpreterRule&) const = default;
};

// Whose lock (GIL) an interpreter has, and by which directive.
enum class Lock {
  kShared,  // the main interpreter's
  kOwn,     // WSGIPerInterpreterGIL
  kOfPool   // its own, by interpreters= of WSGIDaemonProcess
};

struct InterpreterSettings {
  std::int64_t switch_interval_us = 0;        // 0: Python's own
  bool switch_interval_of_one_group = false;  // the rule that counted names an application group
  std::vector<std::string> python_path;       // directories separated by ':', each to be put in front of those before
  bool own_gil = false;
  bool free_threading = false;  // of the process: rules that name an application group do not count
  bool restrict_stdin = false;
  bool restrict_stdout = false;
  bool restrict_signal = true;
};

// The settings of an interpreter: of each, the most specific rule that matches, and of equally specific ones the
// last. Paths add up, from the least to the most specific.
InterpreterSettings settings_for(std::span<const InterpreterRule> rules, std::string_view process_group,
                                 std::string_view application_group);

}  // namespace wsgi
