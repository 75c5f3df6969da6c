// SPDX-License-Identifier: Apache-2.0
#pragma once

// The other kind of worker, of a group with threads=0: it serves no requests and runs the group's scripts on its main
// thread, one after the other, those of the main interpreter last. When they have returned, or raised SystemExit, it
// leaves and is replaced; an end from above (the leash, an order to retire) is a SIGTERM to itself, and _exit when that
// has not helped in time.

#include "daemon/worker.h"

namespace gatehoused {

// As run_worker.
[[noreturn]] void run_service(const WorkerInheritance& inheritance);

}  // namespace gatehoused
