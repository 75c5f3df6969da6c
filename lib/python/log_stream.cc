// SPDX-License-Identifier: Apache-2.0
#include "python/log_stream.h"

#include <new>

#include "base/log.h"
#include "python/module_state.h"
#include "python/request.h"

namespace python {
namespace {

// httpd cuts a line of its log at 8192 bytes, prefix and its own escapes included.
constexpr std::size_t kRecordLimit = 8192 - 512;
// mod_wsgi.Log has always logged at this level; LogLevel warn, the default, shows it.
constexpr base::Level kStreamLevel = base::Level::kError;

struct LogObject {
  PyObject_HEAD Stream stream;
  Request* request;      // kErrors: nullptr once the request has ended
  PyObject* text_layer;  // the object whose .buffer this is; nullptr: this one takes str
  std::string partial;   // what was begun and not ended; of kStdout and kStderr outside of requests
};

LogObject* self_of(PyObject* self) { return reinterpret_cast<LogObject*>(self); }

PyObject* text_layer_of(PyObject* object) {
  PyObject* layer = self_of(object)->text_layer;
  return layer != nullptr ? layer : object;
}

// Calls use(request, partial) with where a write goes now. False: it is wsgi.errors of a request that has ended.
template <typename Use>
bool with_target(PyObject* object, Use use) {
  PyObject* const layer = text_layer_of(object);
  LogObject* const self = self_of(layer);
  if (self->stream == Stream::kErrors) {
    const Visit visit(layer, self->request);
    if (visit.request() == nullptr) return false;
    const Alone alone(layer);
    use(visit.request(), self->partial);
    return true;
  }
  if (Request* request = Request::of_this_thread()) {
    use(request, self->stream == Stream::kStdout ? request->stdout_partial : request->stderr_partial);
    return true;
  }
  const Alone alone(layer);
  use(nullptr, self->partial);
  return true;
}

bool write_lines_to(Attached& attached, PyObject* object, std::string_view text) {
  const bool is_open = with_target(object, [&](Request* request, std::string& partial) {
    write_lines(attached, request, kStreamLevel, partial, text);
  });
  if (!is_open) PyErr_SetString(PyExc_RuntimeError, "wsgi.errors.write() after its request has ended");
  return is_open;
}

// The str's UTF-8, which it keeps; nullptr with an exception pending.
const char* utf8_data(Borrowed text, Py_ssize_t* size) {
  const Alone alone(text.get());  // CPython's own takes no care of two threads that are the first to ask
  return PyUnicode_AsUTF8AndSize(text.get(), size);
}

// The start of a character at or before position, where one can be found nearby.
std::size_t character_start(std::string_view text, std::size_t position) {
  for (std::size_t back = 0; back < 4 && back < position; ++back)
    if ((static_cast<unsigned char>(text[position - back]) & 0xc0) != 0x80) return position - back;
  return position;
}

// What becomes of an escaped line in httpd's log: a backslash is doubled, a byte that is not ASCII is written as \xhh.
std::size_t size_in_log(std::string_view escaped) {
  std::size_t size = escaped.size();
  for (const char byte : escaped) size += byte == '\\' ? 1 : (static_cast<unsigned char>(byte) >= 0x80 ? 3 : 0);
  return size;
}

void emit(Attached& attached, Request* request, base::Level level, std::string_view raw, const gatehouse_place* place) {
  const std::string escaped = base::escape_line(raw, raw.size() * 4);
  if (size_in_log(escaped) <= kRecordLimit) return log_line(attached, request, level, escaped, place);
  const std::size_t half = character_start(raw, raw.size() / 2);
  emit(attached, request, level, raw.substr(0, half), place);
  emit(attached, request, level, raw.substr(half), place);
}

bool write_text(Attached& attached, PyObject* self, Borrowed text) {
  Py_ssize_t size = 0;
  if (const char* data = utf8_data(text, &size))
    return write_lines_to(attached, self, {data, static_cast<std::size_t>(size)});
  PyErr_Clear();
  return write_lines_to(attached, self, utf8_of(text));
}

PyObject* write_bytes(Attached& attached, PyObject* self, PyObject* argument) {
  Py_buffer bytes;
  if (PyObject_GetBuffer(argument, &bytes, PyBUF_SIMPLE) < 0) return nullptr;
  const bool is_open =
      write_lines_to(attached, self, {static_cast<const char*>(bytes.buf), static_cast<std::size_t>(bytes.len)});
  const Py_ssize_t size = bytes.len;
  PyBuffer_Release(&bytes);
  return is_open ? PyLong_FromSsize_t(size) : nullptr;
}

PyObject* on_write(PyObject* self, PyObject* argument) noexcept {
  Attached attached = Attached::in_slot();
  if (self_of(self)->text_layer != nullptr) return write_bytes(attached, self, argument);
  if (!PyUnicode_Check(argument)) {
    PyErr_Format(PyExc_TypeError, "write() argument must be str, not %.100s", Py_TYPE(argument)->tp_name);
    return nullptr;
  }
  if (!write_text(attached, self, Borrowed(argument))) return nullptr;
  return PyLong_FromSsize_t(PyUnicode_GetLength(argument));
}

PyObject* on_writelines(PyObject* self, PyObject* lines) noexcept {
  Ref iterator = Ref::steal(PyObject_GetIter(lines));
  if (!iterator) return nullptr;
  while (Ref line = Ref::steal(PyIter_Next(iterator.get())))
    if (!Ref::steal(on_write(self, line.get()))) return nullptr;
  if (PyErr_Occurred() != nullptr) return nullptr;
  Py_RETURN_NONE;
}

PyObject* on_flush(PyObject* self, PyObject*) noexcept {
  Attached attached = Attached::in_slot();
  // After the end of its request there is nothing that could be lost, so nothing to refuse.
  static_cast<void>(with_target(
      self, [&](Request* request, std::string& partial) { flush_lines(attached, request, kStreamLevel, partial); }));
  Py_RETURN_NONE;
}

PyObject* on_fileno(PyObject*, PyObject*) noexcept {
  Ref io = Ref::steal(PyImport_ImportModule("io"));
  Ref type = io ? Ref::steal(PyObject_GetAttrString(io.get(), "UnsupportedOperation")) : Ref();
  if (type) PyErr_SetString(type.get(), "the log has no file descriptor");
  return nullptr;
}

PyObject* return_none(PyObject*, PyObject*) noexcept { Py_RETURN_NONE; }
PyObject* return_true(PyObject*, PyObject*) noexcept { Py_RETURN_TRUE; }
PyObject* return_false(PyObject*, PyObject*) noexcept { Py_RETURN_FALSE; }
// Encoding and line buffering are what the log needs them to be, whatever a script asks for.
PyObject* on_reconfigure(PyObject*, PyObject*, PyObject*) noexcept { Py_RETURN_NONE; }

PyObject* get_name(PyObject* self, void*) noexcept {
  switch (self_of(text_layer_of(self))->stream) {
    case Stream::kErrors:
      return PyUnicode_FromString("<wsgi.errors>");
    case Stream::kStdout:
      return PyUnicode_FromString("<stdout>");
    case Stream::kStderr:
      return PyUnicode_FromString("<stderr>");
  }
  Py_UNREACHABLE();
}

PyObject* get_text(PyObject*, void* value) noexcept { return PyUnicode_FromString(static_cast<const char*>(value)); }
PyObject* get_true(PyObject*, void*) noexcept { Py_RETURN_TRUE; }
PyObject* get_false(PyObject*, void*) noexcept { Py_RETURN_FALSE; }
PyObject* get_none(PyObject*, void*) noexcept { Py_RETURN_NONE; }

LogObject* make(PyTypeObject* type, Stream stream, Request* request, PyObject* text_layer) {
  LogObject* self = PyObject_New(LogObject, type);
  if (self == nullptr) return nullptr;
  self->stream = stream;
  self->request = request;
  self->text_layer = Py_XNewRef(text_layer);
  new (&self->partial) std::string;
  return self;
}

PyObject* get_buffer(PyObject* self, void*) noexcept {
  if (self_of(self)->text_layer != nullptr) {
    PyErr_SetString(PyExc_AttributeError, "buffer");
    return nullptr;
  }
  return reinterpret_cast<PyObject*>(make(Py_TYPE(self), self_of(self)->stream, nullptr, self));
}

void on_dealloc(PyObject* self) noexcept {
  PyTypeObject* type = Py_TYPE(self);
  self_of(self)->partial.~basic_string();
  Py_XDECREF(self_of(self)->text_layer);
  PyObject_Free(self);
  Py_DECREF(type);
}

char encoding_text[] = "utf-8";
char errors_text[] = "backslashreplace";
char mode_text[] = "w";

PyMethodDef methods[] = {{"write", on_write, METH_O, "Logs each line; returns the number of characters."},
                         {"writelines", on_writelines, METH_O, "write() for each item."},
                         {"flush", on_flush, METH_NOARGS, "Logs the line begun, too."},
                         {"close", return_none, METH_NOARGS, "Does nothing: the log stays open."},
                         {"isatty", return_false, METH_NOARGS, nullptr},
                         {"readable", return_false, METH_NOARGS, nullptr},
                         {"seekable", return_false, METH_NOARGS, nullptr},
                         {"writable", return_true, METH_NOARGS, nullptr},
                         {"fileno", on_fileno, METH_NOARGS, nullptr},
                         {"reconfigure", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(on_reconfigure)),
                          METH_VARARGS | METH_KEYWORDS, "Accepted; the log's encoding and buffering are fixed."},
                         {nullptr, nullptr, 0, nullptr}};

PyGetSetDef attributes[] = {{"name", get_name, nullptr, nullptr, nullptr},
                            {"encoding", get_text, nullptr, nullptr, encoding_text},
                            {"errors", get_text, nullptr, nullptr, errors_text},
                            {"mode", get_text, nullptr, nullptr, mode_text},
                            {"closed", get_false, nullptr, nullptr, nullptr},
                            {"line_buffering", get_true, nullptr, nullptr, nullptr},
                            {"newlines", get_none, nullptr, nullptr, nullptr},
                            {"buffer", get_buffer, nullptr, "The same log for bytes.", nullptr},
                            {nullptr, nullptr, nullptr, nullptr, nullptr}};

PyType_Slot slots[] = {{Py_tp_dealloc, reinterpret_cast<void*>(on_dealloc)},
                       {Py_tp_methods, methods},
                       {Py_tp_getset, attributes},
                       {0, nullptr}};

PyType_Spec spec = {"mod_wsgi.Log", sizeof(LogObject), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
                    slots};

Ref make_ref(const ModuleState& objects, Stream stream, Request* request) {
  return Ref::steal(reinterpret_cast<PyObject*>(
      make(reinterpret_cast<PyTypeObject*>(objects.log_type.get()), stream, request, nullptr)));
}

}  // namespace

