// SPDX-License-Identifier: Apache-2.0
#include "python/response_callable.h"

#include <cstddef>

#include "python/module_state.h"
#include "python/request.h"
#include "python/request_events.h"
#include "python/response.h"

namespace python {
namespace {

struct StartResponseObject {
  PyObject_HEAD vectorcallfunc vectorcall;
  Request* request;    // nullptr once it has ended
  Response* response;  // for visits to the request
};

StartResponseObject* self_of(PyObject* self) { return reinterpret_cast<StartResponseObject*>(self); }

PyObject* on_write(PyObject* self, PyObject* block) noexcept {
  Attached attached = Attached::in_slot();
  if (!PyBytes_Check(block)) {
    PyErr_Format(PyExc_TypeError, "write() takes bytes, not %.100s", Py_TYPE(block)->tp_name);
    return nullptr;
  }
  const Visit visit(self, self_of(self)->request);
  if (visit.request() == nullptr) {
    PyErr_SetString(PyExc_RuntimeError, "write() after its request has ended");
    return nullptr;
  }
  const std::string_view bytes{PyBytes_AS_STRING(block), static_cast<std::size_t>(PyBytes_GET_SIZE(block))};
  if (self_of(self)->response->write(attached, bytes)) Py_RETURN_NONE;
  if (PyErr_Occurred() == nullptr) PyErr_SetString(PyExc_BrokenPipeError, "the client is gone");
  return nullptr;
}

PyMethodDef write_method = {"write", on_write, METH_O, "write(bytes): sends a block of the body."};

// exc_info may be given by name, too, as to a start_response that is written in Python.
bool take_keyword(PyObject* const* arguments, Py_ssize_t count, PyObject* names, PyObject** exc_info) {
  const Py_ssize_t named = names != nullptr ? PyTuple_GET_SIZE(names) : 0;
  if (named == 0) return true;
  if (named > 1 || count == 3 || PyUnicode_CompareWithASCIIString(PyTuple_GET_ITEM(names, 0), "exc_info") != 0) {
    PyErr_SetString(PyExc_TypeError, "start_response() takes status and headers by position, and exc_info");
    return false;
  }
  *exc_info = arguments[count];
  return true;
}

PyObject* on_call(PyObject* self, PyObject* const* arguments, size_t argument_flags, PyObject* names) noexcept {
  Attached attached = Attached::in_slot();
  const Py_ssize_t count = PyVectorcall_NARGS(argument_flags);
  PyObject* exc_info = count == 3 ? arguments[2] : nullptr;
  if (count < 2 || count > 3) {
    PyErr_Format(PyExc_TypeError, "start_response() takes status, headers and perhaps exc_info (%zd given)", count);
    return nullptr;
  }
  if (!take_keyword(arguments, count, names, &exc_info)) return nullptr;
  const Visit visit(self, self_of(self)->request);
  if (visit.request() == nullptr) {
    PyErr_SetString(PyExc_RuntimeError, "start_response() after its request has ended");
    return nullptr;
  }
  publish_response_started(attached, *visit.request(), Borrowed(arguments[0]), Borrowed(arguments[1]),
                           Borrowed(exc_info));
  if (!self_of(self)->response->start(attached, Borrowed(arguments[0]), Borrowed(arguments[1]), Borrowed(exc_info)))
    return nullptr;
  return PyCFunction_New(&write_method, self);
}

void on_dealloc(PyObject* self) noexcept {
  PyTypeObject* type = Py_TYPE(self);
  PyObject_Free(self);
  Py_DECREF(type);
}

char vectorcall_name[] = "__vectorcalloffset__";

PyMemberDef members[] = {{vectorcall_name, T_PYSSIZET, offsetof(StartResponseObject, vectorcall), READONLY, nullptr},
                         {nullptr, 0, 0, 0, nullptr}};

PyType_Slot slots[] = {{Py_tp_dealloc, reinterpret_cast<void*>(on_dealloc)},
                       {Py_tp_call, reinterpret_cast<void*>(PyVectorcall_Call)},
                       {Py_tp_members, members},
                       {0, nullptr}};

PyType_Spec spec = {"mod_wsgi.StartResponse", sizeof(StartResponseObject), 0,
                    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_HAVE_VECTORCALL, slots};

}  // namespace

Ref make_start_response_type(Borrowed module) {
  return Ref::steal(PyType_FromModuleAndSpec(module.get(), &spec, nullptr));
}

Ref make_start_response(Attached&, const ModuleState& objects, Response& response) {
  auto* type = reinterpret_cast<PyTypeObject*>(objects.start_response_type.get());
  StartResponseObject* self = PyObject_New(StartResponseObject, type);
  if (self == nullptr) return {};
  self->vectorcall = on_call;
  self->request = &response.request();
  self->response = &response;
  return Ref::steal(reinterpret_cast<PyObject*>(self));
}

void end_start_response(Borrowed start_response) {
  Visit::forget(start_response.get(), self_of(start_response.get())->request);
}

}  // namespace python
