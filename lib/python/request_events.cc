// SPDX-License-Identifier: Apache-2.0
#include "python/request_events.h"

#include "python/dict_builder.h"
#include "python/exception.h"
#include "python/interpreter.h"
#include "python/request.h"

namespace python {
namespace {

const Events& events_of(const Request& request) { return request.interpreter().objects.events; }

// Begins a payload with what all of them have.
DictBuilder payload_of(const Request& request) {
  DictBuilder payload;
  if (request.id) payload.put("request_id", request.id);
  payload.put("request_data", request.data);
  return payload;
}

void put_origin(DictBuilder* payload, const gatehouse_request& abi) {
  payload->put_int("thread_id", abi.thread_id);
  payload->put_int("server_pid", server_pid(abi));
  payload->put_seconds("request_start", abi.request_start_us);
  payload->put_seconds("queue_start", abi.queue_start_us);
  payload->put_seconds("daemon_start", abi.daemon_start_us);
}

}  // namespace

Ref publish_request_started(Attached& attached, Request& request, Borrowed application, Borrowed environ) {
  Ref called = Ref::borrow(application.get());
  const RequestMeter* meter = request.meter();
  if (!events_of(request).has_subscribers() || meter == nullptr) return called;
  const gatehouse_request& abi = request.abi();
  const bool tells_attempts = reaches(abi, abi.daemon_restarts);
  DictBuilder payload = payload_of(request);
  put_origin(&payload, abi);
  payload.put_int("daemon_connects", tells_attempts ? abi.daemon_connects : 0);
  payload.put_int("daemon_restarts", tells_attempts ? abi.daemon_restarts : 0);
  payload.put_seconds("application_start", meter->application_start_us);
  payload.put("application_object", application);
  payload.put_text("callable_object", view(abi.target->callable));
  payload.put("request_environ", environ);
  Ref dict = payload.take();
  events_of(request).publish(attached, &request, "request_started", dict.clone());
  Ref wanted = dict ? Ref::steal(item_of(dict.get(), "application_object")) : Ref();
  return wanted ? std::move(wanted) : std::move(called);
}

void publish_response_started(Attached& attached, Request& request, Borrowed status, Borrowed headers,
                              Borrowed exc_info) {
  if (!events_of(request).has_subscribers()) return;
  DictBuilder payload = payload_of(request);
  payload.put("response_status", status);
  payload.put("response_headers", headers);
  payload.put("exception_info", exc_info ? exc_info : Borrowed(Py_None));
  events_of(request).publish(attached, &request, "response_started", payload.take());
}

void publish_request_exception(Attached& attached, Request& request, Borrowed exception) {
  if (!events_of(request).has_subscribers()) return;
  Ref traceback = Ref::steal(PyException_GetTraceback(exception.get()));
  Ref info = Ref::steal(PyTuple_Pack(3, reinterpret_cast<PyObject*>(Py_TYPE(exception.get())), exception.get(),
                                     traceback ? traceback.get() : Py_None));
  DictBuilder payload = payload_of(request);
  payload.put("exception_info", info);
  events_of(request).publish(attached, &request, "request_exception", payload.take());
}

void publish_request_finished(Attached& attached, Request& request, std::uint32_t status) {
  const RequestMeter* meter = request.meter();
  if (!events_of(request).has_subscribers() || meter == nullptr) return;
  const std::int64_t user = meter->cpu_user_us();
  const std::int64_t system = meter->cpu_system_us();
  DictBuilder payload = payload_of(request);
  put_origin(&payload, request.abi());
  payload.put_seconds("application_start", meter->application_start_us);
  payload.put_seconds("application_finish", meter->application_finish_us);
  payload.put_seconds("application_time", meter->application_us());
  payload.put_count("input_reads", meter->input_reads);
  payload.put_count("input_length", meter->input_bytes);
  payload.put_seconds("input_time", meter->input_us);
  payload.put_count("output_length", meter->output_bytes);
  payload.put_count("output_writes", meter->output_writes);
  payload.put_seconds("output_time", meter->output_us);
  payload.put_seconds("cpu_user_time", user);
  payload.put_seconds("cpu_system_time", system);
  payload.put_seconds("cpu_time", user + system);
  payload.put_seconds("gil_wait_time", meter->gil.us);
  payload.put_count("gil_wait_count", meter->gil.count);
  payload.put_int("status", status);
  events_of(request).publish(attached, &request, "request_finished", payload.take());
}

}  // namespace python
