// SPDX-License-Identifier: Apache-2.0
#pragma once

// What ps shows of a process: "(wsgi:NAME) supervisor", "(wsgi:NAME) zygote", and of a worker its display-name
// or "(wsgi:NAME) worker". The command name (comm) stays "gatehoused" everywhere, so that pgrep finds all.
// Thread: a process's first, while it has no other.

#include <string>
#include <string_view>

#include "wire/group_spec.h"

namespace gatehoused {

// Longest title that is shown whole.
inline constexpr std::size_t kTitleRoom = 511;

// Call first in main. The kernel shows the bytes of the argument vector as it was at execve; when they are fewer
// than a title may need, the process executes itself again with a longer, blank last argument. Returns only
// once that is done, or cannot be done (titles are then cut).
void claim_title_area(int argc, char** argv);
void set_title(std::string_view title);

// Pure. display-name's %{GROUP} is "(wsgi:NAME)".
std::string title_of_supervisor(const wire::GroupSpec& spec);
std::string title_of_zygote(const wire::GroupSpec& spec);
std::string title_of_worker(const wire::GroupSpec& spec);

}  // namespace gatehoused
