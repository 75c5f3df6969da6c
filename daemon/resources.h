// SPDX-License-Identifier: Apache-2.0
#pragma once

// What a group's processes may use of the machine: scheduling priority, memory, CPU time. What the kernel refuses is a
// logged warning, never a reason not to start.

#include <sys/resource.h>

#include "base/posix.h"
#include "wire/group_spec.h"

namespace gatehoused {

// cpu-priority, cpu-scheduling, memory-limit (RLIMIT_DATA) and virtual-memory-limit (RLIMIT_AS): of the calling process
// and what it forks. While it is still root: a hard limit can then be raised, a priority too.
void limit_group(const wire::GroupSpec& spec);

// cpu-time-limit, in a worker that was just forked: its CPU time counts from zero. SIGXCPU comes at the instant; the
// kernel kills what still uses CPU time after shutdown-timeout and a second.
void limit_cpu_time(const wire::GroupSpec& spec);

// RLIMIT_CPU for cpu-time-limit=: whole seconds, rounded up. Pure.
rlimit cpu_limits(base::Micros cpu_time, base::Micros shutdown);

}  // namespace gatehoused
