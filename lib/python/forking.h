// SPDX-License-Identifier: Apache-2.0
#pragma once

// What a fork of the whole process means to Python code: mod_wsgi.subscribe_fork() for those that must do something
// in each worker, and the names of threads that would be missing there.

#include "python/cpython.h"

#include <string>

#include "python/attach.h"
#include "python/interpreter.h"
#include "python/ref.h"

namespace python {

// Adds subscribe_fork to module mod_wsgi, with subscribers as the list it fills. False: an exception is pending.
bool add_subscribe_fork(Attached& attached, Borrowed mod_wsgi, Borrowed subscribers);
// Calls each subscriber, in the order of subscription; what one raises is logged.
void run_fork_subscribers(Attached& attached, Borrowed subscribers);

// Names of the threads that the threading modules of all interpreters know, but for the main ones; "a, b". Returns
// their number. Without the GIL.
int name_threads(Interpreters& interpreters, std::string* names);

}  // namespace python
