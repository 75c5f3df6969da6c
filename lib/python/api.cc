// SPDX-License-Identifier: Apache-2.0
#include "python/api.h"

#include <string_view>

#include "python/environ_dict.h"
#include "python/log_handler.h"
#include "python/request.h"
#include "python/runtime.h"
#include "python/server_metrics.h"

namespace python {
namespace {

constexpr const char* kLogHandler = "LogHandler";

PyObject* on_request_data(PyObject*, PyObject*) noexcept {
  const Request* request = Request::of_this_thread();
  if (request != nullptr && request->data) return Py_NewRef(request->data.get());
  PyErr_SetString(PyExc_RuntimeError, "no active request in this thread");
  return nullptr;
}

PyObject* on_server_metrics(PyObject*, PyObject*) noexcept {
  Attached attached = Attached::in_slot();
  return server_metrics(attached).release();
}

// mod_wsgi.__getattr__: makes LogHandler when it is first wanted.
PyObject* on_getattr(PyObject* module, PyObject* name) noexcept {
  Attached attached = Attached::in_slot();
  if (!PyUnicode_Check(name) || PyUnicode_CompareWithASCIIString(name, kLogHandler) != 0) {
    PyErr_Format(PyExc_AttributeError, "module 'mod_wsgi' has no attribute %R", name);
    return nullptr;
  }
  Ref made = make_log_handler(attached);
  if (!made) return nullptr;
  // Another thread may have been faster: the class is one.
  return set_default(PyModule_GetDict(module), name, made.get());
}

PyObject* on_dir(PyObject* module, PyObject*) noexcept {
  Ref names = Ref::steal(PySequence_List(PyModule_GetDict(module)));
  Ref lazy = Ref::steal(PyUnicode_FromString(kLogHandler));
  if (!names || !lazy) return nullptr;
  const int present = PySequence_Contains(names.get(), lazy.get());
  if (present < 0 || (present == 0 && PyList_Append(names.get(), lazy.get()) < 0)) return nullptr;
  return names.release();
}

PyMethodDef functions[] = {
    {"request_data", on_request_data, METH_NOARGS,
     "request_data(): a dict that lives as long as the request that this thread handles."},
    {"server_metrics", on_server_metrics, METH_NOARGS,
     "server_metrics(): httpd's scoreboard, a dict; None where WSGIServerMetrics does not allow it."},
    {"__getattr__", on_getattr, METH_O, nullptr},
    {"__dir__", on_dir, METH_NOARGS, nullptr}};

const char* text_or_empty(const char* text) { return text != nullptr ? text : ""; }

bool add_text(Borrowed module, const char* name, const char* text) {
  Ref value = Ref::steal(PyUnicode_DecodeFSDefault(text_or_empty(text)));
  return value && PyModule_AddObjectRef(module.get(), name, value.get()) == 0;
}

}  // namespace

bool add_mod_wsgi_names(Borrowed module, Borrowed active_requests) {
  Ref module_name = Ref::steal(PyUnicode_FromString("mod_wsgi"));
  if (!module_name) return false;
  for (PyMethodDef& function : functions) {
    Ref made = Ref::steal(PyCFunction_NewEx(&function, module.get(), module_name.get()));
    if (!made || PyModule_AddObjectRef(module.get(), function.ml_name, made.get()) < 0) return false;
  }
  return PyModule_AddObjectRef(module.get(), "active_requests", active_requests.get()) == 0;
}

bool add_apache_names(Borrowed module) {
  const gatehouse_host& host = Runtime::get().host();
  const Settings& settings = Runtime::get().settings();
  gatehouse_server server{};
  if (reaches(host, host.server) && host.server != nullptr) server = *host.server;
  const int processes = server.maximum_processes > 0 ? server.maximum_processes : settings.processes;
  const int threads = server.threads_per_process > 0 ? server.threads_per_process : settings.threads;
  Ref version = version_tuple(text_or_empty(server.version));
  return version && PyModule_AddObjectRef(module.get(), "version", version.get()) == 0 &&
         add_text(module, "description", server.description) && add_text(module, "build_date", server.build_date) &&
         add_text(module, "mpm_name", server.mpm_name) &&
         PyModule_AddIntConstant(module.get(), "maximum_processes", processes) == 0 &&
         PyModule_AddIntConstant(module.get(), "threads_per_process", threads) == 0;
}

}  // namespace python
