// SPDX-License-Identifier: Apache-2.0
#pragma once

// Programs that an application starts, and processes that it forks. Threads of a host may block signals, as those of
// httpd do, and both inherit that: SIGTERM, and so Popen.terminate(), would not end them.

#include "python/cpython.h"

#include "python/attach.h"

namespace python {

// For the interpreter that runs: its programs start with no signal blocked. False: an exception is pending.
bool start_programs_unblocked(Attached& attached);

// Handlers of fork(), on the thread that forks. Signals wait meanwhile: one that is meant for the child would run its
// parent's handler there, and a worker's tells the worker. Async-signal-safe.
void hold_signals() noexcept;
void let_signals_through() noexcept;      // those that came through before
void let_all_signals_through() noexcept;  // in a process that an application forked

}  // namespace python
