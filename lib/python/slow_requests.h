// SPDX-License-Identifier: Apache-2.0
#pragma once

// Requests that take longer than WSGISlowRequests says: those under way, and those that have ended since somebody
// asked. A thread's request is entered and left under a lock that only whoever asks takes beside it.

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "base/mutex.h"
#include "wsgi/engine_abi.h"
#include "wsgi/telemetry_records.h"

namespace python {

struct RequestMeter;

// A request's place in the lists, for as long as it runs.
struct WatchedRequest {
  const gatehouse_request* abi = nullptr;
  const RequestMeter* meter = nullptr;
  std::uint64_t active_at_start = 0;
  WatchedRequest* next = nullptr;
};

class SlowRequests {
 public:
  // threads: how many are expected, numbered from 1. threshold_us: 0 tells of every request.
  SlowRequests(std::size_t threads, std::int64_t threshold_us, bool user_agent);

  // The request has its application_start_us; abi and meter stay until it has ended.
  void begin(const gatehouse_request& abi, const RequestMeter& meter, WatchedRequest* watched);
  void end(const wsgi::RequestSample& sample, std::int64_t cpu_system_us, WatchedRequest* watched);

  // Those completed since the last call, at most kMostCompleted, and those under way. now_us: wall clock.
  std::vector<wsgi::SlowRequest> take(std::int64_t now_us);
  static constexpr std::size_t kMostCompleted = 1024;

 private:
  struct Place {
    base::Mutex mutex;
    WatchedRequest* first GH_GUARDED_BY(mutex) = nullptr;
  };
  Place& place_of(const gatehouse_request& abi);
  wsgi::SlowRequest describe(const WatchedRequest& watched, std::int64_t start_us, std::int64_t now_us) const;

  const std::size_t size_;
  const std::int64_t threshold_us_;
  const bool user_agent_;
  const std::unique_ptr<Place[]> places_;
  std::atomic<std::uint64_t> active_ = 0;
  base::Mutex mutex_;
  std::deque<wsgi::SlowRequest> completed_ GH_GUARDED_BY(mutex_);
};

}  // namespace python
