// SPDX-License-Identifier: Apache-2.0
#pragma once

// What stands in for the GIL in a free-threaded build, where threads run Python side by side. In other builds it is
// nothing at all: there whoever holds the GIL is alone.

#include "python/cpython.h"

#include <type_traits>

#include "base/mutex.h"

namespace python {

// Sole use of an object for a scope, among those who ask for it in this way. Given up where the GIL would be: while the
// thread is detached, and where it takes another object for itself.
class Alone {
 public:
#ifdef Py_GIL_DISABLED
  explicit Alone(PyObject* object) { PyCriticalSection_Begin(&section_, object); }
  ~Alone() { PyCriticalSection_End(&section_); }
#else
  explicit Alone(PyObject*) {}
  ~Alone() {}
#endif
  Alone(const Alone&) = delete;
  Alone& operator=(const Alone&) = delete;

#ifdef Py_GIL_DISABLED
 private:
  PyCriticalSection section_;
#endif
};

class NoLock {
 public:
  explicit NoLock(base::Mutex&) {}
  ~NoLock() {}
  NoLock(const NoLock&) = delete;
  NoLock& operator=(const NoLock&) = delete;
};

// Sole use of what is ours and no Python object. No Python code runs in its scope, and nobody waits for long.
using StateLock = std::conditional_t<kIsFreeThreaded, base::MutexLock, NoLock>;

}  // namespace python
