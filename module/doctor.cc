// SPDX-License-Identifier: Apache-2.0
#include "module/doctor.h"

#include <grp.h>
#include <pwd.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <optional>

#include "module/config.h"
#include "module/group_names.h"
#include "module/option_reader.h"
#include "wsgi/engine_loader.h"

namespace httpd {
namespace {

bool is_named(const ap_directive_t& node, const char* name) { return strcasecmp(node.directive, name) == 0; }

std::string place_of(const ap_directive_t& node) {
  return std::string(node.filename) + ":" + std::to_string(node.line_num);
}

// The first argument, without quotes and the '>' of a section.
std::string first_argument(const ap_directive_t& node) {
  std::string word = OptionReader(view_of(node.args)).word();
  if (node.directive[0] == '<' && word.ends_with('>')) word.pop_back();
  return word;
}

// The value of an option among the arguments; empty when it is not given.
std::string option_of(const ap_directive_t& node, std::string_view name) {
  OptionReader reader(view_of(node.args));
  OptionReader::Option option;
  for (OptionReader::Found found; (found = reader.option(&option)) != OptionReader::Found::kEnd;) {
    if (found != OptionReader::Found::kOption || option.name != name) continue;
    if (node.directive[0] == '<' && option.value.ends_with('>')) option.value.pop_back();
    return option.value;
  }
  return {};
}

bool is_on(std::string_view text) { return text.size() == 2 && strncasecmp(text.data(), "on", 2) == 0; }

// --- Who reads a script

base::Identity identity_of(std::uint32_t user, std::uint32_t group, std::vector<std::uint32_t> groups) {
  base::Identity who{user, group, std::move(groups), {}};
  if (const passwd* entry = getpwuid(user)) who.name = entry->pw_name;
  return who;
}

// As httpd's children will run: User, Group, and the groups that this user is a member of.
base::Identity identity_of_children() {
  const passwd* user = getpwuid(ap_unixd_config.user_id);
  std::vector<gid_t> groups(64);
  int count = static_cast<int>(groups.size());
  if (user == nullptr || getgrouplist(user->pw_name, ap_unixd_config.group_id, groups.data(), &count) < 0) count = 0;
  groups.resize(static_cast<std::size_t>(count));
  return identity_of(ap_unixd_config.user_id, ap_unixd_config.group_id, groups);
}

// Who runs a group's applications; NULL: embedded mode. Nothing for a group with a root directory of its own, which
// sees other paths.
std::optional<base::Identity> reader_of(const DaemonGroup* group) {
  if (group != nullptr && !group->spec.chroot.empty()) return std::nullopt;
  if (geteuid() != 0) {
    base::Identity self = base::own_identity();
    if (const passwd* user = getpwuid(geteuid())) self.name = user->pw_name;
    return self;
  }
  if (group == nullptr || group->launch.uid < 0) return identity_of_children();
  const wire::Launch& launch = group->launch;
  return identity_of(static_cast<std::uint32_t>(launch.uid), static_cast<std::uint32_t>(launch.gid),
                     {launch.groups.begin(), launch.groups.end()});
}

// --- One walk through all directives

class Gatherer {
 public:
  explicit Gatherer(server_rec* main_server) : main_server_(main_server) {}

  ConfigurationFacts gather() {
    // Applications first: sections ask which of them they cover.
    walk(ap_conftree, kMainServerNumber, nullptr, &Gatherer::visit_application);
    walk(ap_conftree, kMainServerNumber, nullptr, &Gatherer::visit);
    gather_groups();
    gather_environments();
    if (!passes_authorization_) facts_.authentications = std::move(sections_);
    return std::move(facts_);
  }

 private:
  using Visit = void (Gatherer::*)(const ap_directive_t& node, std::size_t server, const ap_directive_t* section);
  void walk(const ap_directive_t* first, std::size_t server, const ap_directive_t* section, Visit look);
  void visit(const ap_directive_t& node, std::size_t server, const ap_directive_t* section);
  void add_reference(const ap_directive_t& node, const std::string& group, std::size_t server, bool in_section);
  void visit_application(const ap_directive_t& node, std::size_t server, const ap_directive_t* section);
  void add_authentication(const ap_directive_t& node, std::size_t server, const ap_directive_t& section);
  void gather_groups();
  void gather_environments();
  void add_process(const std::string& group, const std::string& home, const std::string& version,
                   const std::string& python_path);
  bool covers_application(const ap_directive_t& section, std::size_t server) const;

  std::size_t number_of(const ap_directive_t& virtual_host) const;
  std::size_t number_of(const server_rec* server) const;
  const server_rec* server_of(std::size_t number) const;

