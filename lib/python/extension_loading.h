// SPDX-License-Identifier: Apache-2.0
#pragma once

// Extension modules in interpreters that have a lock of their own. CPython 3.12 runs a module's init function before
// it finds out that such an interpreter must not have the module. What that has left in C, made of one interpreter's
// objects, the next one trips over: an import of datetime in two of them ends the process. So here the main
// interpreter runs it first, as it does from 3.13 on by itself; what CPython knows from there is refused unrun.

#include "python/cpython.h"

#include "python/attach.h"

namespace python {

// For the interpreter that runs, once, before it imports anything of an application. False: an exception is pending.
bool load_extensions_in_main_first(Attached& attached);

}  // namespace python
