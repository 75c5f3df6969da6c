// SPDX-License-Identifier: Apache-2.0
#include "python/restriction.h"

#include <string>

#include "base/log.h"
#include "python/log_stream.h"
#include "python/request.h"
#include "python/runtime.h"

namespace python {
namespace {

using base::Message;

struct RestrictedObject {
  PyObject_HEAD const char* name;
};

PyObject* on_attribute(PyObject* self, PyObject*) noexcept {
  PyErr_Format(PyExc_OSError, "%s access restricted by mod_wsgi",
               reinterpret_cast<const RestrictedObject*>(self)->name);
  return nullptr;
}

int on_set_attribute(PyObject* self, PyObject* name, PyObject*) noexcept {
  on_attribute(self, name);
  return -1;
}

void on_dealloc(PyObject* self) noexcept {
  PyTypeObject* type = Py_TYPE(self);
  PyObject_Free(self);
  Py_DECREF(type);
}

PyType_Slot slots[] = {{Py_tp_dealloc, reinterpret_cast<void*>(on_dealloc)},
                       {Py_tp_getattro, reinterpret_cast<void*>(on_attribute)},
                       {Py_tp_setattro, reinterpret_cast<void*>(on_set_attribute)},
                       {0, nullptr}};

PyType_Spec spec = {"mod_wsgi.Restricted", sizeof(RestrictedObject), 0,
                    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots};

bool restrict_stream(Borrowed type, const char* attribute, const char* name) {
  RestrictedObject* object = PyObject_New(RestrictedObject, reinterpret_cast<PyTypeObject*>(type.get()));
  if (object == nullptr) return false;
  object->name = name;
  Ref stream = Ref::steal(reinterpret_cast<PyObject*>(object));
  return PySys_SetObject(attribute, stream.get()) == 0;
}

// Where the call came from, one record a line.
void log_stack(Attached& attached, Request* request) {
  Ref traceback = Ref::steal(PyImport_ImportModule("traceback"));
  Ref lines = traceback ? Ref::steal(PyObject_CallMethod(traceback.get(), "format_stack", nullptr)) : Ref();
  Ref empty = Ref::steal(PyUnicode_New(0, 0));
  Ref text = lines && empty ? Ref::steal(PyUnicode_Join(empty.get(), lines.get())) : Ref();
  if (!text) return PyErr_Clear();
  std::string partial;
  write_lines(attached, request, base::entry_of(Message::kSignalRestricted).level, partial, utf8_of(text));
  flush_lines(attached, request, base::entry_of(Message::kSignalRestricted).level, partial);
}

// In place of _signal.signal, which signal.signal calls; self is the original. What is not done is told, not raised:
// programs that set handlers at their start, as most of them do, must run here.
PyObject* on_signal(PyObject* original, PyObject* const* arguments, Py_ssize_t count) noexcept {
  if (count != 2 || Runtime::get().is_application_child())
    return PyObject_Vectorcall(original, arguments, static_cast<std::size_t>(count), nullptr);
  Attached attached = Attached::in_slot();
  Request* request = Request::of_this_thread();
  Ref number = Ref::steal(PyObject_Str(arguments[0]));
  if (!number) return nullptr;
  log_message(attached, request, Message::kSignalRestricted,
              "signal.signal() for signal " + utf8_of(number) +
                  " was left undone: signals of this process are the server's; WSGIRestrictSignal Off permits it");
  log_stack(attached, request);
  return Py_NewRef(arguments[1]);
}

PyMethodDef signal_method = {"signal", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(on_signal)),
                             METH_FASTCALL,
                             "Logs the call and returns the handler given: signals of this process are the server's."};

bool restrict_signal() {
  Ref module = Ref::steal(PyImport_ImportModule("_signal"));
  Ref original = module ? Ref::steal(PyObject_GetAttrString(module.get(), "signal")) : Ref();
  Ref replacement = original ? Ref::steal(PyCFunction_New(&signal_method, original.get())) : Ref();
  return replacement && PyObject_SetAttrString(module.get(), "signal", replacement.get()) == 0;
}

}  // namespace

Ref make_restricted_type(Borrowed module) { return Ref::steal(PyType_FromModuleAndSpec(module.get(), &spec, nullptr)); }

bool restrict_interpreter(Attached&, Borrowed restricted_type, const wsgi::InterpreterSettings& settings) {
  return (!settings.restrict_stdin || restrict_stream(restricted_type, "stdin", "sys.stdin")) &&
         (!settings.restrict_stdout || restrict_stream(restricted_type, "stdout", "sys.stdout")) &&
         (!settings.restrict_signal || restrict_signal());
}

bool is_restricted(Borrowed object) { return Py_TYPE(object.get())->tp_getattro == on_attribute; }

}  // namespace python
