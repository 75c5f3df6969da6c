// SPDX-License-Identifier: Apache-2.0
#pragma once

// What applications in a server's process must keep their hands off: the process's signals, and, where the
// configuration says so, its standard input and output.

#include "python/cpython.h"

#include "python/attach.h"
#include "python/ref.h"
#include "wsgi/interpreter_rules.h"

namespace python {

// mod_wsgi.Restricted: every access to an attribute of an instance raises OSError. An empty Ref with an exception
// pending on failure.
Ref make_restricted_type(Borrowed module);

// Puts the restrictions of settings in place, in the interpreter that runs: sys.stdin, sys.stdout, signal.signal.
// False: an exception is pending.
bool restrict_interpreter(Attached& attached, Borrowed restricted_type, const wsgi::InterpreterSettings& settings);

// Is the object one of ours that refuses everything?
bool is_restricted(Borrowed object);

}  // namespace python
