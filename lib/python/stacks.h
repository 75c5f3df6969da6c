// SPDX-License-Identifier: Apache-2.0
#pragma once

// What Python's threads are doing, as lines of the host's log: for the lines about requests that take too long and
// processes that hang.

#include "python/cpython.h"

#include "base/result.h"
#include "python/attach.h"

namespace python {

class Interpreter;

// The Python stack of one thread, by its ident, in the interpreter.
void log_stack_of(Attached& attached, Interpreter& interpreter, unsigned long ident);

// The stacks of all threads of the interpreter.
void log_stacks(Attached& attached, Interpreter& interpreter);

// Once in a process, on Python's main thread, in the main interpreter, so that log_stacks_unattached() works.
// False: an exception is pending.
bool prepare_unattached_stacks(Attached& attached);

// The stacks of all threads of the main interpreter, taken without the GIL: for a process whose GIL is not given up.
// On Python's main thread; does not block.
void log_stacks_unattached();

}  // namespace python
