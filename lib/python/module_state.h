// SPDX-License-Identifier: Apache-2.0
#pragma once

// The Python objects that the engine keeps in each interpreter: its types, the built-in modules mod_wsgi and
// apache, names and constants. Made once when the interpreter is made, so that no request imports or looks
// up anything; there is no Python object outside of it.

#include "python/cpython.h"

#include <string_view>

#include "python/attach.h"
#include "python/client_calls.h"
#include "python/events.h"
#include "python/gc_watch.h"
#include "python/metrics.h"
#include "python/ref.h"
#include "wsgi/interpreter_rules.h"

namespace python {

struct ModuleState {
  // Makes everything below and prepares the interpreter: sys.path, the standard streams, signal.signal, switch
  // interval, fork hook. Runs Python. False: an exception is pending.
  bool set_up(Attached& attached, const wsgi::InterpreterSettings& settings);
  // Sets mod_wsgi.application_group. False: an exception is pending.
  bool set_application_group(Attached& attached, std::string_view name);

  Ref mod_wsgi;
  Ref apache;

  Events events;
  Metrics metrics;
  GcWatch gc_watch;  // while telemetry is on
  ClientCalls client_calls;
  Ref active_requests;       // dict: mod_wsgi.active_requests
  Ref request_timeout_type;  // mod_wsgi.RequestTimeout, a BaseException

  Ref input_type;
  Ref log_type;
  Ref start_response_type;
  Ref file_wrapper_type;
  Ref restricted_type;
  // io.FileIO, io.BufferedReader, io.BufferedRandom: files whose descriptor holds the very bytes they read.
  Ref raw_file_type;
  Ref buffered_reader_type;
  Ref buffered_random_type;

  Ref stdout_object;
  Ref stderr_object;
  Ref format_exception;  // traceback.format_exception
  Ref compile;           // builtins.compile

  Ref fork_subscribers;  // list, see forking.h

  Ref close_name;
  Ref reload_required_name;
  Ref request_id_name;  // "mod_wsgi.request_id"

 private:
  bool add_types();
  bool add_modules();
  bool prepare(Attached& attached, const wsgi::InterpreterSettings& settings);
};

}  // namespace python
