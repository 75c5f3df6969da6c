// SPDX-License-Identifier: Apache-2.0
#pragma once

// What one request costs, measured only while somebody wants to know: metrics are recorded, or events have
// subscribers. Otherwise the request has no meter, and nothing reads a clock.

#include <sys/resource.h>

#include <cstdint>

#include "base/posix.h"
#include "python/attach.h"
#include "python/slow_requests.h"

namespace python {

inline std::int64_t micros(const timeval& time) { return std::int64_t{time.tv_sec} * 1'000'000 + time.tv_usec; }

struct RequestMeter {
  GilWait gil;
  std::int64_t started_us = 0;            // monotonic: the engine got the request
  std::int64_t application_start_us = 0;  // wall clock
  std::int64_t application_finish_us = 0;
  std::int64_t input_us = 0;
  std::uint64_t input_reads = 0;
  std::uint64_t input_bytes = 0;
  std::int64_t output_us = 0;
  std::uint64_t output_writes = 0;
  std::uint64_t output_bytes = 0;  // that the application gave
  rusage cpu_start{};              // of the thread
  rusage cpu_finish{};
  WatchedRequest watched;

  std::int64_t application_us() const { return application_finish_us - application_start_us; }
  std::int64_t cpu_user_us() const { return micros(cpu_finish.ru_utime) - micros(cpu_start.ru_utime); }
  std::int64_t cpu_system_us() const { return micros(cpu_finish.ru_stime) - micros(cpu_start.ru_stime); }
};

// Adds the time of a scope to *total, unless that is nullptr.
class Stopwatch {
 public:
  explicit Stopwatch(std::int64_t* total) : total_(total), start_(total != nullptr ? base::now().count() : 0) {}
  ~Stopwatch() {
    if (total_ != nullptr) *total_ += base::now().count() - start_;
  }
  Stopwatch(const Stopwatch&) = delete;
  Stopwatch& operator=(const Stopwatch&) = delete;

 private:
  std::int64_t* total_;
  std::int64_t start_;
};

}  // namespace python
