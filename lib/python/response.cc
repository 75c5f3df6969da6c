// SPDX-License-Identifier: Apache-2.0
#include "python/response.h"

#include <charconv>

#include "python/request.h"

namespace python {
namespace {

using Phase = wsgi::ResponseState::Phase;
using Verdict = wsgi::ResponseState::StartVerdict;

constexpr std::string_view kContentLength = "Content-Length";

bool raise(PyObject* type, const std::string& message) {
  Ref text =
      Ref::steal(PyUnicode_DecodeUTF8(message.data(), static_cast<Py_ssize_t>(message.size()), "backslashreplace"));
  if (text) PyErr_SetObject(type, text.get());
  return false;
}

// The memory of a str that is latin-1 as it is; false with TypeError or UnicodeEncodeError pending.
bool latin1_of(Borrowed text, const char* what, std::string_view* out) {
  if (!PyUnicode_Check(text.get())) {
    PyErr_Format(PyExc_TypeError, "%s must be str, not %.100s", what, Py_TYPE(text.get())->tp_name);
    return false;
  }
  Py_ssize_t size = 0;
  const char* data = latin1_data(text.get(), &size);
  if (data == nullptr) {
    Ref encoded = Ref::steal(PyUnicode_AsLatin1String(text.get()));  // raises UnicodeEncodeError, which shows the place
    return encoded ? raise(PyExc_ValueError, std::string(what) + " is not latin-1") : false;
  }
  *out = {data, static_cast<std::size_t>(size)};
  return true;
}

bool check_exc_info(Borrowed exc_info) {
  if (!exc_info || exc_info.is_none()) return true;
  if (PyTuple_Check(exc_info.get()) && PyTuple_GET_SIZE(exc_info.get()) == 3) return true;
  PyErr_Format(PyExc_TypeError, "exc_info must be None or the tuple of sys.exc_info(), not %.100s",
               Py_TYPE(exc_info.get())->tp_name);
  return false;
}

void raise_exc_info(Borrowed exc_info) {
  PyObject* tuple = exc_info.get();
  PyObject* traceback = PyTuple_GET_ITEM(tuple, 2);
  PyErr_Restore(Py_NewRef(PyTuple_GET_ITEM(tuple, 0)), Py_NewRef(PyTuple_GET_ITEM(tuple, 1)),
                traceback == Py_None ? nullptr : Py_NewRef(traceback));
}

// item as (name, value); false with an exception pending.
bool split_header(Borrowed item, Py_ssize_t index, std::string_view* name, std::string_view* value) {
  if (!PyTuple_Check(item.get())) {
    PyErr_Format(PyExc_TypeError, "header %zd must be a tuple (name, value), not %.100s", index + 1,
                 Py_TYPE(item.get())->tp_name);
    return false;
  }
  if (PyTuple_GET_SIZE(item.get()) != 2) {
    PyErr_Format(PyExc_ValueError, "header %zd must be a tuple (name, value), not one of %zd", index + 1,
                 PyTuple_GET_SIZE(item.get()));
    return false;
  }
  return latin1_of(Borrowed(PyTuple_GET_ITEM(item.get(), 0)), "a header's name", name) &&
         latin1_of(Borrowed(PyTuple_GET_ITEM(item.get(), 1)), "a header's value", value);
}

// Checks all headers; *length is the application's Content-Length or -1.
bool check_headers(Borrowed tuple, std::int64_t* length) {
  *length = -1;
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(tuple.get()); ++i) {
    std::string_view name, value;
    if (!split_header(Borrowed(PyTuple_GET_ITEM(tuple.get(), i)), i, &name, &value)) return false;
    if (wsgi::Refusal refusal = wsgi::check_header(static_cast<std::size_t>(i), name, value))
      return raise(PyExc_ValueError, refusal.message);
    if (name.size() != kContentLength.size() || !wsgi::equal_ignoring_case(name, kContentLength)) continue;
    if (*length >= 0) return raise(PyExc_ValueError, "Content-Length is given twice");
    if (wsgi::Refusal refusal = wsgi::parse_content_length(value, length))
      return raise(PyExc_ValueError, refusal.message);
  }
  return true;
}

}  // namespace

