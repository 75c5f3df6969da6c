// SPDX-License-Identifier: Apache-2.0
#include "python/metrics.h"

#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <string>

#include "base/posix.h"
#include "python/dict_builder.h"
#include "python/request_sample.h"
#include "python/runtime.h"
#include "python/telemetry.h"

namespace python {
namespace {

using wsgi::RequestPhase;
using wsgi::RequestReading;
using wsgi::RequestRecorder;
using wsgi::RequestSample;
using wsgi::ThreadUse;

std::atomic<Metrics::Recording*> first_recording = nullptr;

RequestSample sample_of(const Request& request, const RequestMeter& meter, std::uint32_t status) {
  RequestSample sample;
  set_phases(&sample, request.abi(), meter.application_start_us, meter.application_finish_us);
  const auto set = [&sample](RequestPhase phase, std::int64_t us) {
    sample.phases[static_cast<std::size_t>(phase)] = us;
  };
  set(RequestPhase::kGilWait, meter.gil.us);
  set(RequestPhase::kInputRead, meter.input_us);
  set(RequestPhase::kOutputWrite, meter.output_us);
  sample.started_us = meter.started_us;
  sample.ended_us = base::now().count();
  sample.cpu_us = meter.cpu_user_us() + meter.cpu_system_us();
  sample.gil_waits = meter.gil.count;
  sample.input_bytes = meter.input_bytes;
  sample.input_reads = meter.input_reads;
  sample.output_bytes = meter.output_bytes;
  sample.output_writes = meter.output_writes;
  sample.status = status;
  return sample;
}

// --- What they return

struct PhaseName {
  RequestPhase phase;
  const char* name;
  bool daemon_only;
};
constexpr PhaseName kPhaseNames[] = {
    {RequestPhase::kServer, "server_time", false},        {RequestPhase::kQueue, "queue_time", true},
    {RequestPhase::kDaemon, "daemon_time", true},         {RequestPhase::kApplication, "application_time", false},
    {RequestPhase::kRequest, "request_time", false},      {RequestPhase::kGilWait, "gil_wait_time", false},
    {RequestPhase::kInputRead, "input_read_time", false}, {RequestPhase::kOutputWrite, "output_write_time", false}};

// A list of one value for each of the expected threads.
template <typename Make>
Ref thread_list(const RequestReading& reading, Make make) {
  const std::size_t count = reading.expected_threads();
  Ref list = Ref::steal(PyList_New(static_cast<Py_ssize_t>(count)));
  for (std::size_t i = 0; list && i < count; ++i) {
    PyObject* value = make(reading.threads[i]);
    if (value == nullptr) return {};
    PyList_SET_ITEM(list.get(), static_cast<Py_ssize_t>(i), value);
  }
  return list;
}

PyObject* seconds(std::int64_t us) { return PyFloat_FromDouble(static_cast<double>(us) / 1e6); }

void put_phase(DictBuilder* dict, const PhaseName& entry, const wsgi::PhaseTimes& times, bool in_daemon) {
  const std::string name = entry.name;
  if (entry.daemon_only && !in_daemon)
    dict->put_none(entry.name);
  else
    dict->put_float(entry.name, times.count == 0
                                    ? 0.0
                                    : static_cast<double>(times.total_us) / 1e6 / static_cast<double>(times.count));
  for (const auto& [suffix, value] : {std::pair{"_min_us", times.min_us}, std::pair{"_max_us", times.max_us}}) {
    if (value < 0)
      dict->put_none((name + suffix).c_str());
    else
      dict->put_int((name + suffix).c_str(), value);
  }
  Ref buckets = Ref::steal(PyList_New(static_cast<Py_ssize_t>(wsgi::kTimeBuckets)));
  for (std::size_t i = 0; buckets && i < wsgi::kTimeBuckets; ++i) {
    PyObject* count = PyLong_FromUnsignedLong(times.buckets[i]);
    if (count == nullptr)
      buckets.reset();
    else
      PyList_SET_ITEM(buckets.get(), static_cast<Py_ssize_t>(i), count);
  }
  dict->put((name + "_buckets").c_str(), buckets);
}

void put_threads(DictBuilder* dict, const RequestReading& reading) {
  const wsgi::ThreadSums sums = reading.sums();
  dict->put_count("request_threads_maximum", reading.expected_threads());
  dict->put_count("request_threads_started", sums.started);
  dict->put_count("request_threads_active", sums.active);
  dict->put_float("capacity_utilization", reading.capacity_utilization());
  Ref completed = thread_list(reading, [](const ThreadUse& use) { return PyLong_FromUnsignedLongLong(use.completed); });
  dict->put("request_threads_completed", completed);
  dict->put("request_threads_buckets", completed);
  dict->put("request_threads_busy_time",
            thread_list(reading, [](const ThreadUse& use) { return seconds(use.busy_us); }));
  dict->put("request_threads_cpu_time", thread_list(reading, [](const ThreadUse& use) { return seconds(use.cpu_us); }));
  dict->put("request_threads_current_elapsed",
            thread_list(reading, [](const ThreadUse& use) { return seconds(use.current_us); }));
  dict->put("request_threads_max_duration",
            thread_list(reading, [](const ThreadUse& use) { return seconds(use.longest_us); }));
}

void put_totals(DictBuilder* dict, const RequestReading& reading) {
  const wsgi::RequestTotals& totals = reading.totals;
  const bool in_daemon = !Runtime::get().settings().process_group.empty();
  for (const PhaseName& entry : kPhaseNames)
    put_phase(dict, entry, totals.phases[static_cast<std::size_t>(entry.phase)], in_daemon);
  dict->put_count("gil_wait_count", totals.gil_waits);
  dict->put_count("input_bytes", totals.input_bytes);
  dict->put_count("input_reads", totals.input_reads);
  dict->put_count("output_bytes", totals.output_bytes);
  dict->put_count("output_writes", totals.output_writes);
  constexpr const char* kStatuses[] = {"status_1xx", "status_2xx", "status_3xx", "status_4xx", "status_5xx"};
  for (std::size_t i = 0; i < totals.statuses.size(); ++i) dict->put_count(kStatuses[i], totals.statuses[i]);
}

void put_memory(DictBuilder* dict, const rusage& usage) {
  dict->put_int("memory_rss", base::resident_memory());
  dict->put_int("memory_max_rss", std::int64_t{usage.ru_maxrss} * 1024);
}

// --- The functions; self is a capsule of the interpreter's Metrics.

Metrics& metrics_of(PyObject* capsule) { return *static_cast<Metrics*>(PyCapsule_GetPointer(capsule, nullptr)); }

PyObject* on_start(PyObject* self, PyObject*) noexcept {
  const Alone alone(self);
  metrics_of(self).start();
  Py_RETURN_NONE;
}
PyObject* on_request_metrics(PyObject* self, PyObject*) noexcept {
  const Alone alone(self);
  return metrics_of(self).request_metrics().release();
}
PyObject* on_process_metrics(PyObject* self, PyObject*) noexcept {
  const Alone alone(self);
  return metrics_of(self).process_metrics().release();
}

PyMethodDef methods[] = {
    {"start_recording_metrics", on_start, METH_NOARGS,
     "start_recording_metrics(): counting begins, if it has not yet."},
    {"request_metrics", on_request_metrics, METH_NOARGS,
     "request_metrics(): what requests cost since the last call, a dict; None before start_recording_metrics()."},
    {"process_metrics", on_process_metrics, METH_NOARGS,
     "process_metrics(): the process since its start, a dict; None before start_recording_metrics()."}};

}  // namespace

bool is_recording() {
  return first_recording.load(std::memory_order_relaxed) != nullptr || Telemetry::get() != nullptr;
}

void record_begin(const Request& request, RequestMeter& meter) {
  if (Telemetry* telemetry = Telemetry::get()) telemetry->record_begin(request.abi(), meter, &meter.watched);
  for (Metrics::Recording* one = first_recording.load(std::memory_order_acquire); one != nullptr; one = one->next)
    one->recorder.begin(request.abi().thread_id, meter.started_us);
}

void record_end(const Request& request, RequestMeter& meter, std::uint32_t status) {
  const RequestSample sample = sample_of(request, meter, status);
  if (Telemetry* telemetry = Telemetry::get())
    telemetry->record_end(request.abi(), sample, meter.cpu_system_us(), &meter.watched);
  for (Metrics::Recording* one = first_recording.load(std::memory_order_acquire); one != nullptr; one = one->next)
    one->recorder.end(request.abi().thread_id, sample);
}

void restart_recorders() {
  for (Metrics::Recording* one = first_recording.load(std::memory_order_acquire); one != nullptr; one = one->next) {
    one->recorder.restart(base::now().count());
    one->read_user_us = one->read_system_us = 0;
  }
}

bool Metrics::set_up(Borrowed module) {
  Ref self = Ref::steal(PyCapsule_New(this, nullptr, nullptr));
  Ref module_name = Ref::steal(PyUnicode_FromString("mod_wsgi"));
  if (!self || !module_name) return false;
  for (PyMethodDef& method : methods) {
    Ref function = Ref::steal(PyCFunction_NewEx(&method, self.get(), module_name.get()));
    if (!function || PyModule_AddObjectRef(module.get(), method.ml_name, function.get()) < 0) return false;
  }
  return true;
}

void Metrics::start() {
  // With telemetry the collector has the figures; applications see from None that they need not report.
  if (recording_ != nullptr || !Runtime::get().settings().telemetry.socket.empty()) return;
  const int threads = Runtime::get().settings().threads;
  recording_ = new Recording(threads > 0 ? static_cast<std::size_t>(threads) : 1, base::now().count());
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  recording_->read_user_us = micros(usage.ru_utime);
  recording_->read_system_us = micros(usage.ru_stime);
  recording_->next = first_recording.load();
  while (!first_recording.compare_exchange_weak(recording_->next, recording_)) continue;
}

Ref Metrics::request_metrics() {
  if (recording_ == nullptr) return Ref::borrow(Py_None);
  const RequestReading reading = recording_->recorder.read(RequestRecorder::Reading::kTake, base::now().count());
  const std::int64_t stop_us = base::wall_clock_us();
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const double period = static_cast<double>(reading.period_us > 0 ? reading.period_us : 1);
  const double user = static_cast<double>(micros(usage.ru_utime) - recording_->read_user_us) / period;
  const double system = static_cast<double>(micros(usage.ru_stime) - recording_->read_system_us) / period;
  recording_->read_user_us = micros(usage.ru_utime);
  recording_->read_system_us = micros(usage.ru_stime);

  DictBuilder dict;
  dict.put_int("pid", getpid());
  dict.put_seconds("start_time", stop_us - reading.period_us);
  dict.put_seconds("stop_time", stop_us);
  dict.put_seconds("sample_period", reading.period_us);
  dict.put_count("request_count", reading.totals.requests);
  dict.put_float("request_throughput", static_cast<double>(reading.totals.requests) * 1e6 / period);
  put_threads(&dict, reading);
  put_totals(&dict, reading);
  dict.put_float("cpu_user_utilization", user);
  dict.put_float("cpu_system_utilization", system);
  dict.put_float("cpu_utilization", user + system);
  dict.put_float("cpu_user_time", user);
  dict.put_float("cpu_system_time", system);
  dict.put_float("cpu_time", user + system);
  put_memory(&dict, usage);
  return dict.take();
}

Ref Metrics::process_metrics() const {
  if (recording_ == nullptr) return Ref::borrow(Py_None);
  const RequestReading reading = recording_->recorder.read(RequestRecorder::Reading::kLook, base::now().count());
  const std::int64_t now_us = base::wall_clock_us();
  const std::int64_t started_us = Runtime::get().started_us();
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const wsgi::ThreadSums sums = reading.sums();
  Ref threads = Ref::steal(PyList_New(0));
  for (const ThreadUse& use : reading.threads) {
    if (!use.started) continue;
    DictBuilder thread;
    thread.put_int("thread_id", use.thread_id);
    thread.put_count("request_count", use.all_completed);
    Ref made = thread.take();
    if (threads && (!made || PyList_Append(threads.get(), made.get()) < 0)) threads.reset();
  }
  DictBuilder dict;
  dict.put_int("pid", getpid());
  dict.put_count("request_count", sums.all_completed);
  dict.put_seconds("request_busy_time", sums.all_busy_us);
  put_memory(&dict, usage);
  dict.put_seconds("cpu_user_time", micros(usage.ru_utime));
  dict.put_seconds("cpu_system_time", micros(usage.ru_stime));
  dict.put_seconds("cpu_time", micros(usage.ru_utime) + micros(usage.ru_stime));
  dict.put_seconds("restart_time", started_us);
  dict.put_seconds("current_time", now_us);
  dict.put_int("running_time", (now_us - started_us) / 1'000'000);
  dict.put_count("request_threads", sums.started);
  dict.put_count("active_requests", sums.active);
  dict.put("threads", threads);
  return dict.take();
}

}  // namespace python
