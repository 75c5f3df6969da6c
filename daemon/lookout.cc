// SPDX-License-Identifier: Apache-2.0
#include "daemon/lookout.h"

#include <unistd.h>

#include <utility>

namespace gatehoused {
namespace {

using base::Micros;
using base::MutexLock;

// Of the share of requests that waited.
constexpr double kFew = 0.05;
constexpr double kTooMany = 0.2;

}  // namespace

void Tempo::add(Micros now, std::uint32_t served, bool has_waited) {
  // Of several threads each may have looked at one of the same sixteen.
  if (const std::uint32_t requests = served - last_served_; requests >= kSampled / 2) {
    interval_us_ += (static_cast<double>((now - last_).count()) / requests - interval_us_) / 8;
    last_ = now;
    last_served_ = served;
  }
  waited_ += ((has_waited ? 1 : 0) - waited_) / 16;
  if (interval_us_ > static_cast<double>(kMany.count()) || now < not_before_) {
    is_one_enough_ = false;
  } else {
    is_one_enough_ = waited_ < (is_one_enough_ ? kTooMany : kFew);
  }
}

void Tempo::disappoint(Micros now) {
  not_before_ = now + kPause;
  is_one_enough_ = false;
}

void Lookout::note_sample(bool has_waited) {
  if (stopped_.load()) return;
  const MutexLock lock(mutex_);
  tempo_.add(base::now(), served_.load(), has_waited);
  if (stopped_.load() || tempo_.is_one_enough() == is_one_.load()) return;
  if (is_one_.load()) return let_all_wait();
  is_one_.store(true);
}

pid_t Lookout::own_id() {
  static const thread_local pid_t id = gettid();
  return id;
}

void Lookout::rest() {
  const MutexLock lock(mutex_);
  if (is_one_.load() && who_.load() == 0) return who_.store(own_id());
  resting_.fetch_add(1);
  while (is_one_.load()) {
    if (is_watched_) {
      changed_.wait(mutex_);
    } else {
      watch();
    }
  }
  resting_.fetch_sub(1);
}

// Until one thread is too few.
void Lookout::watch() {
  is_watched_ = true;
  std::uint32_t served = served_.load();
  Micros progress = base::now();  // the last time that there was some
  while (is_one_.load()) {
    changed_.wait(mutex_, base::Deadline::after(kTick));
    const Micros now = base::now();
    const std::uint32_t now_served = served_.load();
    if (std::exchange(served, now_served) != now_served) {
      progress = now;
    } else if (now - progress >= kLongest || (now - progress >= kTick && !base::is_running(who_.load()))) {
      tempo_.disappoint(now);
      let_all_wait();
    }
  }
  is_watched_ = false;
}

void Lookout::let_all_wait() {
  is_one_.store(false);
  who_.store(0);
  changed_.notify_all();
}

void Lookout::stop() {
  stopped_.store(true);
  const MutexLock lock(mutex_);
  let_all_wait();
}

}  // namespace gatehoused
