// SPDX-License-Identifier: Apache-2.0
#pragma once

// Services (threads=0): scripts that run on the main thread of a process for as long as that lives. Signals end them as
// Python programs are ended, by an exception.

#include "python/cpython.h"

#include "python/attach.h"

namespace python {

// Lets the signals that end a worker raise SystemExit, until the script sets handlers of its own. On Python's main
// thread, in the main interpreter. False: an exception is pending.
bool handle_service_signals(Attached& attached);

}  // namespace python