  server_rec* main_server_;
  ConfigurationFacts facts_;
  std::vector<AuthenticationFact> sections_;
  bool passes_authorization_ = false;  // somewhere: whoever knows the directive has decided
};

std::size_t Gatherer::number_of(const server_rec* wanted) const {
  std::size_t number = 0;
  for (const server_rec* server = main_server_; server != nullptr; server = server->next, ++number)
    if (server == wanted) return number;
  return kMainServerNumber;
}

std::size_t Gatherer::number_of(const ap_directive_t& virtual_host) const {
  for (const server_rec* server = main_server_->next; server != nullptr; server = server->next)
    if (server->defn_name != nullptr && view_of(server->defn_name) == view_of(virtual_host.filename) &&
        server->defn_line_number == static_cast<unsigned>(virtual_host.line_num))
      return number_of(server);
  return kMainServerNumber;
}

const server_rec* Gatherer::server_of(std::size_t number) const {
  const server_rec* server = main_server_;
  for (; number > 0 && server->next != nullptr; --number) server = server->next;
  return server;
}

void Gatherer::walk(const ap_directive_t* first, std::size_t server, const ap_directive_t* section, Visit look) {
  for (const ap_directive_t* node = first; node != nullptr; node = node->next) {
    (this->*look)(*node, server, section);
    if (node->first_child == nullptr) continue;
    const bool is_host = is_named(*node, "<VirtualHost");
    walk(node->first_child, is_host ? number_of(*node) : server, is_host ? nullptr : node, look);
  }
}

void Gatherer::visit(const ap_directive_t& node, std::size_t server, const ap_directive_t* section) {
  if (is_named(node, "AuthType") && section != nullptr) return add_authentication(node, server, *section);
  if ((is_named(node, "WSGIPassAuthorization") || is_named(node, "CGIPassAuth")) && is_on(first_argument(node)))
    passes_authorization_ = true;
  if (is_named(node, "WSGIDispatchScript")) facts_.groups_are_computed = true;
  if (is_named(node, "WSGIProcessGroup")) return add_reference(node, first_argument(node), server, section != nullptr);
  const bool may_name_group =
      strncasecmp(node.directive, "WSGI", 4) == 0 || strncasecmp(node.directive, "<WSGI", 5) == 0;
  if (!may_name_group || is_named(node, "WSGIDaemonProcess")) return;
  add_reference(node, option_of(node, "process-group"), server, false);
}

void Gatherer::add_reference(const ap_directive_t& node, const std::string& group, std::size_t server,
                             bool in_section) {
  if (group.empty()) return;
  const bool is_section = node.directive[0] == '<';
  facts_.references.push_back({std::string(node.directive + (is_section ? 1 : 0)) + " at " + place_of(node), group,
                               server, in_section, !is_section});
}

void Gatherer::visit_application(const ap_directive_t& node, std::size_t server, const ap_directive_t* /*section*/) {
  const bool is_match = is_named(node, "WSGIScriptAliasMatch");
  if (!is_match && !is_named(node, "WSGIScriptAlias")) return;
  OptionReader reader(view_of(node.args));
  ApplicationFact application;
  application.path = reader.word();
  const std::string target = reader.word();
  application.directive = std::string(node.directive) + " " + application.path + " at " + place_of(node);
  application.server = server;
  const DirectoryConfig& defaults = directory_config(server_of(server));
  std::string group = option_of(node, "process-group");
  if (group.empty() && defaults.process_group != nullptr) group = defaults.process_group;
  application.group_is_chosen = !group.empty();
  application.process_group = group == kGlobal ? "" : group;
  application.application_group = option_of(node, "application-group");
  if (application.application_group.empty())
    application.application_group =
        defaults.application_group != nullptr ? view_of(defaults.application_group) : kResource;
  if (!is_match && target.starts_with('/') && !target.ends_with('/')) application.script = target;
  if (is_on(option_of(node, "pass-authorization"))) passes_authorization_ = true;
  const DaemonGroup* runs_in = configuration()->find_group(application.process_group);
  if (application.process_group.empty() || runs_in != nullptr) application.reader = reader_of(runs_in);
  facts_.applications.push_back(std::move(application));
}

// --- Authentication

bool Gatherer::covers_application(const ap_directive_t& section, std::size_t server) const {
  const std::string subject = first_argument(section);
  const bool is_location = is_named(section, "<Location");
  if (!is_location && !is_named(section, "<Directory")) return false;
  return std::any_of(facts_.applications.begin(), facts_.applications.end(), [&](const ApplicationFact& application) {
    if (server != kMainServerNumber && application.server != server) return false;
    if (!is_location) return !application.script.empty() && is_path_below(application.script, subject);
    return is_path_below(application.path, subject) || is_path_below(subject, application.path);
  });
}

void collect_requirements(const ap_directive_t* first, std::vector<std::string>* requirements) {
  for (const ap_directive_t* node = first; node != nullptr; node = node->next) {
    if (is_named(*node, "Require")) requirements->push_back(std::string(view_of(node->args)));
    if (node->first_child != nullptr) collect_requirements(node->first_child, requirements);
  }
}

void Gatherer::add_authentication(const ap_directive_t& node, std::size_t server, const ap_directive_t& section) {
  const std::string type = first_argument(node);
  if (strcasecmp(type.c_str(), "none") == 0 || !covers_application(section, server)) return;
  AuthenticationFact fact{
      std::string(section.directive) + " " + first_argument(section) + "> at " + place_of(section), type, {}};
  collect_requirements(section.first_child, &fact.requirements);
  sections_.push_back(std::move(fact));
}

// --- Groups and environments

void Gatherer::gather_groups() {
  for (const DaemonGroup* group : configuration()->groups) {
    GroupFact fact{group->spec.name, group->place, group->again, {}, {}, group->one_application_group};
    for (const server_rec* server : group->servers) fact.servers.push_back(number_of(server));
    std::size_t number = 0;
    for (const server_rec* server = main_server_; server != nullptr; server = server->next, ++number)
      if (is_visible_from(*group, server)) fact.reachable_from.push_back(number);
    facts_.groups.push_back(std::move(fact));
  }
}

EnvironmentFact environment_fact(std::string setting, const std::string& home, const std::string& wanted,
                                 const DaemonGroup* group) {
  EnvironmentFact fact{std::move(setting), false, {}, wanted, false, {}, reader_of(group)};
  struct stat status;
  fact.is_directory = stat(home.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
  if (!fact.is_directory) return fact;
  fact.version = wsgi::version_of_environment(home);
  if (const std::string file = home + "/pyvenv.cfg"; access(file.c_str(), F_OK) == 0) fact.file = file;
  const std::string version = wanted.empty() ? GATEHOUSE_DEFAULT_PYTHON : wanted;
  for (const char* folder : {"/lib/python", "/lib64/python"})
    fact.has_library = fact.has_library || access((home + folder + version + "/os.py").c_str(), F_OK) == 0;
  return fact;
}

void Gatherer::gather_environments() {
  const ServerConfig& all = server_config(main_server_);
  const std::string default_home(view_of(all.python_home)), default_version(view_of(all.python));
  if (!default_home.empty())
    facts_.environments.push_back(
        environment_fact("WSGIPythonHome " + default_home, default_home, default_version, nullptr));
  add_process("", default_home, default_version, std::string(view_of(all.python_path)));
  for (const DaemonGroup* group : configuration()->groups) {
    const wire::GroupSpec& spec = group->spec;
    const std::string& home = spec.python_home.empty() ? default_home : spec.python_home;
    const std::string owner = " of WSGIDaemonProcess " + spec.name + " at " + group->place;
    if (!spec.python_home.empty())
      facts_.environments.push_back(environment_fact("python-home=" + home + owner, home, spec.python, group));
    else if (!home.empty() && !spec.python.empty())
      facts_.environments.push_back(environment_fact(
          "WSGIPythonHome " + home + ", which is the python-home" + owner + ",", home, spec.python, group));
    add_process(spec.name, home, spec.python, spec.python_path);
  }
}

// Where its modules are can be told of an environment and of python-path, not of a Python's own directories.
void Gatherer::add_process(const std::string& group, const std::string& home, const std::string& version,
                           const std::string& python_path) {
  std::vector<std::string> directories;
  if (!home.empty()) {
    std::string found = version.empty() ? wsgi::version_of_environment(home) : version;
    if (found.empty()) found = GATEHOUSE_DEFAULT_PYTHON;
    directories.push_back(home + "/lib/python" + found + "/site-packages");
  }
  for (std::string_view rest = python_path; !rest.empty();) {
    const std::size_t colon = std::min(rest.find(':'), rest.size());
    directories.emplace_back(rest.substr(0, colon));
    rest.remove_prefix(std::min(colon + 1, rest.size()));
  }
  ProcessFact process{group, {}};
  for (const std::string_view name : refusing_modules())
    if (std::any_of(directories.begin(), directories.end(), [&](const std::string& directory) {
          return access((directory + "/" + std::string(name)).c_str(), F_OK) == 0;
        }))
      process.refusing_modules.emplace_back(name);
  facts_.processes.push_back(std::move(process));
}

}  // namespace

ConfigurationFacts gather_configuration(server_rec* main_server) { return Gatherer(main_server).gather(); }

}  // namespace httpd
