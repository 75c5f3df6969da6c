// SPDX-License-Identifier: Apache-2.0
#pragma once

// A worker: threads that take tickets from the queue and serve them, and a main thread that waits for a reason
// to leave: changed code, the end of the queue, a signal, the end of the leash. It then takes no more tickets,
// finishes what it holds up to a deadline of its own, runs the engine's shutdown hooks, and ends by _exit.

#include <sys/types.h>

#include <cstdint>
#include <span>

#include "daemon/load_plan.h"
#include "daemon/queues.h"
#include "daemon/slots.h"
#include "wire/group_spec.h"
#include "wsgi/engine_abi.h"

namespace gatehoused {

// What a worker is born with, forked from a zygote; all of it lives as long as the process. The descriptors are
// the zygote's numbers.
struct WorkerInheritance {
  const wire::Launch* launch;
  const LoadPlan* plan;                  // what is not loaded ahead is this worker's to load
  const gatehouse_engine_table* engine;  // between before_fork and after_fork_child
  const gatehouse_server* server;        // what module apache tells
  std::span<ThreadSlot> slots;           // one per thread
  std::atomic<std::int64_t>* beat;       // slots.h
  std::uint32_t slot;                    // this worker's, in the supervisor's table
  Queues queues;
  int leash;
  int line;  // to the supervisor (orders.h)
  pid_t zygote;
};

// What every forked process of a group begins with: the engine and its host, the title, the limits of a process. host
// lives as long as the process; on_application_fork gets context. False: the zygote has ended meanwhile.
bool begin_as_child(const WorkerInheritance& born, void* context, void (*on_application_fork)(void*),
                    gatehouse_host* host);

// Runs in the forked child, all of whose signals are blocked, until its end. Never returns.
[[noreturn]] void run_worker(const WorkerInheritance& inheritance);

}  // namespace gatehoused
