// SPDX-License-Identifier: Apache-2.0
#include "python/client_calls.h"

#include <cstddef>

#include "python/request.h"
#include "python/response.h"

namespace python {
namespace {

constexpr std::size_t kMostIdle = 64;

struct ClientCallObject {
  PyObject_HEAD vectorcallfunc vectorcall;
  Request* request;    // nullptr once it has ended
  Response* response;  // for visits to the request
};

ClientCallObject* self_of(PyObject* self) { return reinterpret_cast<ClientCallObject*>(self); }

// Calls use(response). nullptr with an exception pending.
template <typename Use>
PyObject* with_response(PyObject* self, size_t flags, PyObject* names, Py_ssize_t wanted, const char* name, Use use) {
  if (PyVectorcall_NARGS(flags) != wanted || (names != nullptr && PyTuple_GET_SIZE(names) > 0))
    return PyErr_Format(PyExc_TypeError, "%s() takes %zd arguments by position", name, wanted);
  const Visit visit(self, self_of(self)->request);
  if (visit.request() == nullptr) return PyErr_Format(PyExc_RuntimeError, "%s() after its request has ended", name);
  return use(*self_of(self)->response);
}

PyObject* on_early_hints(PyObject* self, PyObject* const* arguments, size_t flags, PyObject* names) noexcept {
  return with_response(self, flags, names, 1, "wsgi.early_hints", [&](Response& response) -> PyObject* {
    Attached attached = Attached::in_slot();
    if (response.send_hints(attached, Borrowed(arguments[0]))) Py_RETURN_NONE;
    if (PyErr_Occurred() == nullptr) PyErr_SetString(PyExc_BrokenPipeError, "the client is gone");
    return nullptr;
  });
}

PyObject* on_client_disconnected(PyObject* self, PyObject* const*, size_t flags, PyObject* names) noexcept {
  return with_response(self, flags, names, 0, "gatehouse.client_disconnected", [](const Response& response) {
    const Request& request = response.request();
    return PyBool_FromLong(response.gone() || request.calls().client_gone(request.context()) != 0);
  });
}

void on_dealloc(PyObject* self) noexcept {
  PyTypeObject* type = Py_TYPE(self);
  PyObject_Free(self);
  Py_DECREF(type);
}

char vectorcall_name[] = "__vectorcalloffset__";

PyMemberDef members[] = {{vectorcall_name, T_PYSSIZET, offsetof(ClientCallObject, vectorcall), READONLY, nullptr},
                         {nullptr, 0, 0, 0, nullptr}};

PyType_Slot slots[] = {{Py_tp_dealloc, reinterpret_cast<void*>(on_dealloc)},
                       {Py_tp_call, reinterpret_cast<void*>(PyVectorcall_Call)},
                       {Py_tp_members, members},
                       {0, nullptr}};

PyType_Spec spec = {"mod_wsgi.ClientCall", sizeof(ClientCallObject), 0,
                    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_HAVE_VECTORCALL, slots};

}  // namespace

bool ClientCalls::set_up(Borrowed module) {
  type_ = Ref::steal(PyType_FromModuleAndSpec(module.get(), &spec, nullptr));
  return static_cast<bool>(type_);
}

Ref ClientCalls::take(Attached&, Kind kind, Response& response) {
  Ref call;
  if (idle_.empty()) {
    call = Ref::steal(
        reinterpret_cast<PyObject*>(PyObject_New(ClientCallObject, reinterpret_cast<PyTypeObject*>(type_.get()))));
    if (!call) return {};
  } else {
    call = std::move(idle_.back());
    idle_.pop_back();
  }
  self_of(call.get())->vectorcall = kind == Kind::kEarlyHints ? on_early_hints : on_client_disconnected;
  self_of(call.get())->request = &response.request();
  self_of(call.get())->response = &response;
  return call;
}

void ClientCalls::give_back(Attached&, Ref call) {
  if (!call) return;
  Visit::forget(call.get(), self_of(call.get())->request);
  // Without a GIL the list would be a place where all threads meet.
  if (!kIsFreeThreaded && Py_REFCNT(call.get()) == 1 && idle_.size() < kMostIdle) idle_.push_back(std::move(call));
}

}  // namespace python
