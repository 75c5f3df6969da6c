// SPDX-License-Identifier: Apache-2.0
#pragma once

// std::mutex and std::condition_variable with Clang's capability attributes, so that -Wthread-safety proves
// who holds what (std's own are not annotated). Never held across Python, a callback or blocking I/O.

#include <chrono>
#include <condition_variable>
#include <mutex>

#include "base/posix.h"

#if defined(__clang__)
#define GH_THREAD_ATTRIBUTE(attribute) __attribute__((attribute))
#else
#define GH_THREAD_ATTRIBUTE(attribute)
#endif
#define GH_GUARDED_BY(mutex) GH_THREAD_ATTRIBUTE(guarded_by(mutex))
#define GH_REQUIRES(mutex) GH_THREAD_ATTRIBUTE(requires_capability(mutex))
#define GH_EXCLUDES(mutex) GH_THREAD_ATTRIBUTE(locks_excluded(mutex))

namespace base {

class GH_THREAD_ATTRIBUTE(capability("mutex")) Mutex {
 public:
  void lock() GH_THREAD_ATTRIBUTE(acquire_capability()) { mutex_.lock(); }
  void unlock() GH_THREAD_ATTRIBUTE(release_capability()) { mutex_.unlock(); }

 private:
  friend class CondVar;
  std::mutex mutex_;
};

// Holds the mutex for a scope.
class GH_THREAD_ATTRIBUTE(scoped_lockable) MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) GH_THREAD_ATTRIBUTE(acquire_capability(mutex)) : mutex_(mutex) { mutex.lock(); }
  ~MutexLock() GH_THREAD_ATTRIBUTE(release_capability()) { mutex_.unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex& mutex_;
};

// Waits give the mutex up and take it again; they may wake for no reason: test the condition in a loop.
class CondVar {
 public:
  void wait(Mutex& mutex) GH_REQUIRES(mutex) {
    std::unique_lock<std::mutex> held(mutex.mutex_, std::adopt_lock);
    condition_.wait(held);
    held.release();
  }
  void wait(Mutex& mutex, Deadline deadline) GH_REQUIRES(mutex) {
    if (deadline.is_never()) return wait(mutex);
    std::unique_lock<std::mutex> held(mutex.mutex_, std::adopt_lock);
    condition_.wait_until(held, std::chrono::steady_clock::time_point(deadline.when()));
    held.release();
  }
  void notify_one() { condition_.notify_one(); }
  void notify_all() { condition_.notify_all(); }

 private:
  std::condition_variable condition_;
};

}  // namespace base
