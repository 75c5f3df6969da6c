// SPDX-License-Identifier: Apache-2.0
#pragma once

// How a zygote stops being root, and what surrounds it: user, groups, umask, home, environment, locale.
// Only the zygote's single thread calls these, before Python is started. A failure means that no
// application code may run in this process.

#include <sys/types.h>

#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "wire/group_spec.h"

namespace gatehoused {

struct Identity {
  uid_t uid;
  gid_t gid;
  std::vector<gid_t> groups;  // supplementary set
};

// The identity of a launch that names one (uid >= 0). kPrivileges: user or group outside of the kernel's
// range, or user root.
base::Result<Identity> identity_of(const wire::Launch& launch);

// For good, in this order (reliability.md 4 fact 1): umask, supplementary groups, group, user; then the kernel is
// asked whether all of it holds: three equal ids, exactly these groups, no way back to root, no capability.
base::Status take_identity(const Identity& identity);

// umask and chroot (if configured), identity (if there is one), then death with the parent: after the identity, because
// a change of credentials forgets it. parent: the process that must still be alive.
base::Status drop_privileges(const wire::Launch& launch, pid_t parent);

// SIGTERM when the thread that forked this process ends. False when parent has ended already.
bool end_with_parent(pid_t parent);

// The environment of the group: the launch's, with USER, LOGNAME and HOME of its user (USERNAME where it was
// set), then what env-file= holds, LANG from lang=, LC_ALL from locale=, PYTHON_EGG_CACHE, and setenv=. Later names
// replace earlier ones. Pure.
std::vector<std::string> group_environment(const wire::Launch& launch, std::span<const std::string> of_file = {});
// Makes it this process's environment, whole, and sets the locale. Reads env-file= as this process's user: after
// drop_privileges; its errors are those of read_environment_file. An unknown locale is a logged warning.
base::Status enter_environment(const wire::Launch& launch);

// chdir: home= when given (failure: kPrivileges), else the home of a user= that was named, else nothing.
base::Status enter_home(const wire::Launch& launch);

}  // namespace gatehoused