void HeaderList::reset(std::size_t count) {
  size_ = 0;
  if (count + 1 > kInline) {
    more_.resize(count + 1);
    data_ = more_.data();
  } else {
    data_ = inline_;
  }
}

void HeaderList::add(std::string_view name, std::string_view value) { data_[size_++] = {text(name), text(value)}; }

bool Response::start(Attached& attached, Borrowed status, Borrowed headers, Borrowed exc_info) {
  if (!check_exc_info(exc_info)) return false;
  const Turn turn(attached, request_);
  if (turn.too_late()) return raise(PyExc_RuntimeError, "start_response() after its request has ended");
  switch (state_.on_start_response(exc_info && !exc_info.is_none())) {
    case Verdict::kAccept:
      break;
    case Verdict::kMissingExcInfo:
      return raise(PyExc_AssertionError, "start_response() is called a second time without exc_info (PEP 3333)");
    case Verdict::kReraise:
      return raise_exc_info(exc_info), false;
    case Verdict::kEnded:
      return raise(PyExc_RuntimeError, "start_response() after its request has ended");
  }

  std::string_view status_view;
  wsgi::StatusLine line;
  if (!latin1_of(status, "the status", &status_view)) return false;
  if (wsgi::Refusal refusal = wsgi::parse_status(status_view, &line)) return raise(PyExc_ValueError, refusal.message);
  if (!PyList_Check(headers.get())) {
    PyErr_Format(PyExc_TypeError, "the headers must be a list, not %.100s", Py_TYPE(headers.get())->tp_name);
    return false;
  }
  // The application may go on changing its list: what is checked and sent is a tuple of its own.
  Ref tuple = Ref::steal(PyList_AsTuple(headers.get()));
  std::int64_t length;
  if (!tuple || !check_headers(tuple, &length)) return false;

  const Py_ssize_t count = PyTuple_GET_SIZE(tuple.get());
  headers_.reset(static_cast<std::size_t>(count));
  for (Py_ssize_t i = 0; i < count; ++i) {
    std::string_view name, value;
    if (!split_header(Borrowed(PyTuple_GET_ITEM(tuple.get(), i)), i, &name, &value)) return false;
    headers_.add(name, value);
  }
  status_ = line;
  status_text_ = Ref::borrow(status.get());
  header_tuple_ = std::move(tuple);
  state_.started(line.code, length, (request_.abi().flags & GATEHOUSE_HEAD_REQUEST) != 0);
  return true;
}

bool Response::may_send() {
  if (gone_) return false;
  if (state_.phase() == Phase::kFresh)
    return raise(PyExc_RuntimeError, "start_response() must be called before the first block of the body");
  if (state_.phase() == Phase::kEnded) return raise(PyExc_RuntimeError, "write() after its request has ended");
  return true;
}

void Response::count_block(std::size_t size) {
  RequestMeter* meter = request_.meter();
  if (meter == nullptr) return;
  ++meter->output_writes;
  meter->output_bytes += size;
}

// With the turn and after may_send().
bool Response::commit() {
  if (!state_.must_commit()) return true;
  const std::span<const gatehouse_pair> pairs = headers_.pairs();
  const gatehouse_response_head head = {sizeof head,  status_.code, text(status_.reason),
                                        pairs.data(), pairs.size(), state_.content_length()};
  gone_ = request_.calls().send_head(request_.context(), &head) == GATEHOUSE_GONE;
  state_.committed();
  return !gone_;
}

void Response::set_content_length(std::int64_t length) {
  if (!state_.must_commit() || state_.content_length() >= 0) return;
  state_.set_content_length(length);
  if (state_.content_length() < 0) return;
  const auto end = std::to_chars(length_digits_, length_digits_ + sizeof length_digits_, length).ptr;
  headers_.add(kContentLength, {length_digits_, static_cast<std::size_t>(end - length_digits_)});
}

bool Response::pass(Attached& attached, std::span<const gatehouse_text> pieces, gatehouse_send how) {
  gatehouse_io io = request_.calls().send_body(request_.context(), pieces.data(), pieces.size(), how);
  RequestMeter* meter = request_.meter();
  if (io == GATEHOUSE_AGAIN) {
    Detach detach(attached, request_.gil_wait());
    Stopwatch stopwatch(meter != nullptr ? &meter->output_us : nullptr);
    io = request_.calls().send_body(request_.context(), pieces.data(), pieces.size(), GATEHOUSE_FLUSH);
  }
  gone_ = io == GATEHOUSE_GONE;
  return !gone_;
}

