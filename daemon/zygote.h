// SPDX-License-Identifier: Apache-2.0
#pragma once

// The zygote: a process of the group's user that has started Python, holds no application code, and forks
// workers when the supervisor says so. It reaps them and reports how each ended. One thread.
// It obeys two descriptors: commands, and the leash. The leash is a pipe whose write end only the supervisor
// holds: its end-of-file reaches zygote and workers alike and means "stop now", whatever became of the rest.

#include <sys/types.h>

#include <cstdint>
#include <vector>

#include "base/posix.h"
#include "daemon/slots.h"
#include "wire/group_spec.h"

namespace gatehoused {

// Supervisor to zygote, one SEQPACKET message each: fork a worker for this slot.
struct ForkCommand {
  std::uint32_t slot;
};

enum class ZygoteEvent : std::uint32_t { kStarted, kForked, kForkFailed, kWorkerEnded };

// Zygote to supervisor, one SEQPACKET message each. To the supervisor it is untrusted.
struct ZygoteReport {
  ZygoteEvent event;
  std::uint32_t slot;
  std::int32_t pid;
  std::int32_t status;  // wait status (kWorkerEnded), errno (kForkFailed)
};

// Worker to supervisor, one SEQPACKET message with credentials: the worker of this slot takes no more tickets.
struct LeavingNotice {
  std::uint32_t slot;
};

// What a zygote is born with. Everything but the three standard descriptors and these is closed.
struct ZygoteInheritance {
  const wire::Launch* launch;
  SlotTable* slots;
  int queue;    // read end
  int command;  // this end of the socket pair to the supervisor
  int leash;    // read end of the pipe
  int notify;   // write end of the workers' notices
  pid_t supervisor;
};

// The exit status of a zygote that could not start and has logged why.
inline constexpr int kStartFailed = 10;

// Runs in the forked child until its end. Never returns.
[[noreturn]] void run_zygote(const ZygoteInheritance& inheritance);

// Closes every descriptor above 2 that is not in the list.
void close_all_but(std::vector<int> kept);

}  // namespace gatehoused
