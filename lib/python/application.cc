// SPDX-License-Identifier: Apache-2.0
#include "python/application.h"

#include <string>
#include <vector>

#include "base/posix.h"
#include "python/environ_dict.h"
#include "python/diagnosis.h"
#include "python/exception.h"
#include "python/file_wrapper.h"
#include "python/input.h"
#include "python/interpreter.h"
#include "python/interruption.h"
#include "python/log_stream.h"
#include "python/metrics.h"
#include "python/request.h"
#include "python/request_events.h"
#include "python/response.h"
#include "python/response_callable.h"
#include "python/script.h"

namespace python {
namespace {

using base::Message;

bool has_early_hints(const Request& request) {
  return reaches(request.calls(), request.calls().send_interim) && request.calls().send_interim != nullptr;
}
bool has_client_gone(const Request& request) {
  return reaches(request.calls(), request.calls().client_gone) && request.calls().client_gone != nullptr;
}

// The objects that stand for the request in Python. They may outlive it: at its end they are told.
struct Handles {
  Ref input;
  Ref errors;
  Ref start_response;
  Ref early_hints;          // empty: the host has none
  Ref client_disconnected;  // the same

  bool complete(const Request& request) const {
    return input && errors && start_response && static_cast<bool>(early_hints) == has_early_hints(request) &&
           static_cast<bool>(client_disconnected) == has_client_gone(request);
  }
  void end(Attached& attached, ClientCalls& client_calls) {
    if (input) end_input(input);
    if (errors) end_errors(errors);
    if (start_response) end_start_response(start_response);
    client_calls.give_back(attached, std::move(early_hints));
    client_calls.give_back(attached, std::move(client_disconnected));
  }
};

Handles make_handles(Attached& attached, Request& request, RequestBody& body, Response& response) {
  ModuleState& objects = request.interpreter().objects;
  Handles handles;
  handles.input = make_input(attached, objects, request, body);
  handles.errors = make_errors(attached, objects, request);
  handles.start_response = make_start_response(attached, objects, response);
  if (has_early_hints(request))
    handles.early_hints = objects.client_calls.take(attached, ClientCalls::Kind::kEarlyHints, response);
  if (has_client_gone(request))
    handles.client_disconnected = objects.client_calls.take(attached, ClientCalls::Kind::kClientDisconnected, response);
  return handles;
}

// The environ with all handles in it. An empty Ref with an exception pending on failure.
Ref environ_with(Attached& attached, Request& request, const Handles& handles) {
  if (!handles.complete(request)) return {};
  Ref environ = make_environ(attached, request, handles.input, handles.errors);
  if (!environ) return {};
  if (handles.early_hints && !add_to_environ(attached, request, environ, "wsgi.early_hints", handles.early_hints))
    return {};
  if (handles.client_disconnected &&
      !add_to_environ(attached, request, environ, "gatehouse.client_disconnected", handles.client_disconnected))
    return {};
  return environ;
}

// Gives the request its request_data and enters it into mod_wsgi.active_requests. False: an exception is pending.
bool enter_request(Request& request, Borrowed environ) {
  const ModuleState& objects = request.interpreter().objects;
  request.data = Ref::steal(PyDict_New());
  request.id = Ref::steal(item_of(environ.get(), objects.request_id_name.get()));
  if (!request.data) return false;
  return !request.id || PyDict_SetItem(objects.active_requests.get(), request.id.get(), request.data.get()) == 0;
}

// The opposite; another request may have got the same id.
void leave_request(Request& request) {
  Borrowed active(request.interpreter().objects.active_requests);
  if (!request.id || Ref::steal(item_of(active.get(), request.id.get())).get() != request.data.get()) return;
  if (PyDict_DelItem(active.get(), request.id.get()) < 0) PyErr_Clear();
}

std::string where(const Request& request) {
  return "script " + std::string(view(request.abi().target->script)) + " (interpreter '" +
         std::string(view(request.abi().target->interpreter)) + "')";
}

bool refuse_block(Borrowed block) {
  PyErr_Format(PyExc_TypeError, "the application's result must give bytes, not %.100s", Py_TYPE(block.get())->tp_name);
  return false;
}

gatehouse_text bytes_of(Borrowed block) {
  return {PyBytes_AS_STRING(block.get()), static_cast<std::size_t>(PyBytes_GET_SIZE(block.get()))};
}

// A list or tuple: everything is there.
bool send_sequence(Attached& attached, Response& response, Borrowed result) {
  // A tuple of our own: a list can change while the host sends.
  Ref blocks = Ref::steal(PySequence_Tuple(result.get()));
  if (!blocks) return false;
  const Py_ssize_t count = PyTuple_GET_SIZE(blocks.get());
  for (Py_ssize_t i = 0; i < count; ++i)
    if (!PyBytes_Check(PyTuple_GET_ITEM(blocks.get(), i)))
      return refuse_block(Borrowed(PyTuple_GET_ITEM(blocks.get(), i)));
  if (count == 1) {
    const gatehouse_text block = bytes_of(Borrowed(PyTuple_GET_ITEM(blocks.get(), 0)));
    return response.send_all(attached, {&block, 1});
  }
  std::vector<gatehouse_text> pieces;
  pieces.reserve(static_cast<std::size_t>(count));
  for (Py_ssize_t i = 0; i < count; ++i) pieces.push_back(bytes_of(Borrowed(PyTuple_GET_ITEM(blocks.get(), i))));
  return response.send_all(attached, pieces);
}

// Anything else: each block is on its way before the next one is asked for.
bool send_iterable(Attached& attached, Response& response, Borrowed result) {
  Ref iterator = Ref::steal(PyObject_GetIter(result.get()));
  if (!iterator) return false;
  while (Ref block = Ref::steal(PyIter_Next(iterator.get()))) {
    if (!PyBytes_Check(block.get())) return refuse_block(block);
    const gatehouse_text piece = bytes_of(block);
    if (piece.size > 0 && !response.write(attached, view(piece))) return false;
  }
  return PyErr_Occurred() == nullptr && response.finish(attached);
}

// False when an exception is pending or the client is gone.
bool send_result(Attached& attached, Request& request, Response& response, Borrowed result) {
  if (PyList_CheckExact(result.get()) || PyTuple_CheckExact(result.get()))
    return send_sequence(attached, response, result);
  if (!response.committed() && request.calls().send_file != nullptr) {
    if (const auto file = file_behind(attached, request.interpreter().objects, result))
      return response.send_file(attached, file->fd, file->offset, file->length);
  }
  return send_iterable(attached, response, result);
}

// result.close(), once, whatever has happened.
void close_result(Attached& attached, Request& request, Borrowed result) {
  if (PyList_CheckExact(result.get()) || PyTuple_CheckExact(result.get())) return;
  Ref close = Ref::steal(PyObject_GetAttr(result.get(), request.interpreter().objects.close_name.get()));
  if (!close && PyErr_ExceptionMatches(PyExc_AttributeError) != 0) return PyErr_Clear();
  if (close && Ref::steal(PyObject_CallNoArgs(close.get()))) return;
  log_exception(attached, &request, Message::kCloseFailed, "close() of the result of " + where(request));
}

// Whether the exception is origin, or was raised from it or while it was handled.
bool comes_from(Borrowed exception, Borrowed origin) {
  if (!origin) return false;
  Ref next = Ref::borrow(exception.get());
  for (int depth = 0; next && depth < 32; ++depth) {
    if (next.get() == origin.get()) return true;
    Ref cause = Ref::steal(PyException_GetCause(next.get()));
    next = cause ? std::move(cause) : Ref::steal(PyException_GetContext(next.get()));
  }
  return false;
}

// Logs an application's exception and tells the status that answers it; what follows from a client that is gone is no
// news, and an application that cannot read the rest of its input is not at fault.
std::uint32_t log_failure(Attached& attached, Request& request, const RequestBody& body, const Response& response) {
  Ref exception = Ref::steal(take_raised());
  if (!exception || response.gone()) return 500;
  if (const Ref failure = body.failure(attached); comes_from(exception, failure)) {
    log_message(attached, &request, Message::kInputFailed, where(request) + " gave up: " + describe(attached, failure));
    return 500;
  }
  const bool exits = PyErr_GivenExceptionMatches(exception.get(), PyExc_SystemExit) != 0;
  std::string what = where(request);
  if (const std::string diagnosis = diagnose_import(attached, exception, request.interpreter().lock());
      !diagnosis.empty())
    what += " " + diagnosis;
  log_taken(attached, &request, exits ? Message::kApplicationExit : Message::kApplicationFailed, what, exception);
  publish_request_exception(attached, request, exception);
  Borrowed timeout(request.interpreter().objects.request_timeout_type);
  return PyErr_GivenExceptionMatches(exception.get(), timeout.get()) != 0 ? 504 : 500;
}

// Compares what was sent with what was promised. True: the response is whole.
bool check_length(Attached& attached, Request& request, const Response& response) {
  const wsgi::ResponseState& state = response.state();
  const std::string lengths = where(request) + " promised a body of " + std::to_string(state.content_length()) +
                              " bytes and gave " + std::to_string(state.produced());
  if (state.is_long()) log_message(attached, &request, Message::kBodyLong, lengths + "; the rest was cut");
  if (!state.is_short()) return true;
  log_message(attached, &request, Message::kBodyShort, lengths + "; the connection is aborted");
  return false;
}

// The application, and subscribers, are about to be entered. False: the request is being served elsewhere.
bool tell_entered(const Request& request) {
  return request.calls().entered == nullptr || request.calls().entered(request.context()) == GATEHOUSE_OK;
}

Outcome call_application(Attached& attached, Request& request, const RequestBody& body, Response& response,
                         Borrowed configured, Borrowed environ, Borrowed start_response) {
  RequestMeter* meter = request.meter();
  if (meter != nullptr) getrusage(RUSAGE_THREAD, &meter->cpu_start);
  bool sent = false;
  std::uint32_t failure = 500;
  {
    const Interruptible interruptible(attached, request.interpreter(), request.abi().number);
    const Ref application = publish_request_started(attached, request, configured, environ);
    PyObject* arguments[] = {environ.get(), start_response.get()};
    Ref result = Ref::steal(PyObject_Vectorcall(application.get(), arguments, 2, nullptr));
    sent = result && send_result(attached, request, response, result);
    if (!sent) failure = log_failure(attached, request, body, response);
    if (result) close_result(attached, request, result);
  }
  if (meter != nullptr) {
    meter->application_finish_us = base::wall_clock_us();
    getrusage(RUSAGE_THREAD, &meter->cpu_finish);
  }

  // Other threads of the application may still be writing.
  const Turn turn(attached, request);
  if (response.gone()) return {GATEHOUSE_ABORTED, response.state().status()};
  if (!response.committed()) return {GATEHOUSE_FAILED, failure};
  const wsgi::ResponseState& state = response.state();
  const bool odd_length = state.is_short() || state.is_long();
  if (!sent || (odd_length && !check_length(attached, request, response))) return {GATEHOUSE_TRUNCATED, state.status()};
  return {GATEHOUSE_COMPLETE, state.status()};
}

Outcome answer(Attached& attached, Request& request, Borrowed application) {
  Interpreter& interpreter = request.interpreter();
  RequestBody body(request);
  Response response(request);
  // Loading the script may have been what began to record or to subscribe.
  const bool recorded = is_recording();
  if (request.meter() == nullptr && (recorded || interpreter.objects.events.has_subscribers()))
    request.measure(base::now().count(), {});
  Handles handles = make_handles(attached, request, body, response);
  Ref environ = environ_with(attached, request, handles);
  Outcome outcome = {GATEHOUSE_FAILED, 500};
  if (!environ || !enter_request(request, environ)) {
    log_failure(attached, request, body, response);
  } else if (!tell_entered(request)) {
    outcome = {GATEHOUSE_ABORTED, 0};
  } else {
    if (recorded) record_begin(request, *request.meter());
    outcome = call_application(attached, request, body, response, application, environ, handles.start_response);
    if (recorded) record_end(request, *request.meter(), outcome.status);
    publish_request_finished(attached, request, outcome.status);
  }
  leave_request(request);
  environ.reset();
  if (handles.errors) flush_errors(attached, handles.errors);
  flush_partial_lines(attached, request);
  request.end(attached);
  handles.end(attached, interpreter.objects.client_calls);
  return outcome;
}

}  // namespace

Outcome run_request(Attached& attached, Request& request) {
  Interpreter& interpreter = request.interpreter();
  const gatehouse_target& target = *request.abi().target;
  LookupResult found = interpreter.scripts.find(attached, interpreter, target, &request);
  flush_partial_lines(attached, request);
  if (found.lookup == Lookup::kStale) return {GATEHOUSE_DECLINED, 0};
  if (found.lookup == Lookup::kFailed) return {GATEHOUSE_FAILED, found.status};
  std::string problem;
  Ref application = find_callable(attached, interpreter, found.globals, target, &request, &problem);
  if (!application) return {GATEHOUSE_FAILED, 500};
  return answer(attached, request, application);
}

}  // namespace python
