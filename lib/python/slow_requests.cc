// SPDX-License-Identifier: Apache-2.0
#include "python/slow_requests.h"

#include "base/posix.h"
#include "python/request.h"
#include "python/request_sample.h"

namespace python {
namespace {

std::int64_t start_of(const WatchedRequest& watched) {
  return watched.abi->request_start_us != 0 ? watched.abi->request_start_us : watched.meter->application_start_us;
}

}  // namespace

SlowRequests::SlowRequests(std::size_t threads, std::int64_t threshold_us, bool user_agent)
    : size_(threads + 1),
      threshold_us_(threshold_us),
      user_agent_(user_agent),
      places_(std::make_unique<Place[]>(size_)) {}

SlowRequests::Place& SlowRequests::place_of(const gatehouse_request& abi) {
  const auto index = static_cast<std::size_t>(abi.thread_id - 1);
  return places_[abi.thread_id >= 1 && index < size_ ? index : size_ - 1];
}

void SlowRequests::begin(const gatehouse_request& abi, const RequestMeter& meter, WatchedRequest* watched) {
  watched->abi = &abi;
  watched->meter = &meter;
  watched->active_at_start = active_.fetch_add(1, std::memory_order_relaxed) + 1;
  Place& place = place_of(abi);
  base::MutexLock lock(place.mutex);
  watched->next = place.first;
  place.first = watched;
}

void SlowRequests::end(const wsgi::RequestSample& sample, std::int64_t cpu_system_us, WatchedRequest* watched) {
  {
    Place& place = place_of(*watched->abi);
    base::MutexLock lock(place.mutex);
    WatchedRequest** link = &place.first;
    while (*link != watched) link = &(*link)->next;
    *link = watched->next;
  }
  const std::uint64_t active = active_.fetch_sub(1, std::memory_order_relaxed);
  const std::int64_t now_us = base::wall_clock_us();
  const std::int64_t start_us = start_of(*watched);
  if (now_us - start_us < threshold_us_) return;
  wsgi::SlowRequest slow = describe(*watched, start_us, now_us);
  slow.completed = true;
  slow.sample = sample;
  slow.cpu_system_us = cpu_system_us;
  slow.active_at_end = active;
  base::MutexLock lock(mutex_);
  completed_.push_back(std::move(slow));
  if (completed_.size() > kMostCompleted) completed_.pop_front();
}

std::vector<wsgi::SlowRequest> SlowRequests::take(std::int64_t now_us) {
  std::vector<wsgi::SlowRequest> slow;
  for (std::size_t i = 0; i < size_; ++i) {
    base::MutexLock lock(places_[i].mutex);
    for (const WatchedRequest* watched = places_[i].first; watched != nullptr; watched = watched->next) {
      const std::int64_t start_us = start_of(*watched);
      if (now_us - start_us < threshold_us_) continue;
      slow.push_back(describe(*watched, start_us, now_us));
      set_phases(&slow.back().sample, *watched->abi, watched->meter->application_start_us, now_us);
    }
  }
  // After those under way: of a request that ends in between, the last word is that it has ended.
  base::MutexLock lock(mutex_);
  slow.insert(slow.end(), std::make_move_iterator(completed_.begin()), std::make_move_iterator(completed_.end()));
  completed_.clear();
  return slow;
}

wsgi::SlowRequest SlowRequests::describe(const WatchedRequest& watched, std::int64_t start_us,
                                         std::int64_t now_us) const {
  const gatehouse_request& abi = *watched.abi;
  const auto text = [&abi](std::string_view name) { return std::string(environ_value(abi, name)); };
  wsgi::SlowRequest slow;
  slow.start_us = start_us;
  slow.duration_us = now_us > start_us ? now_us - start_us : 0;
  slow.thread_id = abi.thread_id;
  slow.server_pid = server_pid(abi);
  slow.log_id = text("mod_wsgi.request_id");
  slow.method = text("REQUEST_METHOD");
  slow.scheme = (abi.flags & GATEHOUSE_HTTPS) != 0 ? "https" : "http";
  slow.hostname = text("HTTP_HOST");
  if (slow.hostname.empty()) slow.hostname = text("SERVER_NAME");
  slow.script_name = text("SCRIPT_NAME");
  slow.path_info = text("PATH_INFO");
  slow.protocol = text("SERVER_PROTOCOL");
  slow.peer = text("REMOTE_ADDR");
  if (user_agent_) slow.user_agent = text("HTTP_USER_AGENT");
  slow.active_at_start = watched.active_at_start;
  return slow;
}

}  // namespace python
