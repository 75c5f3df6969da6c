// SPDX-License-Identifier: Apache-2.0
#include "python/gc_watch.h"

#include <array>

#include "base/posix.h"

namespace python {
namespace {

using Triple = std::array<std::uint64_t, 3>;

// 0 for what is no such number.
std::uint64_t number_of(PyObject* value) {
  const std::uint64_t number = value != nullptr && PyLong_Check(value) ? PyLong_AsUnsignedLongLong(value) : 0;
  if (PyErr_Occurred() == nullptr) return number;
  PyErr_Clear();
  return 0;
}

std::uint64_t number_at(PyObject* dict, const char* name) { return number_of(Ref::steal(item_of(dict, name)).get()); }

Ref call(Borrowed function) { return Ref::steal(PyObject_CallNoArgs(function.get())); }

bool read_tuple(Borrowed function, Triple* into) {
  const Ref tuple = call(function);
  if (!tuple || !PyTuple_Check(tuple.get())) return false;
  for (std::size_t i = 0; i < into->size() && static_cast<Py_ssize_t>(i) < PyTuple_GET_SIZE(tuple.get()); ++i)
    (*into)[i] = number_of(PyTuple_GET_ITEM(tuple.get(), static_cast<Py_ssize_t>(i)));
  return true;
}

}  // namespace

PyMethodDef GcWatch::method_ = {"note_collection",
                                reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(on_collection)),
                                METH_FASTCALL, nullptr};

bool GcWatch::set_up(Attached&) {
  const Ref gc = Ref::steal(PyImport_ImportModule("gc"));
  if (!gc) return false;
  const auto attribute = [&gc](const char* name) { return Ref::steal(PyObject_GetAttrString(gc.get(), name)); };
  get_count_ = attribute("get_count");
  get_threshold_ = attribute("get_threshold");
  get_stats_ = attribute("get_stats");
  isenabled_ = attribute("isenabled");
  get_freeze_count_ = attribute("get_freeze_count");
  const Ref callbacks = attribute("callbacks");
  const Ref self = Ref::steal(PyCapsule_New(this, nullptr, nullptr));
  const Ref callback = self ? Ref::steal(PyCFunction_New(&method_, self.get())) : Ref();
  return get_count_ && get_threshold_ && get_stats_ && isenabled_ && get_freeze_count_ && callbacks && callback &&
         PyList_Append(callbacks.get(), callback.get()) == 0;
}

// callback(phase, info), as gc.callbacks says. An exception would be reported at every collection: there is none.
PyObject* GcWatch::on_collection(PyObject* self, PyObject* const* arguments, Py_ssize_t count) noexcept {
  GcWatch& watch = *static_cast<GcWatch*>(PyCapsule_GetPointer(self, nullptr));
  if (count != 2 || !PyUnicode_Check(arguments[0]) || !PyDict_Check(arguments[1])) Py_RETURN_NONE;
  const std::int64_t now_us = base::now().count();
  if (PyUnicode_CompareWithASCIIString(arguments[0], "start") == 0) {
    watch.began_us_ = now_us;
  } else if (PyUnicode_CompareWithASCIIString(arguments[0], "stop") == 0 && watch.began_us_ != 0) {
    wsgi::GcEvent event;
    event.duration_us = now_us - watch.began_us_;
    event.start_us = base::wall_clock_us() - event.duration_us;
    event.generation = number_at(arguments[1], "generation");
    event.collected = number_at(arguments[1], "collected");
    event.uncollectable = number_at(arguments[1], "uncollectable");
    watch.note(event);
  }
  Py_RETURN_NONE;
}

void GcWatch::note(wsgi::GcEvent event) {
  base::MutexLock lock(mutex_);
  events_.push_back(event);
  if (events_.size() <= kMostEvents) return;
  events_.pop_front();
  ++dropped_;
}

std::vector<wsgi::GcEvent> GcWatch::take_events() {
  base::MutexLock lock(mutex_);
  std::vector<wsgi::GcEvent> events(events_.begin(), events_.end());
  events_.clear();
  return events;
}

bool GcWatch::read(Attached&, wsgi::GcCounters* counters) {
  if (!get_stats_) return false;
  const Ref stats = call(get_stats_);
  if (!stats || !PyList_Check(stats.get()) || !read_tuple(get_count_, &counters->counts) ||
      !read_tuple(get_threshold_, &counters->thresholds)) {
    PyErr_Clear();
    return false;
  }
  for (std::size_t i = 0; i < 3 && static_cast<Py_ssize_t>(i) < PyList_GET_SIZE(stats.get()); ++i) {
    PyObject* generation = PyList_GET_ITEM(stats.get(), static_cast<Py_ssize_t>(i));
    counters->collections[i] = number_at(generation, "collections");
    counters->collected[i] = number_at(generation, "collected");
    counters->uncollectable[i] = number_at(generation, "uncollectable");
  }
  const Ref enabled = call(isenabled_);
  const Ref frozen = call(get_freeze_count_);
  counters->enabled = enabled.get() == Py_True;
  counters->frozen = number_of(frozen.get());
  PyErr_Clear();
  base::MutexLock lock(mutex_);
  counters->dropped = dropped_;
  return true;
}

}  // namespace python
