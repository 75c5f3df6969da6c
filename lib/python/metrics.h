// SPDX-License-Identifier: Apache-2.0
#pragma once

// mod_wsgi.start_recording_metrics(), request_metrics(), process_metrics(), server_metrics(). Every interpreter that
// records has a recorder of its own, which sees the requests of the whole process; nothing is counted, and no clock
// read, before the first one records or telemetry begins.

#include "python/cpython.h"

#include <cstdint>
#include <memory>

#include "python/attach.h"
#include "python/ref.h"
#include "python/request.h"
#include "wsgi/request_metrics.h"

namespace python {

// Does any interpreter record, or telemetry? Any thread.
bool is_recording();
// A measured request begins, and has ended with this status. With or without the GIL; never waits for another thread
// that runs Python.
void record_begin(const Request& request, RequestMeter& meter);
void record_end(const Request& request, RequestMeter& meter, std::uint32_t status);
// In a process that was just forked, while no request runs.
void restart_recorders();

// One interpreter's. With its GIL.
class Metrics {
 public:
  Metrics() = default;
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  // Adds the functions to module mod_wsgi. False: an exception is pending.
  bool set_up(Borrowed module);

  struct Recording {
    Recording(std::size_t threads, std::int64_t now_us) : recorder(threads, now_us) {}
    wsgi::RequestRecorder recorder;
    std::int64_t read_user_us = 0;  // of the process's CPU time, at the last reading
    std::int64_t read_system_us = 0;
    Recording* next = nullptr;
  };
  void start();
  Ref request_metrics();
  Ref process_metrics() const;

 private:
  Recording* recording_ = nullptr;  // stays for as long as the process: requests may be adding to it
};

}  // namespace python
