// SPDX-License-Identifier: Apache-2.0
#include "python/input.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include "python/module_state.h"
#include "python/request.h"

namespace python {
namespace {

constexpr std::int64_t kUnknown = std::numeric_limits<std::int64_t>::max();
// A client can announce any length: what is allocated at first is bounded, then grows with what arrives.
constexpr std::int64_t kFirstIfKnown = 1 << 20;
constexpr std::int64_t kFirstIfUnknown = 64 << 10;
constexpr std::size_t kReadAhead = 8192;

struct InputObject {
  PyObject_HEAD Request* request;  // nullptr once the request has ended
  RequestBody* body;               // for visits to the request
};

InputObject* self_of(PyObject* self) { return reinterpret_cast<InputObject*>(self); }

PyObject* refuse(const char* method) {
  PyErr_Format(PyExc_RuntimeError, "wsgi.input.%s() after its request has ended", method);
  return nullptr;
}

// A size argument: absent and None are -1. False with TypeError pending.
bool size_argument(const char* method, PyObject* const* arguments, Py_ssize_t count, Py_ssize_t* size) {
  *size = -1;
  if (count > 1) {
    PyErr_Format(PyExc_TypeError, "%s() takes at most 1 argument (%zd given)", method, count);
    return false;
  }
  if (count == 0 || arguments[0] == Py_None) return true;
  *size = PyNumber_AsSsize_t(arguments[0], nullptr);
  return *size != -1 || PyErr_Occurred() == nullptr;
}

PyObject* on_read(PyObject* self, PyObject* const* arguments, Py_ssize_t count) noexcept {
  Attached attached = Attached::in_slot();
  Py_ssize_t size;
  if (!size_argument("read", arguments, count, &size)) return nullptr;
  const Visit visit(self, self_of(self)->request);
  if (visit.request() == nullptr) return refuse("read");
  Turn turn(attached, *visit.request());
  return turn.too_late() ? refuse("read") : self_of(self)->body->read(attached, size).release();
}

Ref read_line(PyObject* self, const char* method, Py_ssize_t limit) {
  Attached attached = Attached::in_slot();
  const Visit visit(self, self_of(self)->request);
  if (visit.request() == nullptr) return Ref::steal(refuse(method));
  Turn turn(attached, *visit.request());
  return turn.too_late() ? Ref::steal(refuse(method)) : self_of(self)->body->read_line(attached, limit);
}

PyObject* on_readline(PyObject* self, PyObject* const* arguments, Py_ssize_t count) noexcept {
  Py_ssize_t limit;
  if (!size_argument("readline", arguments, count, &limit)) return nullptr;
  return read_line(self, "readline", limit).release();
}

PyObject* on_readlines(PyObject* self, PyObject* const* arguments, Py_ssize_t count) noexcept {
  Py_ssize_t hint;
  if (!size_argument("readlines", arguments, count, &hint)) return nullptr;
  Ref lines = Ref::steal(PyList_New(0));
  Py_ssize_t total = 0;
  while (lines && (hint <= 0 || total < hint)) {
    Ref line = read_line(self, "readlines", -1);
    if (!line) return nullptr;
    if (PyBytes_GET_SIZE(line.get()) == 0) break;
    total += PyBytes_GET_SIZE(line.get());
    if (PyList_Append(lines.get(), line.get()) < 0) return nullptr;
  }
  return lines.release();
}

PyObject* on_iter(PyObject* self) noexcept { return Py_NewRef(self); }

PyObject* on_next(PyObject* self) noexcept {
  Ref line = read_line(self, "__next__", -1);
  return line && PyBytes_GET_SIZE(line.get()) > 0 ? line.release() : nullptr;
}

PyObject* on_close(PyObject*, PyObject*) noexcept { Py_RETURN_NONE; }

void on_dealloc(PyObject* self) noexcept {
  PyTypeObject* type = Py_TYPE(self);
  PyObject_Free(self);
  Py_DECREF(type);
}

using FastCall = PyObject* (*)(PyObject*, PyObject* const*, Py_ssize_t) noexcept;
PyCFunction as_method(FastCall function) {
  return reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(function));
}

PyMethodDef methods[] = {
    {"read", as_method(on_read), METH_FASTCALL, "read([size]): bytes, fewer than size only at the end of the body."},
    {"readline", as_method(on_readline), METH_FASTCALL, "readline([size]): one line, or size bytes of it."},
    {"readlines", as_method(on_readlines), METH_FASTCALL, "readlines([hint]): lines until hint bytes are reached."},
    {"close", on_close, METH_NOARGS, "Does nothing: the server closes its input."},
    {nullptr, nullptr, 0, nullptr}};

PyType_Slot slots[] = {{Py_tp_dealloc, reinterpret_cast<void*>(on_dealloc)},
                       {Py_tp_iter, reinterpret_cast<void*>(on_iter)},
                       {Py_tp_iternext, reinterpret_cast<void*>(on_next)},
                       {Py_tp_methods, methods},
                       {0, nullptr}};

PyType_Spec spec = {"mod_wsgi.Input", sizeof(InputObject), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
                    slots};

// Makes the bytes object, which nobody else has seen yet, size bytes large.
bool resize(Ref* bytes, std::int64_t size) {
  PyObject* object = bytes->release();
  const bool resized = _PyBytes_Resize(&object, static_cast<Py_ssize_t>(size)) == 0;
  *bytes = Ref::steal(object);
  return resized;
}

}  // namespace

