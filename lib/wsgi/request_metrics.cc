// SPDX-License-Identifier: Apache-2.0
#include "wsgi/request_metrics.h"

#include <algorithm>
#include <bit>
#include <limits>

namespace wsgi {

std::size_t time_bucket(std::int64_t micros) {
  if (micros < 1000) return 0;
  const std::uint64_t millis = static_cast<std::uint64_t>(micros) / 1000;
  const auto octave = static_cast<std::size_t>(std::bit_width(millis) - 1);
  if (octave >= 16) return kTimeBuckets - 1;
  const std::uint64_t start = std::uint64_t{1000} << octave;
  return octave * 4 + static_cast<std::size_t>((static_cast<std::uint64_t>(micros) - start) * 4 / start);
}

namespace {

// Stays at the largest number instead of going beyond it: a clock that is wrong makes phases of decades.
void add_time(std::int64_t micros, std::int64_t* total) {
  if (__builtin_add_overflow(*total, micros, total)) *total = std::numeric_limits<std::int64_t>::max();
}

}  // namespace

void PhaseTimes::add(std::int64_t micros) {
  if (micros < 0) return;
  min_us = count == 0 ? micros : std::min(min_us, micros);
  max_us = std::max(max_us, micros);
  ++count;
  add_time(micros, &total_us);
  ++buckets[time_bucket(micros)];
}

void PhaseTimes::add(const PhaseTimes& other) {
  if (other.count == 0) return;
  min_us = count == 0 ? other.min_us : std::min(min_us, other.min_us);
  max_us = std::max(max_us, other.max_us);
  count += other.count;
  add_time(other.total_us, &total_us);
  for (std::size_t i = 0; i < kTimeBuckets; ++i) buckets[i] += other.buckets[i];
}

void RequestTotals::add(const RequestSample& sample) {
  ++requests;
  for (std::size_t i = 0; i < kRequestPhases; ++i) phases[i].add(sample.phases[i]);
  gil_waits += sample.gil_waits;
  input_bytes += sample.input_bytes;
  input_reads += sample.input_reads;
  output_bytes += sample.output_bytes;
  output_writes += sample.output_writes;
  if (sample.status >= 100 && sample.status <= 599) ++statuses[sample.status / 100 - 1];
}

void RequestTotals::add(const RequestTotals& other) {
  requests += other.requests;
  for (std::size_t i = 0; i < kRequestPhases; ++i) phases[i].add(other.phases[i]);
  gil_waits += other.gil_waits;
  input_bytes += other.input_bytes;
  input_reads += other.input_reads;
  output_bytes += other.output_bytes;
  output_writes += other.output_writes;
  for (std::size_t i = 0; i < statuses.size(); ++i) statuses[i] += other.statuses[i];
}

ThreadSums RequestReading::sums() const {
  ThreadSums sums;
  for (const ThreadUse& use : threads) {
    sums.started += use.started ? 1 : 0;
    sums.active += use.active ? 1 : 0;
    sums.busy_us += use.busy_us;
    sums.all_completed += use.all_completed;
    sums.all_busy_us += use.all_busy_us;
  }
  return sums;
}

double RequestReading::capacity_utilization() const {
  const double capacity = static_cast<double>(period_us) * static_cast<double>(expected_threads());
  return capacity > 0 ? static_cast<double>(sums().busy_us) / capacity : 0;
}

RequestRecorder::RequestRecorder(std::size_t threads, std::int64_t now_us)
    : size_(threads + 1), places_(std::make_unique<Place[]>(size_)) {
  restart(now_us);
}

RequestRecorder::Place& RequestRecorder::place_of(std::int32_t thread_id) {
  const auto index = static_cast<std::size_t>(thread_id - 1);
  return places_[thread_id >= 1 && index < size_ ? index : size_ - 1];
}

void RequestRecorder::begin(std::int32_t thread_id, std::int64_t now_us) {
  Place& place = place_of(thread_id);
  base::MutexLock lock(place.mutex);
  if (place.under_way++ == 0) place.since_us = now_us;
  place.use.active = place.use.started = true;
}

void RequestRecorder::end(std::int32_t thread_id, const RequestSample& sample) {
  Place& place = place_of(thread_id);
  base::MutexLock lock(place.mutex);
  if (place.under_way == 0) return;
  place.use.active = --place.under_way > 0;
  const std::int64_t duration = sample.ended_us - sample.started_us;
  place.totals.add(sample);
  ++place.use.completed;
  ++place.use.all_completed;
  place.use.busy_us += std::max<std::int64_t>(sample.ended_us - std::max(sample.started_us, place.counted_us), 0);
  place.use.all_busy_us += duration;
  place.use.cpu_us += sample.cpu_us;
  place.use.longest_us = std::max(place.use.longest_us, duration);
}

RequestReading RequestRecorder::read(Reading how, std::int64_t now_us) {
  RequestReading reading;
  for (std::size_t i = 0; i < size_; ++i) {
    Place& place = places_[i];
    base::MutexLock lock(place.mutex);
    ThreadUse use = place.use;
    if (use.active) {
      use.current_us = now_us - place.since_us;
      use.busy_us += now_us - std::max(place.since_us, place.counted_us);
      use.all_busy_us += use.current_us;
    }
    reading.period_us = std::max(reading.period_us, now_us - place.counted_us);
    reading.totals.add(place.totals);
    reading.threads.push_back(use);
    if (how == Reading::kLook) continue;
    place.totals = {};
    place.use.completed = 0;
    place.use.busy_us = place.use.cpu_us = place.use.longest_us = 0;
    place.counted_us = now_us;
  }
  return reading;
}

void RequestRecorder::restart(std::int64_t now_us) {
  for (std::size_t i = 0; i < size_; ++i) {
    Place& place = places_[i];
    base::MutexLock lock(place.mutex);
    place.totals = {};
    place.use = {};
    place.use.thread_id = static_cast<std::int32_t>(i + 1);
    place.under_way = 0;
    place.counted_us = now_us;
  }
}

}  // namespace wsgi
