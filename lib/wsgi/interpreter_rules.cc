// SPDX-License-Identifier: Apache-2.0
#include "wsgi/interpreter_rules.h"

namespace wsgi {
namespace {

constexpr int kMostSpecific = 2;

int specificity(const InterpreterRule& rule) {
  return (rule.process_group.has_value() ? 1 : 0) + (rule.application_group.has_value() ? 1 : 0);
}

bool matches(const InterpreterRule& rule, std::string_view process_group, std::string_view application_group) {
  if (rule.setting == GATEHOUSE_FREE_THREADING && rule.application_group.has_value()) return false;
  return (!rule.process_group || *rule.process_group == process_group) &&
         (!rule.application_group || *rule.application_group == application_group);
}

void apply(const InterpreterRule& rule, InterpreterSettings* settings) {
  switch (rule.setting) {
    case GATEHOUSE_SWITCH_INTERVAL:
      settings->switch_interval_us = rule.number;
      settings->switch_interval_of_one_group = rule.application_group.has_value();
      break;
    case GATEHOUSE_PYTHON_PATH:
      settings->python_path.push_back(rule.text);
      break;
    case GATEHOUSE_OWN_GIL:
      settings->own_gil = rule.number != 0;
      break;
    case GATEHOUSE_FREE_THREADING:
      settings->free_threading = rule.number != 0;
      break;
    case GATEHOUSE_RESTRICT_STDIN:
      settings->restrict_stdin = rule.number != 0;
      break;
    case GATEHOUSE_RESTRICT_STDOUT:
      settings->restrict_stdout = rule.number != 0;
      break;
    case GATEHOUSE_RESTRICT_SIGNAL:
      settings->restrict_signal = rule.number != 0;
      break;
  }
}

}  // namespace

InterpreterSettings settings_for(std::span<const InterpreterRule> rules, std::string_view process_group,
                                 std::string_view application_group) {
  InterpreterSettings settings;
  for (int level = 0; level <= kMostSpecific; ++level)
    for (const InterpreterRule& rule : rules)
      if (specificity(rule) == level && matches(rule, process_group, application_group)) apply(rule, &settings);
  return settings;
}

}  // namespace wsgi