Ref make_log_type(Borrowed module) { return Ref::steal(PyType_FromModuleAndSpec(module.get(), &spec, nullptr)); }

Ref make_stream(Attached&, const ModuleState& objects, Stream stream) { return make_ref(objects, stream, nullptr); }

Ref make_errors(Attached&, const ModuleState& objects, Request& request) {
  return make_ref(objects, Stream::kErrors, &request);
}

void flush_errors(Attached&, Borrowed errors) { Ref::steal(on_flush(errors.get(), nullptr)); }

void end_errors(Borrowed errors) { Visit::forget(errors.get(), self_of(errors.get())->request); }

void write_lines(Attached& attached, Request* request, base::Level level, std::string& partial, std::string_view text,
                 const gatehouse_place* place) {
  while (!text.empty()) {
    const std::string_view window = text.substr(0, kRecordLimit - std::min(partial.size(), kRecordLimit - 1));
    const std::size_t newline = window.find('\n');
    partial.append(window.substr(0, newline));
    text.remove_prefix(newline == std::string_view::npos ? window.size() : newline + 1);
    if (newline == std::string_view::npos && partial.size() < kRecordLimit) return;

    std::string line = std::exchange(partial, {});
    if (newline == std::string_view::npos) {
      const std::size_t cut = text.starts_with('\n') ? line.size() : character_start(line, line.size() - 1);
      if (text.starts_with('\n')) text.remove_prefix(1);
      if (cut < line.size() && (static_cast<unsigned char>(line[cut]) & 0x80) != 0) {
        partial = line.substr(cut);
        line.resize(cut);
      }
    }
    emit(attached, request, level, line, place);
  }
}

void flush_lines(Attached& attached, Request* request, base::Level level, std::string& partial,
                 const gatehouse_place* place) {
  if (partial.empty()) return;
  emit(attached, request, level, std::exchange(partial, {}), place);
}

void flush_partial_lines(Attached& attached, Request& request) {
  for (std::string* partial : {&request.stdout_partial, &request.stderr_partial})
    flush_lines(attached, &request, kStreamLevel, *partial);
}

std::string utf8_of(Borrowed text) {
  Py_ssize_t size = 0;
  if (const char* data = utf8_data(text, &size)) return {data, static_cast<std::size_t>(size)};
  PyErr_Clear();
  Ref bytes = Ref::steal(PyUnicode_AsEncodedString(text.get(), "utf-8", "backslashreplace"));
  if (bytes) return {PyBytes_AS_STRING(bytes.get()), static_cast<std::size_t>(PyBytes_GET_SIZE(bytes.get()))};
  PyErr_Clear();
  return "(text that cannot be encoded)";
}

}  // namespace python
