// SPDX-License-Identifier: Apache-2.0
#include "module/python_directives.h"

#include <strings.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <limits>

#include "module/config.h"
#include "module/directive_line.h"
#include "module/group_names.h"
#include "module/option_reader.h"

namespace httpd {

using base::Message;

namespace {

constexpr std::string_view kInSection[] = {
    "WSGIPerInterpreterGIL", "WSGIFreeThreading",  "WSGISwitchInterval", "WSGIPythonPath",
    "WSGIRestrictStdin",     "WSGIRestrictStdout", "WSGIRestrictSignal",
};

wsgi::PythonSettings& settings() { return configuration()->python; }

const char* misplaced(cmd_parms* cmd) { return ap_check_cmd_context(cmd, GLOBAL_ONLY); }

bool parse_number(std::string_view text, std::int64_t* out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *out);
  return error == std::errc() && end == text.data() + text.size();
}

// A line of the section that is being read, or of the main server.
wsgi::InterpreterRule rule_of(gatehouse_setting setting) {
  wsgi::InterpreterRule rule;
  rule.setting = setting;
  if (const InterpreterSection* section = configuration()->open_section) {
    rule.process_group = section->process_group;
    rule.application_group = section->application_group;
  }
  return rule;
}

bool is_allowed_in_section(const char* name) {
  return std::any_of(std::begin(kInSection), std::end(kInSection), [&](std::string_view allowed) {
    return allowed.size() == std::string_view(name).size() && strncasecmp(allowed.data(), name, allowed.size()) == 0;
  });
}

const char* read_selector(cmd_parms* cmd, const OptionReader::Option& option, InterpreterSection* section) {
  std::optional<std::string>* selector = nullptr;
  if (strcasecmp(option.name.c_str(), "process-group") == 0) selector = &section->process_group;
  if (strcasecmp(option.name.c_str(), "application-group") == 0) selector = &section->application_group;
  if (selector == nullptr)
    return refuse(cmd, Message::kDirectiveOption,
                  "has no selector \"%s\"; there are process-group= and application-group=", option.name.c_str());
  if (selector->has_value())
    return refuse(cmd, Message::kDirectiveOption, "names %s twice; name each selector once", option.name.c_str());
  *selector = option.value == kGlobal ? "" : option.value;
  return nullptr;
}

const char* read_selectors(cmd_parms* cmd, const char* arguments, InterpreterSection* section) {
  const std::string_view text(arguments);
  const std::size_t end = text.rfind('>');
  if (end == text.npos) return refuse(cmd, Message::kDirectiveValue, "is not closed: its line ends without '>'");
  OptionReader reader(text.substr(0, end));
  for (OptionReader::Option option;;) {
    switch (reader.option(&option)) {
      case OptionReader::Found::kEnd:
        return nullptr;
      case OptionReader::Found::kMalformed:
        return refuse(cmd, Message::kDirectiveOption,
                      "takes process-group=NAME and application-group=NAME; \"%s\" is neither", option.name.c_str());
      case OptionReader::Found::kOption:
        if (const char* refused = read_selector(cmd, option, section)) return refused;
    }
  }
}

// What is said for all processes, below it the interval of one of them; 0: none.
wsgi::PythonSettings with_interval(std::int64_t micros) {
  wsgi::PythonSettings own = configuration()->python;
  if (micros == 0) return own;
  wsgi::InterpreterRule rule;
  rule.setting = GATEHOUSE_SWITCH_INTERVAL;
  rule.number = micros;
  own.rules.insert(own.rules.begin(), std::move(rule));
  return own;
}

}  // namespace

const char* on_dont_write_bytecode(cmd_parms* cmd, void* /*config*/, const char* value) noexcept {
  if (const char* refused = misplaced(cmd)) return refused;
  Switch dont_write = Switch::kUnset;
  if (!parse_switch(value, &dont_write)) return refuse_switch(cmd, value);
  settings().write_bytecode = dont_write == Switch::kOff;
  return nullptr;
}

const char* on_python_warnings(cmd_parms* cmd, void* /*config*/, const char* value) noexcept {
  if (const char* refused = misplaced(cmd)) return refused;
  settings().warnings.push_back(value);
  return nullptr;
}

const char* on_python_optimize(cmd_parms* cmd, void* /*config*/, const char* value) noexcept {
  if (const char* refused = misplaced(cmd)) return refused;
  std::int64_t level = 0;
  if (!parse_number(value, &level))
    return refuse(cmd, Message::kDirectiveValue, "must be 0, 1 or 2, not \"%s\"", value);
  constexpr std::int64_t kHighest = 2;
  settings().optimize = static_cast<std::int32_t>(std::clamp<std::int64_t>(level, 0, kHighest));
  return nullptr;
}

