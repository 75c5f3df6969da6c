// SPDX-License-Identifier: Apache-2.0
#include "python/service.h"

#include <csignal>

#include "python/ref.h"

namespace python {
namespace {

PyObject* on_end_signal(PyObject*, PyObject* const*, Py_ssize_t) noexcept {
  PyErr_SetNone(PyExc_SystemExit);
  return nullptr;
}

PyMethodDef end_method = {"end_service", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(on_end_signal)),
                          METH_FASTCALL, "The handler of signals that end this process: raises SystemExit."};

}  // namespace

bool handle_service_signals(Attached&) {
  Ref module = Ref::steal(PyImport_ImportModule("signal"));
  Ref handler = module ? Ref::steal(PyCFunction_New(&end_method, nullptr)) : Ref();
  if (!handler) return false;
  for (const int number : {SIGTERM, SIGINT, SIGUSR1, SIGXCPU})
    if (!Ref::steal(PyObject_CallMethod(module.get(), "signal", "iO", number, handler.get()))) return false;
  return true;
}

}  // namespace python
