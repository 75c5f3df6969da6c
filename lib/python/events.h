// SPDX-License-Identifier: Apache-2.0
#pragma once

// What an interpreter's subscribers are told of: mod_wsgi.subscribe_events, subscribe_shutdown, subscribe_signals and
// their lists. A subscriber is called as subscriber(name, **payload); a dict that it returns is merged into the
// payload for those after it. Its exceptions are logged and go no further.

#include "python/cpython.h"

#include "python/attach.h"
#include "python/ref.h"

namespace python {

class Request;

// One interpreter's. With its GIL.
class Events {
 public:
  // Adds lists and functions to module mod_wsgi. False: an exception is pending.
  bool set_up(Borrowed module);

  // Does anybody want events of requests? A payload is built for nobody else.
  bool has_subscribers() const { return PyList_GET_SIZE(event_callbacks_.get()) > 0; }
  // Calls the event_callbacks. An empty payload has its exception pending, which is logged. Log lines go to
  // request, or to the host when it is nullptr.
  void publish(Attached& attached, Request* request, const char* name, Ref payload) const;
  // process_stopping and process_signal, each for those of all events and for its own subscribers. Log to the host.
  void publish_stopping(Attached& attached, const char* reason) const;
  void publish_signal(Attached& attached, int number) const;

 private:
  Ref event_callbacks_;
  Ref shutdown_callbacks_;
  Ref signal_callbacks_;
};

}  // namespace python