const char* on_hash_seed(cmd_parms* cmd, void* /*config*/, const char* value) noexcept {
  if (const char* refused = misplaced(cmd)) return refused;
  std::int64_t seed = 0;
  const bool is_random = strcasecmp(value, "random") == 0;
  if (!is_random &&
      (!parse_number(value, &seed) || seed < 0 || seed > std::int64_t{std::numeric_limits<std::uint32_t>::max()}))
    return refuse(cmd, Message::kDirectiveValue,
                  "must be \"random\" or a whole number from 0 to 4294967295, not \"%s\"", value);
  settings().hash_seed = is_random ? "random" : std::to_string(seed);
  return nullptr;
}

const char* on_destroy_interpreter(cmd_parms* cmd, void* /*config*/, const char* value) noexcept {
  if (const char* refused = misplaced(cmd)) return refused;
  Switch destroy = Switch::kUnset;
  if (!parse_switch(value, &destroy)) return refuse_switch(cmd, value);
  settings().runs_exit_functions = destroy == Switch::kOn;
  return nullptr;
}

const char* set_setting(cmd_parms* cmd, gatehouse_setting setting, const char* value) {
  if (const char* refused = misplaced(cmd)) return refused;
  Switch either = Switch::kUnset;
  if (!parse_switch(value, &either)) return refuse_switch(cmd, value);
  wsgi::InterpreterRule rule = rule_of(setting);
  rule.number = either == Switch::kOn ? 1 : 0;
  if (rule.setting == GATEHOUSE_FREE_THREADING && rule.application_group && rule.number != 0)
    configuration()->free_threading_of_groups.push_back(place_of(cmd));
  settings().rules.push_back(std::move(rule));
  return nullptr;
}

const char* on_switch_interval(cmd_parms* cmd, void* /*config*/, const char* value) noexcept {
  if (const char* refused = misplaced(cmd)) return refused;
  constexpr double kMicros = 1e6;
  constexpr double kLongest = 1e9;
  char* end = nullptr;
  const double seconds = std::strtod(value, &end);
  if (end == value || *end != '\0' || !(seconds > 0) || seconds > kLongest)
    return refuse(cmd, Message::kDirectiveValue, "must be a number of seconds above 0, not \"%s\"", value);
  const std::int64_t micros = std::max<std::int64_t>(std::llround(seconds * kMicros), 1);
  if (configuration()->open_section == nullptr) {
    server_config(cmd->server).switch_interval_us = micros;
    return nullptr;
  }
  wsgi::InterpreterRule rule = rule_of(GATEHOUSE_SWITCH_INTERVAL);
  rule.number = micros;
  settings().rules.push_back(std::move(rule));
  return nullptr;
}

const char* on_python_path(cmd_parms* cmd, void* /*config*/, const char* value) noexcept {
  if (const char* refused = misplaced(cmd)) return refused;
  if (value[0] == '\0') return refuse(cmd, Message::kDirectiveValue, "needs a value; its argument is empty");
  if (configuration()->open_section == nullptr) {
    server_config(cmd->server).python_path = value;
    return nullptr;
  }
  wsgi::InterpreterRule rule = rule_of(GATEHOUSE_PYTHON_PATH);
  rule.text = value;
  settings().rules.push_back(std::move(rule));
  return nullptr;
}

const char* on_interpreter_options(cmd_parms* cmd, void* /*config*/, const char* arguments) noexcept {
  if (const char* refused = misplaced(cmd)) return refused;
  InterpreterSection section;
  section.place = place_of(cmd);
  if (const char* refused = read_selectors(cmd, arguments, &section)) return refused;
  for (const ap_directive_t* line = cmd->directive->first_child; line != nullptr; line = line->next)
    if (!is_allowed_in_section(line->directive))
      return refuse(cmd, Message::kDirectiveOption,
                    "cannot hold %s (%s); it holds WSGIPerInterpreterGIL, WSGIFreeThreading, WSGISwitchInterval, "
                    "WSGIPythonPath, WSGIRestrictStdin, WSGIRestrictStdout and WSGIRestrictSignal: put it outside",
                    line->directive, place_of(*line).c_str());
  Configuration& all = *configuration();
  all.interpreter_sections.push_back(section);
  all.open_section = &section;
  const char* refused = ap_walk_config(cmd->directive->first_child, cmd, cmd->context);
  all.open_section = nullptr;
  return refused;
}

wsgi::PythonSettings embedded_python_settings(const server_rec* main_server) {
  return with_interval(server_config(main_server).switch_interval_us);
}

wsgi::PythonSettings python_settings_of(const wire::GroupSpec& group) {
  wsgi::PythonSettings own = with_interval(group.switch_interval);
  // The signals of a service are its own.
  if (group.is_service()) own.rules.push_back({GATEHOUSE_RESTRICT_SIGNAL, 0, "", group.name, ""});
  return own;
}

bool sections_name_interpreters_of(const wire::GroupSpec& group) {
  const std::vector<InterpreterSection>& sections = configuration()->interpreter_sections;
  return std::any_of(sections.begin(), sections.end(), [&](const InterpreterSection& section) {
    return section.application_group && !section.application_group->empty() &&
           (!section.process_group || *section.process_group == group.name);
  });
}

}  // namespace httpd
