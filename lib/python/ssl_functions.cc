// SPDX-License-Identifier: Apache-2.0
#include "python/ssl_functions.h"

#include <memory>

#include "python/request.h"

namespace python {
namespace {

constexpr const char* kCapsule = "mod_ssl";

struct Source {
  Request* request;            // nullptr once it has ended
  const gatehouse_call* call;  // for visits to the request
};

void on_capsule_gone(PyObject* capsule) noexcept {
  delete static_cast<Source*>(PyCapsule_GetPointer(capsule, kCapsule));
}

Source& source_of(PyObject* capsule) { return *static_cast<Source*>(PyCapsule_GetPointer(capsule, kCapsule)); }

PyObject* refuse() {
  PyErr_SetString(PyExc_RuntimeError, "mod_ssl was asked after its request had ended");
  return nullptr;
}

PyObject* on_is_https(PyObject* capsule, PyObject*) noexcept {
  const Visit visit(capsule, source_of(capsule).request);
  if (visit.request() == nullptr) return refuse();
  return PyLong_FromLong((visit.request()->abi().flags & GATEHOUSE_HTTPS) != 0 ? 1 : 0);
}

PyObject* on_var_lookup(PyObject* capsule, PyObject* name) noexcept {
  Attached attached = Attached::in_slot();
  if (!PyUnicode_Check(name)) {
    PyErr_Format(PyExc_TypeError, "var_lookup() argument must be str, not %.100s", Py_TYPE(name)->tp_name);
    return nullptr;
  }
  Py_ssize_t size = 0;
  const char* data = PyUnicode_AsUTF8AndSize(name, &size);
  if (data == nullptr) return nullptr;
  const Visit visit(capsule, source_of(capsule).request);
  if (visit.request() == nullptr) return refuse();
  const Turn turn(attached, *visit.request());
  if (turn.too_late()) return refuse();
  const gatehouse_text value =
      source_of(capsule).call->ssl_variable(visit.request()->context(), {data, static_cast<std::size_t>(size)});
  if (value.data == nullptr) Py_RETURN_NONE;
  return PyUnicode_DecodeLatin1(value.data, static_cast<Py_ssize_t>(value.size), nullptr);
}

PyMethodDef is_https_method = {"is_https", on_is_https, METH_NOARGS, "1 when the client's connection is TLS, else 0."};
PyMethodDef var_lookup_method = {"var_lookup", on_var_lookup, METH_O, "A variable of mod_ssl, or None."};

}  // namespace

bool SslFunctions::add_to(Attached&, Borrowed environ) {
  auto source = std::make_unique<Source>(Source{&request_, &call_});
  capsule_ = Ref::steal(PyCapsule_New(source.get(), kCapsule, on_capsule_gone));
  if (!capsule_) return false;
  static_cast<void>(source.release());
  Ref is_https = Ref::steal(PyCFunction_New(&is_https_method, capsule_.get()));
  Ref var_lookup = Ref::steal(PyCFunction_New(&var_lookup_method, capsule_.get()));
  return is_https && var_lookup && PyDict_SetItemString(environ.get(), "mod_ssl.is_https", is_https.get()) == 0 &&
         PyDict_SetItemString(environ.get(), "mod_ssl.var_lookup", var_lookup.get()) == 0;
}

void SslFunctions::end() {
  if (capsule_) Visit::forget(capsule_.get(), source_of(capsule_.get()).request);
}

}  // namespace python
