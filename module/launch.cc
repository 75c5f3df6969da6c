// SPDX-License-Identifier: Apache-2.0
#include "module/launch.h"

#include <grp.h>
#include <pwd.h>
#include <sys/types.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <optional>
#include <unordered_set>

#include "module/python_directives.h"
#include "wsgi/engine_loader.h"

namespace httpd {
namespace {

base::Error account_error(std::string what) { return {base::Message::kGroupAccount, 0, std::move(what)}; }

// "#33" is 33; nothing for any other text.
std::optional<std::uint32_t> number_of(std::string_view text) {
  if (!text.starts_with('#')) return std::nullopt;
  std::uint32_t number = 0;
  const char* const end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data() + 1, end, number);
  return parsed.ec == std::errc() && parsed.ptr == end ? std::optional(number) : std::nullopt;
}

// These two are asked while the configuration is read, by one thread: the static records are ours.
const passwd* find_user(const std::string& name) {
  const std::optional<std::uint32_t> number = number_of(name);
  return number ? getpwuid(*number) : getpwnam(name.c_str());
}

base::Result<std::int64_t> find_group_id(std::string_view option, const std::string& name) {
  if (const std::optional<std::uint32_t> number = number_of(name)) return std::int64_t{*number};
  if (const group* found = getgrnam(name.c_str())) return std::int64_t{found->gr_gid};
  return account_error(std::string(option) + "=" + name + ": there is no such group; create it or correct the name");
}

std::vector<std::int64_t> groups_of_user(const std::string& user, gid_t primary) {
  std::vector<gid_t> groups(64);
  int count = static_cast<int>(groups.size());
  while (getgrouplist(user.c_str(), primary, groups.data(), &count) < 0) groups.resize(static_cast<std::size_t>(count));
  groups.resize(static_cast<std::size_t>(count));
  return {groups.begin(), groups.end()};
}

base::Status set_user(const std::string& name, Account* account) {
  const passwd* user = find_user(name);
  if (user == nullptr) return account_error("user=" + name + ": there is no such user; create it or correct the name");
  if (user->pw_uid == 0) return account_error("user=" + name + ": blocked from running as root; name another user");
  account->uid = user->pw_uid;
  account->gid = user->pw_gid;
  account->user_name = user->pw_name;
  account->user_home = user->pw_dir;
  return base::ok();
}

base::Status set_supplementary_groups(std::string_view list, Account* account) {
  account->groups = {account->gid};
  std::unordered_set<std::int64_t> seen = {account->gid};
  const long most = sysconf(_SC_NGROUPS_MAX);
  while (!list.empty()) {
    const std::size_t comma = std::min(list.find(','), list.size());
    const std::string name(list.substr(0, comma));
    list.remove_prefix(std::min(comma + 1, list.size()));
    if (name.empty()) continue;
    const base::Result<std::int64_t> id = find_group_id("supplementary-groups", name);
    if (!id) return id.error();
    if (seen.insert(id.value()).second) account->groups.push_back(id.value());
  }
  if (most > 0 && account->groups.size() > static_cast<std::size_t>(most))
    return account_error("supplementary-groups= names " + std::to_string(account->groups.size()) +
                         " groups, with the primary one; the system allows " + std::to_string(most));
  return base::ok();
}

// user, group and the full set of groups, beginning with those httpd's own User and Group name.
base::Result<Account> complete_account(const wire::GroupSpec& spec, Account account, std::int64_t default_gid) {
  if (account.gid < 0) account.gid = default_gid;
  if (!spec.group.empty()) {
    const base::Result<std::int64_t> id = find_group_id("group", spec.group);
    if (!id) return id.error();
    account.gid = id.value();
  }
  if (!spec.supplementary_groups.empty()) {
    if (const base::Status set = set_supplementary_groups(spec.supplementary_groups, &account); !set)
      return set.error();
  } else if (!account.user_name.empty() && account.gid >= 0) {
    account.groups = groups_of_user(account.user_name, static_cast<gid_t>(account.gid));
  }
  return account;
}

// The environment is built, never inherited: what httpd was started with is nobody's business.
std::vector<std::string> environment_of(const wire::GroupSpec& spec) {
  std::vector<std::string> environment = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"};
  const char* lang = !spec.lang.empty() ? spec.lang.c_str() : std::getenv("LANG");
  if (lang != nullptr) environment.push_back(std::string("LANG=") + lang);
  if (const char* zone = std::getenv("TZ")) environment.push_back(std::string("TZ=") + zone);
  return environment;
}

// interpreters= is for Pythons that can give each its own lock.
base::Status check_pool(const wire::GroupSpec& spec, std::string_view version) {
  constexpr int kFirst = 12;
  int minor_number = kFirst;
  version.remove_prefix(std::min(version.find('.') + 1, version.size()));
  std::from_chars(version.data(), version.data() + version.size(), minor_number);
  if (spec.interpreters == 1 || minor_number >= kFirst) return base::ok();
  return base::Error{base::Message::kGroupPython, 0,
                     "interpreters=" + std::to_string(spec.interpreters) +
                         " needs Python 3.12 or newer, the group has 3." + std::to_string(minor_number) +
                         "; choose another one with python=, or use processes= instead"};
}

}  // namespace

base::Result<Account> account_of(const wire::GroupSpec& spec) {
  Account account;
  if (!spec.user.empty()) {
    if (const base::Status set = set_user(spec.user, &account); !set) return set.error();
  }
  return complete_account(spec, std::move(account), -1);
}

