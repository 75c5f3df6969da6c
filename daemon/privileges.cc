// SPDX-License-Identifier: Apache-2.0
#include "daemon/privileges.h"

#include <grp.h>
#include <linux/capability.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <clocale>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "base/log.h"
#include "daemon/environment_file.h"

namespace gatehoused {
namespace {

using base::Message;
using base::os_error;

base::Error refusal(std::string what) { return {Message::kPrivileges, 0, std::move(what)}; }

// The kernel's own ids end before 2^32-1, which means "leave unchanged" in its calls.
bool is_id(std::int64_t id) { return id >= 0 && id < 0xffffffff; }

std::vector<gid_t> sorted(std::vector<gid_t> groups) {
  std::sort(groups.begin(), groups.end());
  groups.erase(std::unique(groups.begin(), groups.end()), groups.end());
  return groups;
}

base::Result<std::vector<gid_t>> current_groups() {
  const int count = getgroups(0, nullptr);
  if (count < 0) return os_error(Message::kPrivileges, "getgroups failed");
  std::vector<gid_t> groups(static_cast<std::size_t>(count));
  const int got = getgroups(count, groups.data());
  if (got < 0) return os_error(Message::kPrivileges, "getgroups failed");
  groups.resize(static_cast<std::size_t>(got));
  return groups;
}

base::Status verify_no_capability() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3] = {};
  if (syscall(SYS_capget, &header, sets) != 0) return os_error(Message::kPrivileges, "capget failed");
  for (const __user_cap_data_struct& set : sets) {
    if ((set.effective | set.permitted | set.inheritable) != 0) return refusal("a capability of root is left");
  }
  return base::ok();
}

base::Status verify(const Identity& identity) {
  uid_t uids[3];
  gid_t gids[3];
  if (getresuid(&uids[0], &uids[1], &uids[2]) != 0 || getresgid(&gids[0], &gids[1], &gids[2]) != 0)
    return os_error(Message::kPrivileges, "the ids could not be read back");
  for (uid_t uid : uids)
    if (uid != identity.uid) return refusal("the user id did not take effect");
  for (gid_t gid : gids)
    if (gid != identity.gid) return refusal("the group id did not take effect");
  base::Result<std::vector<gid_t>> groups = current_groups();
  if (!groups) return groups.error();
  if (sorted(std::move(groups).value()) != sorted(identity.groups))
    return refusal("the supplementary groups did not take effect");
  if (setuid(0) == 0 || errno != EPERM) return refusal("the way back to root is open");
  return verify_no_capability();
}

// With chroot= nothing of the machine is visible from here on but what lies below it.
base::Status enter_root_directory(const std::string& directory) {
  if (directory.empty()) return base::ok();
  if (chroot(directory.c_str()) != 0 || chdir("/") != 0)
    return os_error(Message::kPrivileges, "chroot to '" + directory + "' failed");
  return base::ok();
}

std::string_view name_of(std::string_view entry) { return entry.substr(0, entry.find('=')); }

void assign(std::vector<std::string>& environment, std::string_view name, std::string_view value) {
  std::erase_if(environment, [&](const std::string& entry) { return name_of(entry) == name; });
  environment.push_back(std::string(name).append("=").append(value));
}

void assign_entry(std::vector<std::string>& environment, std::string_view entry) {
  const std::string_view name = name_of(entry);
  if (!name.empty() && name.size() < entry.size()) assign(environment, name, entry.substr(name.size() + 1));
}

bool has(const std::vector<std::string>& environment, std::string_view name) {
  return std::any_of(environment.begin(), environment.end(), [&](const auto& entry) { return name_of(entry) == name; });
}

}  // namespace

base::Result<Identity> identity_of(const wire::Launch& launch) {
  if (!is_id(launch.uid) || !is_id(launch.gid)) return refusal("user or group has no usable number");
  if (launch.uid == 0) return refusal("a process group may not run as root: name another user=");
  Identity identity{static_cast<uid_t>(launch.uid), static_cast<gid_t>(launch.gid), {}};
  for (std::int64_t group : launch.groups) {
    if (!is_id(group)) return refusal("a supplementary group has no usable number");
    identity.groups.push_back(static_cast<gid_t>(group));
  }
  return identity;
}

