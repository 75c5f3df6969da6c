// SPDX-License-Identifier: Apache-2.0
#pragma once

// The file of env-file=: variables of a process group's environment, one NAME=VALUE a line.
//
//   # a comment; blank lines count for nothing
//   NAME=value with blanks inside       blanks around it are left out; " #" begins a comment
//   export NAME="two\nlines, \"quoted\""  in double quotes \n, \t, \\, \", \$ and \` are replaced
//   NAME='as it stands'
//
// Nothing is expanded. Of a name that comes twice the last counts.

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace gatehoused {

// "NAME=VALUE" of each line, in order. Pure. kGroupStartFailed, with the number of the line, for one that is neither
// that nor a comment.
base::Result<std::vector<std::string>> parse_environment(std::string_view text);

// The same of a file, which is opened as the calling process's user: never as root. Errors name the file.
base::Result<std::vector<std::string>> read_environment_file(const std::string& file);

}  // namespace gatehoused