base::Status check_chroot(const wire::GroupSpec& spec) {
  if (spec.chroot.empty() || geteuid() == 0) return base::ok();
  return account_error("chroot=" + spec.chroot + ": httpd must be started as root for it; remove it, or start it so");
}

base::Result<ScriptOwner> script_owner_of(const wire::GroupSpec& spec) {
  ScriptOwner owner;
  if (!spec.script_user.empty()) {
    const passwd* user = find_user(spec.script_user);
    if (user == nullptr)
      return account_error("script-user=" + spec.script_user +
                           ": there is no such user; create it or correct the name");
    owner.uid = user->pw_uid;
  }
  if (!spec.script_group.empty()) {
    const base::Result<std::int64_t> id = find_group_id("script-group", spec.script_group);
    if (!id) return id.error();
    owner.gid = id.value();
  }
  return owner;
}

base::Status check_python(const wire::GroupSpec& spec) {
  const std::string of_environment = spec.python_home.empty() ? "" : wsgi::version_of_environment(spec.python_home);
  if (!spec.python.empty() && !of_environment.empty() && spec.python != of_environment)
    return base::Error{base::Message::kGroupPython, 0,
                       "python=" + spec.python + " does not fit python-home=" + spec.python_home +
                           ", which is of Python " + of_environment +
                           "; leave python= out, or name another environment"};
  const std::string& version = !spec.python.empty() ? spec.python : of_environment;
  if (const base::Status possible = check_pool(spec, version.empty() ? GATEHOUSE_DEFAULT_PYTHON : version); !possible)
    return possible;
  if (version.empty()) return base::ok();
  const base::Result<std::string> engine = wsgi::find_engine(version, wsgi::engine_directories());
  if (!engine) return engine.error();
  return base::ok();
}

base::Result<PythonChoice> choose_python(const std::string& version, const std::string& python_home) {
  PythonChoice choice;
  choice.version = version;
  if (!python_home.empty()) {
    if (choice.version.empty()) choice.version = wsgi::version_of_environment(python_home);
    choice.executable = wsgi::executable_of_environment(python_home);
    if (choice.executable.empty()) choice.home = python_home;
  }
  if (choice.version.empty()) choice.version = GATEHOUSE_DEFAULT_PYTHON;
  if (!choice.home.empty()) choice.executable = wsgi::executable_of_installation(choice.home, choice.version);
  base::Result<std::string> engine = wsgi::find_engine(choice.version, wsgi::engine_directories());
  if (!engine) return engine.error();
  choice.engine = std::move(engine.value());
  return choice;
}

base::Result<wire::Launch> resolve_launch(const DaemonGroup& group, const server_rec* main_server) {
  wire::Launch launch;
  launch.spec = group.spec;
  if (geteuid() == 0) {
    Account defaults;
    if (group.spec.user.empty()) {
      defaults.uid = ap_unixd_config.user_id;
      if (const passwd* user = getpwuid(ap_unixd_config.user_id)) {
        defaults.user_name = user->pw_name;
        defaults.user_home = user->pw_dir;
      }
    } else if (const base::Status set = set_user(group.spec.user, &defaults); !set) {
      return set.error();
    }
    // httpd's own Group is the default of group=, also beside a user= of its own.
    defaults.gid = -1;
    const base::Result<Account> account = complete_account(group.spec, defaults, ap_unixd_config.group_id);
    if (!account) return account.error();
    if (account->uid == 0) return account_error("httpd's User is root; name another with user=");
    launch.uid = account->uid;
    launch.gid = account->gid;
    launch.groups = account->groups;
    launch.user_name = account->user_name;
    launch.user_home = account->user_home;
  } else if (const passwd* user = getpwuid(geteuid())) {
    launch.user_name = user->pw_name;
    launch.user_home = user->pw_dir;
  }

  const char* const default_home = server_config(main_server).python_home;
  const std::string home =
      group.spec.python_home.empty() && default_home != nullptr ? default_home : group.spec.python_home;
  base::Result<PythonChoice> python = choose_python(group.spec.python, home);
  if (!python) return python.error();
  launch.engine = python->engine;
  launch.python_executable = python->executable;
  launch.python_home_prefix = python->home;

  wsgi::PythonSettings settings = python_settings_of(group.spec);
  settings.telemetry.httpd_pid = getpid();
  if (group.spec.threads == 0) settings.telemetry.socket.clear();  // it serves nobody
  launch.python_settings = wsgi::encode(settings);

  launch.environment = environment_of(group.spec);
  launch.log_level = std::min(ap_get_server_module_loglevel(group.servers.front(), APLOG_MODULE_INDEX),
                              static_cast<int>(base::Level::kTrace));
  launch.default_timeout = main_server->timeout;
  launch.has_priority_lane = configuration()->has_priority_lane;
  const gatehouse_server server = describe_server();
  launch.server_version = server.version;
  launch.server_description = server.description;
  launch.server_build_date = server.build_date;
  launch.mpm_name = server.mpm_name;
  launch.mpm_processes = server.maximum_processes;
  launch.mpm_threads = server.threads_per_process;
  return launch;
}

int mpm_query(int question, int otherwise) {
  int answer = 0;
  return ap_mpm_query(question, &answer) == APR_SUCCESS ? answer : otherwise;
}

gatehouse_server describe_server() {
  return {sizeof(gatehouse_server),
          mpm_query(AP_MPMQ_MAX_DAEMONS, 1),
          mpm_query(AP_MPMQ_MAX_THREADS, 1),
          configuration()->httpd_version,
          ap_get_server_description(),
          ap_get_server_built(),
          ap_show_mpm()};
}

}  // namespace httpd
