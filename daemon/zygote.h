// SPDX-License-Identifier: Apache-2.0
#pragma once

// The zygote: a process of the group's user that starts Python, loads what its plan says, and forks workers when the
// supervisor says so. It reaps them and reports how each ended. One thread.
// It obeys two descriptors: commands, and the leash. The leash is a pipe whose write end only the supervisor
// holds: its end-of-file reaches zygote and workers alike and means "stop now", whatever became of the rest.

#include <sys/types.h>

#include <cstdint>
#include <vector>

#include "base/posix.h"
#include "daemon/load_plan.h"
#include "daemon/orders.h"
#include "daemon/queues.h"
#include "daemon/slots.h"
#include "wire/group_spec.h"

namespace gatehoused {

// What a zygote is born with. Everything but the three standard descriptors and these is closed.
struct ZygoteInheritance {
  const wire::Launch* launch;
  const LoadPlan* plan;
  SlotTable* slots;
  Queues queues;
  int command;  // this end of the socket pair to the supervisor
  int leash;    // read end of the pipe
  pid_t supervisor;
};

// How a zygote ends that cannot do its work and has logged why: Python does not start; its plan cannot be loaded; what
// was loaded runs threads or processes, which its workers would be without.
inline constexpr int kStartFailed = 10;
inline constexpr int kLoadFailed = 11;
inline constexpr int kUnforkable = 12;

// Runs in the forked child until its end. Never returns.
[[noreturn]] void run_zygote(const ZygoteInheritance& inheritance);

// Closes every descriptor above 2 that is not in the list.
void close_all_but(std::vector<int> kept);

}  // namespace gatehoused
