// SPDX-License-Identifier: Apache-2.0
#pragma once

// Programs that an application starts with subprocess or multiprocessing. Threads of a host may block signals, as those
// of httpd do, and a program inherits that: SIGTERM, and so Popen.terminate(), would not end it.

#include "python/cpython.h"

#include "python/attach.h"

namespace python {

// For the interpreter that runs: its programs start with no signal blocked. False: an exception is pending.
bool start_programs_unblocked(Attached& attached);

}  // namespace python
