// SPDX-License-Identifier: Apache-2.0
#pragma once

// What one interpreter's garbage collector does, noted while telemetry is on: gc.callbacks has a function of ours.

#include "python/cpython.h"

#include <atomic>
#include <cstdint>
#include <deque>
#include <vector>

#include "base/mutex.h"
#include "python/attach.h"
#include "python/ref.h"
#include "wsgi/telemetry_records.h"

namespace python {

class GcWatch {
 public:
  GcWatch() = default;
  GcWatch(const GcWatch&) = delete;
  GcWatch& operator=(const GcWatch&) = delete;

  // Begins to note collections. This must not move afterwards. False: an exception is pending.
  bool set_up(Attached& attached);
  // With the GIL. False: it was not set up, or gc's functions fail.
  bool read(Attached& attached, wsgi::GcCounters* counters);
  // The collections since the last call; of more than kMostEvents the first ones are lost. Any thread.
  std::vector<wsgi::GcEvent> take_events() GH_EXCLUDES(mutex_);
  static constexpr std::size_t kMostEvents = 256;

 private:
  static PyObject* on_collection(PyObject* self, PyObject* const* arguments, Py_ssize_t count) noexcept;
  static PyMethodDef method_;
  void note(wsgi::GcEvent event) GH_EXCLUDES(mutex_);

  Ref get_count_, get_threshold_, get_stats_, isenabled_, get_freeze_count_;
  std::atomic<std::int64_t> began_us_ = 0;  // the collection under way, monotonic: one at a time
  base::Mutex mutex_;
  std::deque<wsgi::GcEvent> events_ GH_GUARDED_BY(mutex_);
  std::uint64_t dropped_ GH_GUARDED_BY(mutex_) = 0;
};

}  // namespace python
