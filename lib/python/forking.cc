// SPDX-License-Identifier: Apache-2.0
#include "python/forking.h"

#include "python/exception.h"
#include "python/log_stream.h"

namespace python {
namespace {

// self is the list of subscribers.
PyObject* on_subscribe_fork(PyObject* self, PyObject* callback) noexcept {
  if (PyCallable_Check(callback) == 0)
    return PyErr_Format(PyExc_TypeError, "subscribe_fork() needs a callable, not %.100s", Py_TYPE(callback)->tp_name);
  if (PyList_Append(self, callback) < 0) return nullptr;
  return Py_NewRef(callback);  // so that it serves as a decorator
}

PyMethodDef subscribe_fork_method = {
    "subscribe_fork", on_subscribe_fork, METH_O,
    "subscribe_fork(callback) -> callback\n\nCalls callback() in each worker process that is forked after the "
    "application was loaded, before it serves."};

void add_names(Attached& attached, std::string* names, int* count) {
  const Ref threading = Ref::steal(item_of(PyImport_GetModuleDict(), "threading"));
  if (!threading) return;
  Ref main_thread = Ref::steal(PyObject_CallMethod(threading.get(), "main_thread", nullptr));
  Ref threads = main_thread ? Ref::steal(PyObject_CallMethod(threading.get(), "enumerate", nullptr)) : Ref();
  Ref sequence = threads ? Ref::steal(PySequence_Fast(threads.get(), "")) : Ref();
  const Py_ssize_t size = sequence ? PySequence_Fast_GET_SIZE(sequence.get()) : 0;
  for (Py_ssize_t i = 0; i < size; ++i) {
    const Borrowed thread(PySequence_Fast_GET_ITEM(sequence.get(), i));
    if (thread.get() == main_thread.get()) continue;
    Ref name = Ref::steal(PyObject_GetAttrString(thread.get(), "name"));
    Ref text = name ? Ref::steal(PyObject_Str(name.get())) : Ref();
    if (!text) continue;
    names->append(names->empty() ? "" : ", ").append(utf8_of(text));
    ++*count;
  }
  if (PyErr_Occurred() != nullptr) log_exception(attached, nullptr, base::Message::kForkCallback, "threading");
}

}  // namespace

bool add_subscribe_fork(Attached&, Borrowed mod_wsgi, Borrowed subscribers) {
  Ref function = Ref::steal(PyCFunction_New(&subscribe_fork_method, subscribers.get()));
  return function && PyModule_AddObjectRef(mod_wsgi.get(), "subscribe_fork", function.get()) == 0;
}

void run_fork_subscribers(Attached& attached, Borrowed subscribers) {
  // By index: a subscriber may subscribe another.
  for (Py_ssize_t i = 0; i < PyList_GET_SIZE(subscribers.get()); ++i) {
    Ref callback = Ref::borrow(PyList_GET_ITEM(subscribers.get(), i));
    if (Ref::steal(PyObject_CallNoArgs(callback.get()))) continue;
    log_exception(attached, nullptr, base::Message::kForkCallback, "a subscriber of mod_wsgi.subscribe_fork()");
  }
}

int name_threads(Interpreters& interpreters, std::string* names) {
  int count = 0;
  interpreters.for_each([&](Interpreter& interpreter) {
    Attach attach(interpreter);
    add_names(attach.attached(), names, &count);
  });
  return count;
}

}  // namespace python
