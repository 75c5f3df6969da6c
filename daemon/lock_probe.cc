// SPDX-License-Identifier: Apache-2.0
#include "daemon/lock_probe.h"

#include <poll.h>
#include <pthread.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/log.h"

namespace gatehoused {

using base::Deadline;
using base::Micros;

void LockProbe::start(Micros interval) {
  interval_ = interval;
  if (intake_ != nullptr) timer_ = base::UniqueFd(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
  pthread_t thread;
  const int failure = pthread_create(&thread, nullptr, on_thread_start, this);
  if (failure != 0) {
    beat_us_.store(Micros::max().count() / 2);
    return base::log({base::Message::kForkFailed, failure, "nothing looks for deadlocks: no thread could be started"});
  }
  pthread_detach(thread);
}

void* LockProbe::on_thread_start(void* probe) noexcept {
  static_cast<LockProbe*>(probe)->probe_for_ever();
  return nullptr;
}

void LockProbe::probe_for_ever() {
  for (;;) {
    ask();
    poll(nullptr, 0, static_cast<int>(interval_.count() / 1000));
  }
}

void LockProbe::ask() {
  if (timer_.valid()) {
    const base::MutexLock lock(mutex_);
    due_ = Deadline::after(kPatience);
    set_timer(kPatience);
  }
  engine_.probe();
  beat_us_.store(base::now().count(), std::memory_order_relaxed);
  if (!timer_.valid()) return;
  const base::MutexLock lock(mutex_);
  due_ = Deadline::never();
  set_timer(Micros(0));
  if (paused_) intake_->resume(Intake::kLockHeld);
  paused_ = false;
}

// Zero stops it, and makes it unreadable.
void LockProbe::set_timer(Micros patience) {
  itimerspec when{};
  when.it_value.tv_sec = patience.count() / 1'000'000;
  when.it_value.tv_nsec = patience.count() % 1'000'000 * 1000;
  timerfd_settime(timer_.get(), 0, &when, nullptr);
}

// The lock may have been got since the timer ran out.
void LockProbe::on_overdue() {
  const base::MutexLock lock(mutex_);
  if (!due_.passed()) return;
  set_timer(Micros(0));
  if (paused_) return;
  paused_ = true;
  intake_->pause(Intake::kLockHeld);
  base::log(base::Message::kLockHeld, "worker %d takes no requests until Python's lock can be got again",
            static_cast<int>(getpid()));
}

}  // namespace gatehoused
