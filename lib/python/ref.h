// SPDX-License-Identifier: Apache-2.0
#pragma once

// References to Python objects: Ref owns one, Borrowed only looks. Both may be empty. Every operation that
// changes a count needs the GIL, a Ref's destructor included.

#include "python/cpython.h"

#include <utility>

namespace python {

class Ref {
 public:
  Ref() = default;
  // Takes over the reference that a C call returned (nullptr: its exception stays pending).
  static Ref steal(PyObject* object) { return Ref(object); }
  // Adds a reference to an object that somebody else keeps.
  static Ref borrow(PyObject* object) { return Ref(Py_XNewRef(object)); }

  Ref(Ref&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
  Ref& operator=(Ref&& other) noexcept {
    PyObject* old = std::exchange(object_, std::exchange(other.object_, nullptr));
    Py_XDECREF(old);
    return *this;
  }
  Ref(const Ref&) = delete;
  Ref& operator=(const Ref&) = delete;
  ~Ref() { Py_XDECREF(object_); }

  PyObject* get() const { return object_; }
  PyObject* release() { return std::exchange(object_, nullptr); }
  void reset() { *this = Ref(); }
  explicit operator bool() const { return object_ != nullptr; }
  Ref clone() const { return borrow(object_); }

 private:
  explicit Ref(PyObject* object) : object_(object) {}
  PyObject* object_ = nullptr;
};

// An object that somebody else keeps alive for as long as the Borrowed is used.
class Borrowed {
 public:
  Borrowed() = default;
  explicit Borrowed(PyObject* object) : object_(object) {}
  Borrowed(const Ref& ref) : object_(ref.get()) {}

  PyObject* get() const { return object_; }
  explicit operator bool() const { return object_ != nullptr; }
  bool is_none() const { return object_ == Py_None; }

 private:
  PyObject* object_ = nullptr;
};

}  // namespace python
