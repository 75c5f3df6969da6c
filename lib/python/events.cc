// SPDX-License-Identifier: Apache-2.0
#include "python/events.h"

#include <signal.h>

#include <string>

#include "python/exception.h"
#include "python/log_stream.h"
#include "python/request.h"
#include "python/runtime.h"

namespace python {
namespace {

using base::Message;

// self is the list that the subscriber joins.
PyObject* on_subscribe(PyObject* list, PyObject* subscriber) noexcept {
  if (!PyCallable_Check(subscriber)) {
    PyErr_Format(PyExc_TypeError, "a subscriber must be callable, not %.100s", Py_TYPE(subscriber)->tp_name);
    return nullptr;
  }
  return PyList_Append(list, subscriber) == 0 ? Py_NewRef(subscriber) : nullptr;
}

// Where no signal ever comes: httpd's children keep theirs to themselves.
PyObject* on_subscribe_in_vain(PyObject*, PyObject* subscriber) noexcept {
  Attached attached = Attached::in_slot();
  Ref name = Ref::steal(PyObject_Repr(subscriber));
  if (!name) return nullptr;
  log_message(attached, Request::of_this_thread(), Message::kSignalsElsewhere,
              "mod_wsgi.subscribe_signals(" + utf8_of(name) +
                  ") has no effect here: only the processes of WSGIDaemonProcess pass signals on");
  return Py_NewRef(subscriber);
}

PyMethodDef subscribe_events_method = {"subscribe_events", on_subscribe, METH_O,
                                       "subscribe_events(callback): callback(name, **payload) for every event."};
PyMethodDef subscribe_shutdown_method = {"subscribe_shutdown", on_subscribe, METH_O,
                                         "subscribe_shutdown(callback): for process_stopping only."};
PyMethodDef subscribe_signals_method = {"subscribe_signals", on_subscribe, METH_O,
                                        "subscribe_signals(callback): for process_signal only."};
PyMethodDef subscribe_in_vain_method = {"subscribe_signals", on_subscribe_in_vain, METH_O,
                                        "subscribe_signals(callback): no effect in this process."};

// A list and the function that appends to it.
Ref add_list(Borrowed module, const char* name, PyMethodDef* subscribe) {
  Ref list = Ref::steal(PyList_New(0));
  Ref module_name = Ref::steal(PyUnicode_FromString("mod_wsgi"));
  Ref function = list && module_name ? Ref::steal(PyCFunction_NewEx(subscribe, list.get(), module_name.get())) : Ref();
  const bool added = function && PyModule_AddObjectRef(module.get(), name, list.get()) == 0 &&
                     PyModule_AddObjectRef(module.get(), subscribe->ml_name, function.get()) == 0;
  return added ? std::move(list) : Ref();
}

void call_subscriber(Attached& attached, Request* request, Borrowed subscriber, Borrowed name, Borrowed payload) {
  Ref arguments = Ref::steal(PyTuple_Pack(1, name.get()));
  Ref result = arguments ? Ref::steal(PyObject_Call(subscriber.get(), arguments.get(), payload.get())) : Ref();
  const bool merged = result && (!PyDict_Check(result.get()) || PyDict_Update(payload.get(), result.get()) == 0);
  if (merged) return;
  Ref exception = Ref::steal(take_raised());
  Ref text = Ref::steal(PyObject_Repr(subscriber.get()));
  if (!text) PyErr_Clear();
  log_taken(attached, request, Message::kSubscriberFailed,
            "a subscriber of event " + utf8_of(name) + (text ? ", " + utf8_of(text) : std::string()), exception);
}

// Those who subscribe meanwhile are told of the next event.
void call_all(Attached& attached, Request* request, Borrowed list, const char* name, Borrowed payload) {
  Ref subscribers = Ref::steal(PyList_AsTuple(list.get()));
  Ref text = subscribers ? Ref::steal(PyUnicode_FromString(name)) : Ref();
  if (!text) return log_exception(attached, request, Message::kSubscriberFailed, std::string("event ") + name);
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(subscribers.get()); ++i)
    call_subscriber(attached, request, Borrowed(PyTuple_GET_ITEM(subscribers.get(), i)), text, payload);
}

std::string signal_name(int number) {
  switch (number) {
    case SIGHUP:
      return "SIGHUP";
    case SIGUSR1:
      return "SIGUSR1";
    case SIGUSR2:
      return "SIGUSR2";
    default:
      return "signal " + std::to_string(number);
  }
}

}  // namespace

bool Events::set_up(Borrowed module) {
  const bool has_signals = !Runtime::get().settings().process_group.empty();
  event_callbacks_ = add_list(module, "event_callbacks", &subscribe_events_method);
  shutdown_callbacks_ = add_list(module, "shutdown_callbacks", &subscribe_shutdown_method);
  signal_callbacks_ =
      add_list(module, "signal_callbacks", has_signals ? &subscribe_signals_method : &subscribe_in_vain_method);
  return event_callbacks_ && shutdown_callbacks_ && signal_callbacks_;
}

void Events::publish(Attached& attached, Request* request, const char* name, Ref payload) const {
  if (!payload) return log_exception(attached, request, Message::kSubscriberFailed, std::string("event ") + name);
  call_all(attached, request, event_callbacks_, name, payload);
}

void Events::publish_stopping(Attached& attached, const char* reason) const {
  if (!has_subscribers() && PyList_GET_SIZE(shutdown_callbacks_.get()) == 0) return;
  constexpr const char* kName = "process_stopping";
  Ref payload = Ref::steal(Py_BuildValue("{ss}", "shutdown_reason", reason));
  publish(attached, nullptr, kName, payload.clone());
  if (payload) call_all(attached, nullptr, shutdown_callbacks_, kName, payload);
}

void Events::publish_signal(Attached& attached, int number) const {
  if (!has_subscribers() && PyList_GET_SIZE(signal_callbacks_.get()) == 0) return;
  constexpr const char* kName = "process_signal";
  Ref payload = Ref::steal(Py_BuildValue("{sssi}", "signame", signal_name(number).c_str(), "signum", number));
  publish(attached, nullptr, kName, payload.clone());
  if (payload) call_all(attached, nullptr, signal_callbacks_, kName, payload);
}

}  // namespace python
