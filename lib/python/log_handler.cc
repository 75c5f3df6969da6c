// SPDX-License-Identifier: Apache-2.0
#include "python/log_handler.h"

#include <climits>
#include <string>

#include "base/messages.h"
#include "python/log_stream.h"
#include "python/request.h"

namespace python {
namespace {

using base::Level;

Level level_of(long number) {
  if (number >= 50) return Level::kCritical;
  if (number >= 40) return Level::kError;
  if (number >= 30) return Level::kWarning;
  if (number >= 20) return Level::kInfo;
  return Level::kDebug;
}

// is_logged(levelno): what LogLevel drops is not even formatted.
PyObject* on_is_logged(PyObject*, PyObject* number) noexcept {
  const long value = PyLong_AsLong(number);
  if (value == -1 && PyErr_Occurred() != nullptr) return nullptr;
  return PyBool_FromLong(is_logged(Request::of_this_thread(), level_of(value)));
}

std::uint32_t line_of(PyObject* number) {
  const long line = PyLong_Check(number) ? PyLong_AsLong(number) : 0;
  PyErr_Clear();
  return line > 0 && line <= INT_MAX ? static_cast<std::uint32_t>(line) : 0;
}

// write(levelno, text, pathname, lineno). The last two may be anything: a record is what the application makes of it.
PyObject* on_write(PyObject*, PyObject* arguments) noexcept {
  Attached attached = Attached::in_slot();
  long number;
  PyObject *text, *pathname, *lineno;
  if (PyArg_ParseTuple(arguments, "lUOO:write", &number, &text, &pathname, &lineno) == 0) return nullptr;
  const std::string file = PyUnicode_Check(pathname) ? utf8_of(Borrowed(pathname)) : std::string();
  const gatehouse_place told = {python::text(file), line_of(lineno)};
  const gatehouse_place* const place = file.empty() ? nullptr : &told;
  Request* request = Request::of_this_thread();
  std::string partial;
  write_lines(attached, request, level_of(number), partial, utf8_of(Borrowed(text)), place);
  flush_lines(attached, request, level_of(number), partial, place);
  Py_RETURN_NONE;
}

PyMethodDef is_logged_method = {"is_logged", on_is_logged, METH_O, nullptr};
PyMethodDef write_method = {"write", on_write, METH_VARARGS, nullptr};

constexpr const char* kClass = R"(
import logging
class LogHandler(logging.Handler):
    """Writes to httpd's error log: a line for each of a record's lines, at the level that corresponds to its own."""
    __module__ = 'mod_wsgi'
    def emit(self, record):
        if is_logged(record.levelno):
            try:
                write(record.levelno, self.format(record), record.pathname, record.lineno)
            except Exception:
                self.handleError(record)
)";

}  // namespace

Ref make_log_handler(Attached&) {
  Ref names = Ref::steal(PyDict_New());
  Ref filter = Ref::steal(PyCFunction_New(&is_logged_method, nullptr));
  Ref write = Ref::steal(PyCFunction_New(&write_method, nullptr));
  const bool made =
      names && filter && write && PyDict_SetItemString(names.get(), "is_logged", filter.get()) == 0 &&
      PyDict_SetItemString(names.get(), "write", write.get()) == 0 &&
      PyDict_SetItemString(names.get(), "__name__", Ref::steal(PyUnicode_FromString("mod_wsgi")).get()) == 0 &&
      PyDict_SetItemString(names.get(), "__builtins__", PyEval_GetBuiltins()) == 0 &&
      Ref::steal(PyRun_String(kClass, Py_file_input, names.get(), names.get()));
  return made ? Ref::borrow(PyDict_GetItemString(names.get(), "LogHandler")) : Ref();
}

}  // namespace python
