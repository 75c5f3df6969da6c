// SPDX-License-Identifier: Apache-2.0
#pragma once

// What a process group needs besides its options, resolved on this machine as root: user and groups, Python,
// environment. Thread: the one that reads the configuration.

#include <string>
#include <vector>

#include "base/result.h"
#include "module/config.h"
#include "wire/group_spec.h"
#include "wsgi/engine_abi.h"

namespace httpd {

// What user=, group= and supplementary-groups= name. Members that they leave open are empty or -1.
struct Account {
  std::int64_t uid = -1, gid = -1;
  std::vector<std::int64_t> groups;  // the full set; empty when no user is named
  std::string user_name, user_home;
};

// Errors: kGroupAccount for an unknown user or group, and for uid 0.
base::Result<Account> account_of(const wire::GroupSpec& spec);

// chroot= needs an httpd that starts as root. Errors: kGroupAccount.
base::Status check_chroot(const wire::GroupSpec& spec);

// The numbers of script-user= or script-group=. Errors: kGroupAccount.
base::Result<ScriptOwner> script_owner_of(const wire::GroupSpec& spec);

// Does python= have an engine, and does it fit python-home=? Errors: kEngineMissing, kGroupPython.
base::Status check_python(const wire::GroupSpec& spec);

// Which Python runs, and which environment.
struct PythonChoice {
  std::string version;     // "3.12"
  std::string engine;      // file name
  std::string executable;  // the interpreter of the environment, or of home; or empty
  std::string home;        // PyConfig.home: an installation that is no virtual environment; or empty
};
// version: what the configuration asks for ("" = the environment's, else the default). Errors: kEngineMissing.
base::Result<PythonChoice> choose_python(const std::string& version, const std::string& python_home);

// Everything gatehoused is given. main_server: WSGIPythonHome is python-home's default.
base::Result<wire::Launch> resolve_launch(const DaemonGroup& group, const server_rec* main_server);

// What httpd says of itself. Its texts live as long as the configuration. Main thread of the parent, or a child.
gatehouse_server describe_server();
int mpm_query(int question, int otherwise);

}  // namespace httpd
