// SPDX-License-Identifier: Apache-2.0
#pragma once

// Stopping a request from outside: mod_wsgi.RequestTimeout is raised in its thread. Only while its application runs,
// and never later: what has not been noticed by the end is taken back, so that no other request sees it.

#include "python/cpython.h"

#include <cstdint>

#include "python/attach.h"

namespace python {

class Interpreter;

// The part of a request in which it can be interrupted: a scope on its thread. number 0: it cannot.
class Interruptible {
 public:
  Interruptible(Attached& attached, Interpreter& interpreter, std::uint64_t number);
  ~Interruptible();
  Interruptible(const Interruptible&) = delete;
  Interruptible& operator=(const Interruptible&) = delete;

 private:
  Attached& attached_;
};

// Raises RequestTimeout in the thread that runs the request of this number, and logs where that is, to the host. False:
// no request of this number can be interrupted (any more). Without the GIL; blocks until it is free. Not on a thread
// that runs a request.
bool interrupt_request(std::uint64_t number);

// The calling thread runs no requests any more.
void forget_interruptible_thread();

}  // namespace python
