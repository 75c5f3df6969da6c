// SPDX-License-Identifier: Apache-2.0
#pragma once

// What requests cost, counted: how long each phase took, how much was read and written, which statuses were sent. Each
// thread adds to counters of its own; whoever reads takes them away. Pure but for the locks; no clock is read here.

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/mutex.h"

namespace wsgi {

enum class RequestPhase {
  kServer,       // in httpd, until it was queued or, embedded, the application was called
  kQueue,        // until a worker took it
  kDaemon,       // in the worker, until the application was called
  kApplication,  // until the response was complete
  kRequest,      // all of these
  kGilWait,      // part of kApplication: waiting for Python's lock
  kInputRead,    // part of kApplication: reading the request body
  kOutputWrite   // part of kApplication: handing the response on
};
inline constexpr std::size_t kRequestPhases = 8;

// 16 octaves from 1 ms in 4 linear parts each, and one for 65536 ms and more; what is shorter than 1 ms is in the
// first.
inline constexpr std::size_t kTimeBuckets = 65;
std::size_t time_bucket(std::int64_t micros);

// One finished request. Durations in microseconds, negative = does not apply.
struct RequestSample {
  std::array<std::int64_t, kRequestPhases> phases;
  std::int64_t started_us = 0;  // monotonic
  std::int64_t ended_us = 0;
  std::int64_t cpu_us = 0;
  std::uint64_t gil_waits = 0;
  std::uint64_t input_bytes = 0;
  std::uint64_t input_reads = 0;
  std::uint64_t output_bytes = 0;
  std::uint64_t output_writes = 0;
  std::uint32_t status = 0;
};

struct PhaseTimes {
  std::uint64_t count = 0;
  std::int64_t total_us = 0;
  std::int64_t min_us = -1;  // -1: none
  std::int64_t max_us = -1;
  std::array<std::uint32_t, kTimeBuckets> buckets{};

  void add(std::int64_t micros);
  void add(const PhaseTimes& other);
};

struct RequestTotals {
  std::uint64_t requests = 0;
  std::array<PhaseTimes, kRequestPhases> phases;
  std::uint64_t gil_waits = 0;
  std::uint64_t input_bytes = 0;
  std::uint64_t input_reads = 0;
  std::uint64_t output_bytes = 0;
  std::uint64_t output_writes = 0;
  std::array<std::uint64_t, 5> statuses{};  // 1xx .. 5xx

  void add(const RequestSample& sample);
  void add(const RequestTotals& other);
};

// One thread since the last reading, and since the beginning.
struct ThreadUse {
  std::int32_t thread_id = 0;
  std::uint64_t completed = 0;
  std::int64_t busy_us = 0;     // of requests that are under way, too
  std::int64_t cpu_us = 0;      // of completed requests
  std::int64_t longest_us = 0;  // completed request
  std::int64_t current_us = 0;  // how long the request under way has taken
  bool active = false;
  bool started = false;  // has served a request since the beginning
  std::uint64_t all_completed = 0;
  std::int64_t all_busy_us = 0;
};

// Over all threads.
struct ThreadSums {
  std::uint64_t started = 0;
  std::uint64_t active = 0;
  std::int64_t busy_us = 0;
  std::uint64_t all_completed = 0;
  std::int64_t all_busy_us = 0;
};

struct RequestReading {
  std::int64_t period_us = 0;
  RequestTotals totals;
  std::vector<ThreadUse> threads;  // by number; the last is all threads beyond the expected ones

  std::size_t expected_threads() const { return threads.size() - 1; }
  ThreadSums sums() const;
  // Of the time that the expected threads had, what requests took; 0 without any.
  double capacity_utilization() const;
};

// Counters of one reader. Threads never wait for each other: a thread's lock is taken by itself and the reader.
class RequestRecorder {
 public:
  // threads: how many are expected, numbered from 1. Others share one place.
  RequestRecorder(std::size_t threads, std::int64_t now_us);

  void begin(std::int32_t thread_id, std::int64_t now_us);
  // Counts a request whose begin this recorder has seen.
  void end(std::int32_t thread_id, const RequestSample& sample);

  enum class Reading { kTake, kLook };  // kTake: the next reading begins now
  RequestReading read(Reading how, std::int64_t now_us);
  // In a process that was just forked: everything is zero and begins now. Nobody else uses the recorder.
  void restart(std::int64_t now_us);

 private:
  struct Place {
    base::Mutex mutex;
    RequestTotals totals GH_GUARDED_BY(mutex);
    ThreadUse use GH_GUARDED_BY(mutex);
    std::int64_t since_us GH_GUARDED_BY(mutex) = 0;    // of the request under way, when use.active
    std::int64_t counted_us GH_GUARDED_BY(mutex) = 0;  // the last reading: time before it is in busy_us no more
    int under_way GH_GUARDED_BY(mutex) = 0;
  };
  Place& place_of(std::int32_t thread_id);

  std::size_t size_;
  std::unique_ptr<Place[]> places_;
};

}  // namespace wsgi
