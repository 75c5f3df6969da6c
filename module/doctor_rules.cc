// SPDX-License-Identifier: Apache-2.0
#include "module/doctor_rules.h"

#include <strings.h>

#include <algorithm>
#include <iterator>
#include <set>

#include "module/group_names.h"

namespace httpd {
namespace {

using base::Message;

// What WSGIDoctor can switch off.
constexpr Message kFindings[] = {
    Message::kGroupUndefined,  Message::kWithoutEffect,       Message::kObsolete,
    Message::kEveryoneIsProxy, Message::kHeaderUnknown,       Message::kGroupUnused,
    Message::kRunsEmbedded,    Message::kInterpretersClash,   Message::kAuthorizationHidden,
    Message::kPythonHomeWrong, Message::kScriptClosedToGroup, Message::kGroupMerged,
    Message::kGroupOutOfReach, Message::kHookRestricted,      Message::kServiceAliased,
};

constexpr std::string_view kRefusingModules[] = {"numpy",         "cryptography", "bcrypt",
                                                 "pydantic_core", "rpds",         "tokenizers"};

bool is_word(std::string_view text, std::string_view word) {
  return text.size() == word.size() && strncasecmp(text.data(), word.data(), word.size()) == 0;
}

std::string joined(std::span<const std::string> texts) {
  std::string line;
  for (const std::string& text : texts) line.append(line.empty() ? "" : ", ").append(text);
  return line;
}

std::string quoted(std::string_view text) { return "\"" + std::string(text) + "\""; }

const GroupFact* find_group(const ConfigurationFacts& facts, std::string_view name) {
  const auto found = std::find_if(facts.groups.begin(), facts.groups.end(),
                                  [&](const GroupFact& group) { return group.name == name; });
  return found != facts.groups.end() ? &*found : nullptr;
}

void find_undefined_groups(const ConfigurationFacts& facts, std::vector<Finding>* findings) {
  std::vector<std::string> names;
  for (const GroupFact& group : facts.groups) names.push_back(group.name);
  const std::string known = names.empty() ? "none" : joined(names);
  for (const GroupReference& reference : facts.references) {
    if (!is_literal_group(reference.group) || reference.group == kGlobal ||
        find_group(facts, reference.group) != nullptr)
      continue;
    findings->push_back({Message::kGroupUndefined,
                         reference.directive + " names process group " + quoted(reference.group) +
                             ", which is not defined; there are: " + known + "; define it with WSGIDaemonProcess"});
  }
}

void find_groups_out_of_reach(const ConfigurationFacts& facts, std::vector<Finding>* findings) {
  for (const GroupReference& reference : facts.references) {
    const GroupFact* group = find_group(facts, reference.group);
    // What the main server says may be meant for the one virtual host that reaches the group.
    if (group == nullptr || !reference.is_use || reference.server == kMainServerNumber) continue;
    const std::vector<std::size_t>& reachable = group->reachable_from;
    if (std::find(reachable.begin(), reachable.end(), reference.server) != reachable.end()) continue;
    findings->push_back({Message::kGroupOutOfReach, reference.directive + " names process group " +
                                                        quoted(group->name) +
                                                        ", which belongs to a virtual host of another ServerName, at " +
                                                        group->place + "; define it in the main server to share it"});
  }
}

void find_unused_groups(const ConfigurationFacts& facts, std::vector<Finding>* findings) {
  const auto can_be_any = [](const GroupReference& reference) { return !is_literal_group(reference.group); };
  if (facts.groups_are_computed || std::any_of(facts.references.begin(), facts.references.end(), can_be_any)) return;
  for (const GroupFact& group : facts.groups) {
    const bool used =
        std::any_of(facts.references.begin(), facts.references.end(),
                    [&](const GroupReference& reference) { return reference.is_use && reference.group == group.name; });
    if (used) continue;
    findings->push_back({Message::kGroupUnused, "nobody uses process group " + quoted(group.name) + ", defined at " +
                                                    group.place +
                                                    "; name it with process-group= or WSGIProcessGroup, "
                                                    "or remove it"});
  }
}

void find_merged_groups(const ConfigurationFacts& facts, std::vector<Finding>* findings) {
  for (const GroupFact& group : facts.groups) {
    if (group.again.empty()) continue;
    findings->push_back({Message::kGroupMerged, "process group " + quoted(group.name) + " is defined at " +
                                                    group.place + " and, with the same options, at " +
                                                    joined(group.again) +
                                                    ": it is one group, with one set of processes"});
  }
}

void find_embedded_by_accident(const ConfigurationFacts& facts, std::vector<Finding>* findings) {
  for (const ApplicationFact& application : facts.applications) {
    if (!application.process_group.empty() || application.group_is_chosen) continue;
    const bool may_be_chosen =
        facts.groups_are_computed ||
        std::any_of(facts.references.begin(), facts.references.end(), [&](const GroupReference& reference) {
          return reference.in_section &&
                 (reference.server == application.server || reference.server == kMainServerNumber);
        });
    if (may_be_chosen) continue;
    std::vector<std::string> groups;
    for (const GroupFact& group : facts.groups)
      if (std::find(group.servers.begin(), group.servers.end(), application.server) != group.servers.end())
        groups.push_back(group.name);
    if (groups.empty()) continue;
    findings->push_back(
        {Message::kRunsEmbedded, application.directive +
                                     " runs embedded, in httpd's own processes, although its virtual host "
                                     "defines process group " +
                                     joined(groups) + "; add process-group=" + groups.front() +
                                     ", or process-group=%{GLOBAL} if embedded is meant"});
  }
}

// One text for each interpreter that the configuration shows.
std::string interpreter_of(const ApplicationFact& application) {
  if (is_literal_group(application.application_group)) return application.application_group;
  return application.application_group + " " + std::to_string(application.server) + " " + application.path;
}

void find_clashing_interpreters(const ConfigurationFacts& facts, std::vector<Finding>* findings) {
  for (const ProcessFact& process : facts.processes) {
    const GroupFact* group = find_group(facts, process.process_group);
    if (process.refusing_modules.empty() || (group != nullptr && group->one_application_group)) continue;
    std::set<std::string> interpreters;
    for (const ApplicationFact& application : facts.applications)
      if (application.process_group == process.process_group) interpreters.insert(interpreter_of(application));
    if (interpreters.size() < 2) continue;
    const std::string where =
        process.process_group.empty() ? "embedded mode" : "process group " + quoted(process.process_group);
    findings->push_back({Message::kInterpretersClash,
                         where + " has " + std::to_string(interpreters.size()) +
                             " application groups, and its Python has " + joined(process.refusing_modules) +
                             ", which loads in one of them only; set application-group=%{GLOBAL} for all, or give each "
                             "a process group of its own"});
  }
}

// Does "Require ARGUMENTS" ask who the user is?
bool needs_user(std::string_view requirement) {
  constexpr std::string_view kAnonymous[] = {"all", "ip", "host", "local", "forward-dns", "method", "env", "expr"};
  std::string_view word = requirement.substr(0, requirement.find(' '));
  if (is_word(word, "not")) return false;
  return std::none_of(std::begin(kAnonymous), std::end(kAnonymous),
                      [&](std::string_view anonymous) { return is_word(word, anonymous); });
}

void find_hidden_authorization(const ConfigurationFacts& facts, std::vector<Finding>* findings) {
  for (const AuthenticationFact& section : facts.authentications) {
    if (section.requirements.empty() ||
        std::any_of(section.requirements.begin(), section.requirements.end(), needs_user))
      continue;
    findings->push_back(
        {Message::kAuthorizationHidden,
         section.section + " has AuthType " + section.type +
             ", but no Require that asks for a user: httpd checks no password there, and the "
             "application sees neither REMOTE_USER nor the Authorization header; add Require valid-user, "
             "or WSGIPassAuthorization On if the application checks it"});
  }
}

std::optional<base::Obstacle> obstacle_before(const EnvironmentFact& environment) {
  if (environment.file.empty() || !environment.reader) return std::nullopt;
  return base::first_obstacle(environment.file, *environment.reader);
}

void find_wrong_environments(const ConfigurationFacts& facts, std::vector<Finding>* findings) {
  for (const EnvironmentFact& environment : facts.environments) {
    std::string what;
    if (!environment.is_directory) {
      what = " is no directory; name the environment's directory, the one that has pyvenv.cfg";
    } else if (environment.version.empty() && !environment.has_library) {
      what = " is no environment: it has neither pyvenv.cfg nor lib/python3.X; name the directory that has";
    } else if (!environment.version.empty() && !environment.wanted.empty() &&
               environment.version != environment.wanted) {
      what = " is of Python " + environment.version + ", but Python " + environment.wanted +
             " is asked for; leave the version out, or name an environment of it";
    } else if (const auto obstacle = obstacle_before(environment)) {
      what = " cannot be used: " + base::text_of(*obstacle, *environment.reader);
    } else {
      continue;
    }
    findings->push_back({Message::kPythonHomeWrong, environment.setting + what});
  }
}

void find_closed_scripts(const ConfigurationFacts& facts, std::vector<Finding>* findings) {
  for (const ApplicationFact& application : facts.applications) {
    if (application.script.empty() || !application.reader) continue;
    const std::optional<base::Obstacle> obstacle = base::first_obstacle(application.script, *application.reader);
    if (!obstacle || obstacle->kind == base::Obstacle::Kind::kDeniedAnyway) continue;
    findings->push_back(
        {Message::kScriptClosedToGroup, application.directive + ": script " + application.script +
                                            " cannot be read: " + base::text_of(*obstacle, *application.reader)});
  }
}

}  // namespace

bool DoctorSwitches::hides(Message message) const {
  return off || std::find(silenced.begin(), silenced.end(), message) != silenced.end();
}

base::Status set_doctor(DoctorSwitches* switches, std::string_view argument) {
  if (is_word(argument, "on") || is_word(argument, "off")) {
    switches->off = is_word(argument, "off");
    return base::ok();
  }
  std::string codes;
  for (const Message finding : kFindings) {
    const std::string_view code = base::entry_of(finding).code;
    if (argument.starts_with('-') && is_word(argument.substr(1), code)) {
      switches->silenced.push_back(finding);
      return base::ok();
    }
    codes.append(codes.empty() ? "-" : ", -").append(code);
  }
  return base::Error{Message::kDirectiveValue, 0, "takes On, Off or any of " + codes + ", not " + quoted(argument)};
}

std::span<const std::string_view> refusing_modules() { return kRefusingModules; }

bool is_path_below(std::string_view path, std::string_view above) {
  while (above.ends_with('/')) above.remove_suffix(1);
  return path.starts_with(above) && (path.size() == above.size() || path[above.size()] == '/');
}

std::vector<Finding> examine(const ConfigurationFacts& facts) {
  std::vector<Finding> findings;
  for (const auto rule : {find_undefined_groups, find_groups_out_of_reach, find_unused_groups, find_merged_groups,
                          find_embedded_by_accident, find_clashing_interpreters, find_hidden_authorization,
                          find_wrong_environments, find_closed_scripts})
    rule(facts, &findings);
  return findings;
}

}  // namespace httpd