Ref RequestBody::failure(Attached& attached) const {
  const Turn turn(attached, request_);
  return failure_.clone();
}

RequestBody::RequestBody(Request& request)
    : request_(request), remaining_(request.abi().content_length < 0 ? kUnknown : request.abi().content_length) {}

// Bytes that arrived, 0 at the end of the body, -1 with OSError pending.
std::int64_t RequestBody::fetch(Attached& attached, char* into, std::size_t size) {
  if (remaining_ == 0) return 0;
  std::int64_t got = -1;
  if (!failed_) {
    RequestMeter* meter = request_.meter();
    Detach detach(attached, request_.gil_wait());
    Stopwatch stopwatch(meter != nullptr ? &meter->input_us : nullptr);
    got = request_.calls().read_body(
        request_.context(), into,
        static_cast<std::size_t>(std::min<std::int64_t>(static_cast<std::int64_t>(size), remaining_)));
  }
  if (got < 0) {
    failed_ = true;
    PyErr_Format(PyExc_OSError, "the request body could not be read: %.500s",
                 request_.calls().read_error(request_.context()));
    failure_ = Ref::steal(take_raised());
    raise_again(failure_.clone().release());
  } else if (got == 0) {
    remaining_ = 0;
  } else if (remaining_ != kUnknown) {
    remaining_ -= got;
  }
  if (RequestMeter* meter = request_.meter(); meter != nullptr && got > 0) {
    ++meter->input_reads;
    meter->input_bytes += static_cast<std::uint64_t>(got);
  }
  return got;
}

Ref RequestBody::read(Attached& attached, Py_ssize_t size) {
  const auto have = static_cast<std::int64_t>(buffered());
  std::int64_t limit = size < 0 ? kUnknown : size;
  if (remaining_ != kUnknown) limit = std::min(limit, have + remaining_);
  const std::int64_t first = remaining_ == kUnknown ? kFirstIfUnknown : kFirstIfKnown;
  std::int64_t capacity = std::min(limit, std::max(have, first));

  Ref bytes = Ref::steal(PyBytes_FromStringAndSize(nullptr, static_cast<Py_ssize_t>(capacity)));
  if (!bytes) return {};
  std::int64_t filled = std::min(have, capacity);
  std::memcpy(PyBytes_AS_STRING(bytes.get()), buffer_.data() + start_, static_cast<std::size_t>(filled));
  start_ += static_cast<std::size_t>(filled);

  while (filled < limit) {
    if (filled == capacity) {
      capacity = capacity > limit / 2 ? limit : capacity * 2;
      if (!resize(&bytes, capacity)) return {};
    }
    char* const data = PyBytes_AS_STRING(bytes.get());
    const std::int64_t got = fetch(attached, data + filled, static_cast<std::size_t>(capacity - filled));
    if (got < 0) return {};
    if (got == 0) break;
    filled += got;
  }
  if (filled < capacity && !resize(&bytes, filled)) return {};
  return bytes;
}

Ref RequestBody::take(std::size_t size) {
  Ref bytes = Ref::steal(PyBytes_FromStringAndSize(buffer_.data() + start_, static_cast<Py_ssize_t>(size)));
  start_ += size;
  return bytes;
}

Ref RequestBody::read_line(Attached& attached, Py_ssize_t limit) {
  const std::size_t most = limit < 0 ? std::numeric_limits<std::size_t>::max() : static_cast<std::size_t>(limit);
  std::size_t searched = 0;
  for (;;) {
    const std::size_t newline = std::string_view(buffer_).substr(start_).find('\n', searched);
    if (newline != std::string_view::npos) return take(std::min(newline + 1, most));
    if (buffered() >= most) return take(most);
    searched = buffered();

    buffer_.erase(0, std::exchange(start_, 0));
    const std::size_t old_size = buffer_.size();
    buffer_.resize(old_size + kReadAhead);
    const std::int64_t got = fetch(attached, buffer_.data() + old_size, kReadAhead);
    buffer_.resize(old_size + static_cast<std::size_t>(std::max<std::int64_t>(got, 0)));
    if (got < 0) return {};
    if (got == 0) return take(buffered());
  }
}

Ref make_input_type(Borrowed module) { return Ref::steal(PyType_FromModuleAndSpec(module.get(), &spec, nullptr)); }

Ref make_input(Attached&, const ModuleState& objects, Request& request, RequestBody& body) {
  InputObject* self = PyObject_New(InputObject, reinterpret_cast<PyTypeObject*>(objects.input_type.get()));
  if (self == nullptr) return {};
  self->request = &request;
  self->body = &body;
  return Ref::steal(reinterpret_cast<PyObject*>(self));
}

void end_input(Borrowed input) { Visit::forget(input.get(), self_of(input.get())->request); }

}  // namespace python