base::Status take_identity(const Identity& identity) {
  if (setgroups(identity.groups.size(), identity.groups.data()) != 0)
    return os_error(Message::kPrivileges, "setgroups failed");
  if (setresgid(identity.gid, identity.gid, identity.gid) != 0)
    return os_error(Message::kPrivileges, "setresgid to " + std::to_string(identity.gid) + " failed");
  if (setresuid(identity.uid, identity.uid, identity.uid) != 0)
    return os_error(Message::kPrivileges, "setresuid to " + std::to_string(identity.uid) + " failed");
  return verify(identity);
}

bool end_with_parent(pid_t parent) { return prctl(PR_SET_PDEATHSIG, SIGTERM) == 0 && getppid() == parent; }

base::Status drop_privileges(const wire::Launch& launch, pid_t parent) {
  if (launch.spec.umask >= 0) umask(static_cast<mode_t>(launch.spec.umask) & 0777);
  if (base::Status entered = enter_root_directory(launch.spec.chroot); !entered) return entered;
  if (launch.uid >= 0) {
    const base::Result<Identity> identity = identity_of(launch);
    if (!identity) return identity.error();
    if (base::Status taken = take_identity(identity.value()); !taken) return taken;
  } else if (geteuid() == 0) {
    return refusal("a process group may not run as root: name a user=");
  }
  if (!end_with_parent(parent)) return refusal("the supervisor has ended");
  return base::ok();
}

std::vector<std::string> group_environment(const wire::Launch& launch, std::span<const std::string> of_file) {
  std::vector<std::string> environment;
  for (const std::string& entry : launch.environment) assign_entry(environment, entry);
  if (!launch.user_name.empty()) {
    assign(environment, "USER", launch.user_name);
    assign(environment, "LOGNAME", launch.user_name);
    if (has(environment, "USERNAME")) assign(environment, "USERNAME", launch.user_name);
  }
  if (!launch.user_home.empty()) assign(environment, "HOME", launch.user_home);
  for (const std::string& entry : of_file) assign_entry(environment, entry);
  if (!launch.spec.lang.empty()) assign(environment, "LANG", launch.spec.lang);
  if (!launch.spec.locale.empty()) assign(environment, "LC_ALL", launch.spec.locale);
  if (!launch.spec.python_eggs.empty()) assign(environment, "PYTHON_EGG_CACHE", launch.spec.python_eggs);
  for (std::string_view rest = launch.spec.setenv; !rest.empty();) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    assign_entry(environment, rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return environment;
}

base::Status enter_environment(const wire::Launch& launch) {
  std::vector<std::string> of_file;
  if (!launch.spec.env_file.empty()) {
    base::Result<std::vector<std::string>> read = read_environment_file(launch.spec.env_file);
    if (!read) return read.error();
    of_file = std::move(read).value();
  }
  clearenv();
  for (const std::string& entry : group_environment(launch, of_file)) {
    const std::string name(name_of(entry));
    setenv(name.c_str(), entry.c_str() + name.size() + 1, 1);
  }
  if (launch.spec.locale.empty()) return base::ok();
  if (setlocale(LC_ALL, launch.spec.locale.c_str()) == nullptr) {
    base::log(Message::kGroupEnvironment, "group '%s': this system has no locale '%s'; the one before stays",
              launch.spec.name.c_str(), launch.spec.locale.c_str());
  }
  return base::ok();
}

base::Status enter_home(const wire::Launch& launch) {
  if (!launch.spec.home.empty()) {
    if (chdir(launch.spec.home.c_str()) == 0) return base::ok();
    return os_error(Message::kPrivileges, "home '" + launch.spec.home + "' cannot be entered");
  }
  if (launch.spec.user.empty() || launch.uid < 0 || launch.user_home.empty()) return base::ok();
  if (chdir(launch.user_home.c_str()) != 0) {
    base::log(Message::kGroupEnvironment, "group '%s': the home of user '%s', '%s', cannot be entered: %s",
              launch.spec.name.c_str(), launch.user_name.c_str(), launch.user_home.c_str(), std::strerror(errno));
  }
  return base::ok();
}

}  // namespace gatehoused
