// SPDX-License-Identifier: Apache-2.0
#pragma once

// WSGITelemetryService: two threads of the process that tell a collector what it does. One sends requests, slow
// requests and collections at the end of each interval and never takes a GIL, so that a process that hangs is told of,
// too; the other reads the garbage collector's counters of each interpreter, with its GIL.

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/mutex.h"
#include "base/posix.h"
#include "python/slow_requests.h"
#include "wsgi/request_metrics.h"
#include "wsgi/telemetry_records.h"

namespace python {

class Interpreters;

class Telemetry {
 public:
  // nullptr: not configured, or not begun. Any thread.
  static Telemetry* get() { return current_.load(std::memory_order_acquire); }
  // Begins in this process, and says so to the collector. Once; without the GIL. Lives as long as the process.
  static void begin(const wsgi::TelemetrySettings& settings, wsgi::TelemetryIdentity identity, std::size_t threads,
                    Interpreters& interpreters);
  // In a process that an application forked: neither the threads nor their locks are there.
  static void forget() { current_.store(nullptr); }

  // A request begins, and has ended with this sample. With or without the GIL; waits for no thread that runs Python.
  void record_begin(const gatehouse_request& abi, const RequestMeter& meter, WatchedRequest* watched);
  void record_end(const gatehouse_request& abi, const wsgi::RequestSample& sample, std::int64_t cpu_system_us,
                  WatchedRequest* watched);

  // The process is about to stop, and has stopped: the second time each does nothing. Any thread; do not block.
  void stopping(std::string_view reason);
  void stopped();

 private:
  Telemetry(const wsgi::TelemetrySettings& settings, wsgi::TelemetryIdentity identity, std::size_t threads,
            Interpreters& interpreters);
  static void* on_reporter(void* self) noexcept;
  static void* on_gc_reader(void* self) noexcept;
  void report() GH_EXCLUDES(mutex_);
  void read_gc();
  // put(&datagram) fills it in.
  template <typename Put>
  void send(wsgi::TelemetryKind kind, Put put);
  void send_bytes(std::string_view bytes);
  wsgi::ThreadSums sums();

  static std::atomic<Telemetry*> current_;

  const wsgi::TelemetrySettings settings_;
  const wsgi::TelemetryIdentity identity_;
  Interpreters& interpreters_;
  base::UniqueFd socket_;
  const base::Micros began_ = base::now();
  wsgi::RequestRecorder recorder_;
  std::unique_ptr<SlowRequests> slow_;  // nullptr: nobody asked for them
  std::atomic<std::uint32_t> sequence_ = 0;
  std::atomic<int> send_error_ = 0;  // of the last datagram
  std::atomic<bool> is_stopping_ = false;
  std::atomic<bool> is_stopped_ = false;
  base::Mutex mutex_;                                   // one report at a time
  std::int64_t cpu_user_us_ GH_GUARDED_BY(mutex_) = 0;  // at the last report
  std::int64_t cpu_system_us_ GH_GUARDED_BY(mutex_) = 0;
};

}  // namespace python
