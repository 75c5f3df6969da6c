// SPDX-License-Identifier: Apache-2.0
#pragma once

// What `apachectl configtest` and a start warn about: rules on plain facts, which doctor.cc gathers. Each finding has a
// code that WSGIDoctor switches off. Pure.

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/file_access.h"
#include "base/messages.h"
#include "base/result.h"

namespace httpd {

// --- WSGIDoctor

struct DoctorSwitches {
  bool off = false;
  std::vector<base::Message> silenced;
  bool hides(base::Message message) const;
};

// One argument of WSGIDoctor: On, Off, or -CODE of a finding. Errors: kDirectiveValue, with the codes there are.
base::Status set_doctor(DoctorSwitches* switches, std::string_view argument);

// --- The facts

inline constexpr std::size_t kMainServerNumber = 0;

// A directive that names a process group, wherever it stands.
struct GroupReference {
  std::string directive;  // "WSGIProcessGroup at FILE:LINE"
  std::string group;      // as written
  std::size_t server = kMainServerNumber;
  bool in_section = false;  // <Directory> and the like
  bool is_use = true;       // false: says something about the group only
};

struct GroupFact {
  std::string name;
  std::string place;               // "FILE:LINE"
  std::vector<std::string> again;  // places of identical definitions
  std::vector<std::size_t> servers;
  std::vector<std::size_t> reachable_from;  // servers whose requests may use it
  bool one_application_group = false;
};

// One WSGIScriptAlias. Groups are as written, after the server's defaults; "" is embedded mode.
struct ApplicationFact {
  std::string directive;  // "WSGIScriptAlias /shop at FILE:LINE"
  std::string path;
  std::size_t server = kMainServerNumber;
  std::string process_group;
  bool group_is_chosen = false;  // some directive names it
  std::string application_group;
  std::string script;                    // empty: several, or not known
  std::optional<base::Identity> reader;  // who reads the script; nothing: not known
};

// A section with AuthType.
struct AuthenticationFact {
  std::string section;  // "<Location /shop> at FILE:LINE"
  std::string type;
  std::vector<std::string> requirements;  // arguments of its Require lines
};

// python-home= or WSGIPythonHome.
struct EnvironmentFact {
  std::string setting;  // "python-home=/srv/venv of WSGIDaemonProcess shop at FILE:LINE"
  bool is_directory = false;
  std::string version;                   // that it is of; empty: not known
  std::string wanted;                    // python= or WSGIPython; empty: none
  bool has_library = false;              // the standard library of the Python that would run it
  std::string file;                      // its pyvenv.cfg; empty: none
  std::optional<base::Identity> reader;  // who runs its Python; nothing: not known
};

// A Python process and the modules in its environment that are known to refuse a second interpreter.
struct ProcessFact {
  std::string process_group;  // "" is embedded mode
  std::vector<std::string> refusing_modules;
};

struct ConfigurationFacts {
  std::vector<GroupFact> groups;
  std::vector<GroupReference> references;
  std::vector<ApplicationFact> applications;
  std::vector<AuthenticationFact> authentications;  // of sections that cover an application without the header
  std::vector<EnvironmentFact> environments;
  std::vector<ProcessFact> processes;
  bool groups_are_computed = false;  // WSGIDispatchScript: any group may be used
};

// Folders in site-packages of modules that are known to load in one interpreter of a process only.
std::span<const std::string_view> refusing_modules();

// --- The rules

struct Finding {
  base::Message message;
  std::string text;  // without code: what is odd, where, what to do
};

std::vector<Finding> examine(const ConfigurationFacts& facts);

// Whether the sections's subject covers the application: <Location>'s path, <Directory>'s path.
bool is_path_below(std::string_view path, std::string_view above);

}  // namespace httpd