bool Response::write(Attached& attached, std::string_view block) {
  Turn turn(attached, request_);
  if (turn.too_late()) return raise(PyExc_RuntimeError, "write() after its request has ended");
  if (!may_send() || !commit()) return false;
  count_block(block.size());
  const std::size_t size = state_.accept(block.size());
  if (size == 0) return true;
  const gatehouse_text piece = text(block.substr(0, size));
  return pass(attached, {&piece, 1}, GATEHOUSE_SOON);
}

bool Response::send_all(Attached& attached, std::span<const gatehouse_text> blocks) {
  Turn turn(attached, request_);
  if (!may_send()) return false;
  std::int64_t total = 0;
  for (const gatehouse_text& block : blocks) total += static_cast<std::int64_t>(block.size);
  set_content_length(total);
  if (!commit()) return false;

  constexpr std::size_t kBatch = 64;
  gatehouse_text pieces[kBatch];
  std::size_t count = 0;
  for (const gatehouse_text& block : blocks) {
    if (block.size > 0) count_block(block.size);
    const std::size_t size = state_.accept(block.size);
    if (size == 0) continue;
    pieces[count++] = {block.data, size};
    if (count < kBatch) continue;
    if (!pass(attached, {pieces, count}, GATEHOUSE_BUFFER)) return false;
    count = 0;
  }
  return count == 0 || pass(attached, {pieces, count}, GATEHOUSE_BUFFER);
}

bool Response::send_file(Attached& attached, int fd, std::int64_t offset, std::int64_t length) {
  Turn turn(attached, request_);
  if (!may_send()) return false;
  set_content_length(length);
  if (!commit()) return false;
  count_block(static_cast<std::size_t>(length));
  const auto size = static_cast<std::int64_t>(state_.accept(static_cast<std::size_t>(length)));
  if (size == 0) return true;
  RequestMeter* meter = request_.meter();
  Detach detach(attached, request_.gil_wait());
  Stopwatch stopwatch(meter != nullptr ? &meter->output_us : nullptr);
  gone_ = request_.calls().send_file(request_.context(), fd, offset, size) == GATEHOUSE_GONE;
  return !gone_;
}

bool Response::send_hints(Attached& attached, Borrowed headers) {
  if (!PyList_Check(headers.get())) {
    PyErr_Format(PyExc_TypeError, "early hints must be a list, not %.100s", Py_TYPE(headers.get())->tp_name);
    return false;
  }
  Ref tuple = Ref::steal(PyList_AsTuple(headers.get()));
  std::int64_t length;
  if (!tuple || !check_headers(tuple, &length)) return false;
  // RFC 9110 section 8.6
  if (length >= 0) return raise(PyExc_ValueError, "early hints cannot have a Content-Length");
  HeaderList list;
  const Py_ssize_t count = PyTuple_GET_SIZE(tuple.get());
  list.reset(static_cast<std::size_t>(count));
  for (Py_ssize_t i = 0; i < count; ++i) {
    std::string_view name, value;
    if (!split_header(Borrowed(PyTuple_GET_ITEM(tuple.get(), i)), i, &name, &value)) return false;
    list.add(name, value);
  }
  Turn turn(attached, request_);
  if (turn.too_late()) return raise(PyExc_RuntimeError, "wsgi.early_hints() after its request has ended");
  if (committed()) return raise(PyExc_RuntimeError, "wsgi.early_hints() after the response has begun");
  if (gone_) return false;
  Detach detach(attached, request_.gil_wait());
  gone_ = request_.calls().send_interim(request_.context(), 103, list.pairs().data(), list.pairs().size()) ==
          GATEHOUSE_GONE;
  return !gone_;
}

bool Response::finish(Attached& attached) {
  Turn turn(attached, request_);
  if (gone_) return false;
  if (state_.phase() == Phase::kFresh)
    return raise(PyExc_RuntimeError, "the application ended without calling start_response()");
  return commit();
}

}  // namespace python
