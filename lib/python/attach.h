// SPDX-License-Identifier: Apache-2.0
#pragma once

// Who may run Python. An Attached is the proof that the calling thread holds the GIL of an interpreter:
// a function that may run Python takes one. PyGILState_* is never used: it knows one interpreter a thread. Extension
// modules do use it, so it is told which one a thread is in.
//
// Each thread keeps one thread state per interpreter that it has entered, in a list of its own.

#include "python/cpython.h"

#include <cstdint>
#include <string_view>

namespace python {

class EnvironKeys;
class Interpreter;

// The token. Made by an Attach, or inside a function that CPython itself has called.
class Attached {
 public:
  static Attached in_slot() { return {}; }
  Attached(const Attached&) = delete;
  Attached& operator=(const Attached&) = delete;

 private:
  friend class Attach;
  Attached() = default;
};

// How long, and how often, a thread has waited for the GIL.
struct GilWait {
  std::int64_t us = 0;
  std::uint64_t count = 0;
};

// In a process where Python has just been started, or that has just been forked: finds out where CPython keeps what
// PyGILState_Ensure takes for the thread's state. Where that is not found, extension modules see what they always do.
void find_state_of_extensions(Attached& attached);
// In a process that was forked without us: nothing is told from here on.
void forget_state_of_extensions();
// Makes this state the thread's, attached and as extension modules see it. Blocks for its GIL.
void attach_state(PyThreadState* state);
// The same for a state that CPython has attached by itself.
void note_attached(PyThreadState* state);

// Holds the interpreter's GIL for a scope. Queues for it and blocks until it is free. Not to be nested on one thread.
class Attach {
 public:
  // The wait is added to *wait, unless that is nullptr.
  explicit Attach(Interpreter& interpreter, GilWait* wait = nullptr);
  ~Attach();
  Attach(const Attach&) = delete;
  Attach& operator=(const Attach&) = delete;
  Attached& attached() { return attached_; }

 private:
  Attached attached_;
};

// Gives the GIL up for a scope, to block or to call what may block. No Python object may be touched in it.
class Detach {
 public:
  explicit Detach(Attached&, GilWait* wait = nullptr) : state_(PyEval_SaveThread()), wait_(wait) {}
  ~Detach();
  Detach(const Detach&) = delete;
  Detach& operator=(const Detach&) = delete;

 private:
  PyThreadState* state_;
  GilWait* wait_;
};

// The interpreter of this name and member if the calling thread has entered it before, else nullptr. Takes no lock.
Interpreter* entered_before(std::string_view name, int member);
// The calling thread's own names of environs in an interpreter that it is attached to; they go with its state.
EnvironKeys& environ_keys_of_thread(Interpreter& interpreter);
// Records a thread state that CPython made for the calling thread.
void adopt_thread_state(Interpreter& interpreter, PyThreadState* state);
// Frees the calling thread's states in all interpreters; keeps those that keep says (main thread, main interpreter).
void free_thread_states(const PyThreadState* keep);

}  // namespace python
