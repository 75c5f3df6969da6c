// SPDX-License-Identifier: Apache-2.0
#include "python/exception.h"

#include "base/log.h"
#include "python/interpreter.h"
#include "python/log_stream.h"
#include "python/request.h"
#include "python/runtime.h"

namespace python {
namespace {

// The traceback's text as TracebackException makes it; empty when even that fails.
std::string traceback_of(Borrowed format_exception, Borrowed exception) {
  Ref traceback = Ref::steal(PyException_GetTraceback(exception.get()));
  Ref lines = Ref::steal(PyObject_CallFunctionObjArgs(format_exception.get(),
                                                      reinterpret_cast<PyObject*>(Py_TYPE(exception.get())),
                                                      exception.get(), traceback ? traceback.get() : Py_None, nullptr));
  Ref empty = Ref::steal(PyUnicode_New(0, 0));
  Ref joined = lines && empty ? Ref::steal(PyUnicode_Join(empty.get(), lines.get())) : Ref();
  if (!joined) PyErr_Clear();
  return joined ? utf8_of(joined) : std::string();
}

// traceback.format_exception of the interpreter that runs; empty while that is being made.
Ref formatter() {
  const Ref module = Ref::steal(item_of(PyImport_GetModuleDict(), "traceback"));
  return module ? Ref::steal(item_of(PyModule_GetDict(module.get()), "format_exception")) : Ref();
}

}  // namespace

std::string describe(Attached&, Borrowed exception) {
  std::string text = Py_TYPE(exception.get())->tp_name;
  Ref words = Ref::steal(PyObject_Str(exception.get()));
  if (!words) {
    PyErr_Clear();
    return text;
  }
  const std::string value = utf8_of(words);
  if (!value.empty()) text.append(": ").append(value.substr(0, value.find('\n')));
  return text;
}

void log_taken(Attached& attached, Request* request, base::Message message, std::string_view what, Borrowed exception) {
  log_message(attached, request, message, std::string(what) + ": " + describe(attached, exception));
  const Ref format = request != nullptr ? request->interpreter().objects.format_exception.clone() : formatter();
  if (!format) return;
  std::string partial;
  write_lines(attached, request, base::entry_of(message).level, partial, traceback_of(format, exception));
  flush_lines(attached, request, base::entry_of(message).level, partial);
}

void log_exception(Attached& attached, Request* request, base::Message message, std::string_view what) {
  Ref exception = Ref::steal(take_raised());
  if (exception) log_taken(attached, request, message, what, exception);
}

}  // namespace python
