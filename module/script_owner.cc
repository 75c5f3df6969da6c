// SPDX-License-Identifier: Apache-2.0
#include "module/script_owner.h"

namespace httpd {
namespace {

std::string number_of(std::int64_t id) { return "#" + std::to_string(id); }

std::string problem_of(const ScriptOwner& owner, const char* what, const struct stat& facts) {
  const std::string thing = std::string("the ") + what;
  if (owner.uid >= 0 && facts.st_uid != owner.uid)
    return thing + " belongs to user " + number_of(facts.st_uid) + ", not to script-user " + number_of(owner.uid) +
           "; change its owner (chown)";
  if (owner.gid >= 0 && facts.st_gid != owner.gid)
    return thing + " belongs to group " + number_of(facts.st_gid) + ", not to script-group " + number_of(owner.gid) +
           "; change its group (chgrp)";
  if (owner.uid >= 0 && (facts.st_mode & S_IWGRP) != 0)
    return thing + " can be written to by its group; forbid it (chmod g-w)";
  if ((facts.st_mode & S_IWOTH) != 0) return thing + " can be written to by everybody; forbid it (chmod o-w)";
  return {};
}

}  // namespace

std::string problem_of_owner(const ScriptOwner& owner, const struct stat& script, const struct stat& directory) {
  if (!owner.is_set()) return {};
  std::string problem = problem_of(owner, "script", script);
  return problem.empty() ? problem_of(owner, "directory of the script", directory) : problem;
}

}  // namespace httpd
