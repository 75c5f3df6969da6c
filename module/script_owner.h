// SPDX-License-Identifier: Apache-2.0
#pragma once

// script-user= and script-group=: a script runs only when it and its directory belong to the account that is named
// and nobody else may change them. Pure.

#include <sys/stat.h>

#include <cstdint>
#include <string>

namespace httpd {

// -1: not asked for. At most one of them is.
struct ScriptOwner {
  std::int64_t uid = -1;
  std::int64_t gid = -1;
  bool is_set() const { return uid >= 0 || gid >= 0; }
};

// What is wrong with a script and the directory it is in, with the remedy: "the script belongs to user 0, not 33; ...".
// Empty: nothing. With gid the group of the file may write to it, with uid it must not.
std::string problem_of_owner(const ScriptOwner& owner, const struct stat& script, const struct stat& directory);

}  // namespace httpd
