// SPDX-License-Identifier: Apache-2.0
#include "python/program_signals.h"

#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <iterator>

#include "python/ref.h"

namespace python {
namespace {

thread_local sigset_t blocked_before_fork;

// In place of CPython's functions that start programs; self is the original. They give the program the signals that
// are blocked here. A signal for the process that comes in between may be handled by this thread, and os.system() waits
// for its program: handlers of hosts do not mind which thread that is.
PyObject* on_start_program(PyObject* original, PyObject* const* arguments, Py_ssize_t count, PyObject* names) noexcept {
  sigset_t none, before;
  sigemptyset(&none);
  pthread_sigmask(SIG_SETMASK, &none, &before);
  PyObject* result = PyObject_Vectorcall(original, arguments, static_cast<std::size_t>(count), names);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return result;
}

PyMethodDef start_program_method = {"start_program",
                                    reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(on_start_program)),
                                    METH_FASTCALL | METH_KEYWORDS, "Starts a program that has no signal blocked."};

// os copies from posix what it has. Not every Python has every function.
struct Function {
  const char* module;
  const char* name;
};
constexpr Function kFunctions[] = {{"_posixsubprocess", "fork_exec"},
                                   {"posix", "system"},
                                   {"os", "system"},
                                   {"posix", "posix_spawn"},
                                   {"os", "posix_spawn"},
                                   {"posix", "posix_spawnp"},
                                   {"os", "posix_spawnp"}};

bool replace(const Function& function) {
  Ref module = Ref::steal(PyImport_ImportModule(function.module));
  if (!module) return false;
  Ref original = Ref::steal(PyObject_GetAttrString(module.get(), function.name));
  if (!original) PyErr_Clear();
  Ref replacement = original ? Ref::steal(PyCFunction_New(&start_program_method, original.get())) : Ref();
  return !original || (replacement && PyObject_SetAttrString(module.get(), function.name, replacement.get()) == 0);
}

}  // namespace

bool start_programs_unblocked(Attached&) { return std::all_of(std::begin(kFunctions), std::end(kFunctions), replace); }

void hold_signals() noexcept {
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &blocked_before_fork);
}

void let_signals_through() noexcept { pthread_sigmask(SIG_SETMASK, &blocked_before_fork, nullptr); }

void let_all_signals_through() noexcept {
  sigset_t none;
  sigemptyset(&none);
  pthread_sigmask(SIG_SETMASK, &none, nullptr);
}

}  // namespace python
