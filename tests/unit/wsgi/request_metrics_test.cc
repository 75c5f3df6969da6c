// SPDX-License-Identifier: Apache-2.0
#include "wsgi/request_metrics.h"

#include <limits>

#include <CppUTest/TestHarness.h>

using wsgi::RequestPhase;
using wsgi::RequestReading;
using wsgi::RequestRecorder;
using wsgi::RequestSample;
using wsgi::time_bucket;

TEST_GROUP(RequestMetrics) {
  RequestRecorder recorder{2, 1000};

  static RequestSample sample(std::int64_t started, std::int64_t ended, std::uint32_t status = 200) {
    RequestSample sample;
    sample.phases.fill(-1);
    sample.phases[static_cast<std::size_t>(RequestPhase::kRequest)] = ended - started;
    sample.started_us = started;
    sample.ended_us = ended;
    sample.status = status;
    return sample;
  }
  void serve(std::int32_t thread, std::int64_t started, std::int64_t ended, std::uint32_t status = 200) {
    recorder.begin(thread, started);
    recorder.end(thread, sample(started, ended, status));
  }
  RequestReading take(std::int64_t now) { return recorder.read(RequestRecorder::Reading::kTake, now); }
};

TEST(RequestMetrics, buckets_are_quarters_of_octaves_from_a_millisecond) {
  LONGS_EQUAL(0, time_bucket(0));
  LONGS_EQUAL(0, time_bucket(1249));
  LONGS_EQUAL(1, time_bucket(1250));
  LONGS_EQUAL(3, time_bucket(1999));
  LONGS_EQUAL(4, time_bucket(2000));
  LONGS_EQUAL(5, time_bucket(2500));
  LONGS_EQUAL(63, time_bucket(65'535'999));
  LONGS_EQUAL(64, time_bucket(65'536'000));
  LONGS_EQUAL(64, time_bucket(INT64_MAX));
}

TEST(RequestMetrics, a_request_is_counted_once_it_has_ended) {
  recorder.begin(1, 2000);
  LONGS_EQUAL(0, take(3000).totals.requests);
  recorder.end(1, sample(2000, 4000));
  LONGS_EQUAL(1, take(5000).totals.requests);
}

TEST(RequestMetrics, reading_takes_the_counts_away) {
  serve(1, 2000, 3000);
  take(4000);
  const RequestReading reading = take(9000);
  LONGS_EQUAL(0, reading.totals.requests);
  LONGS_EQUAL(5000, reading.period_us);
  LONGS_EQUAL(1, reading.threads[0].all_completed);
}

TEST(RequestMetrics, looking_leaves_them) {
  serve(1, 2000, 3000);
  recorder.read(RequestRecorder::Reading::kLook, 4000);
  LONGS_EQUAL(1, take(5000).totals.requests);
}

TEST(RequestMetrics, least_greatest_and_sum_of_a_phase) {
  serve(1, 2000, 5000);
  serve(2, 2000, 9000);
  const RequestReading reading = take(10000);
  const wsgi::PhaseTimes& times = reading.totals.phases[static_cast<std::size_t>(RequestPhase::kRequest)];
  LONGS_EQUAL(2, times.count);
  LONGS_EQUAL(3000, times.min_us);
  LONGS_EQUAL(7000, times.max_us);
  LONGS_EQUAL(10000, times.total_us);
}

TEST(RequestMetrics, times_of_a_wrong_clock_add_up_to_no_nonsense) {
  wsgi::PhaseTimes times, others;
  for (int i = 0; i < 3; ++i) times.add(std::numeric_limits<std::int64_t>::max() / 2);
  CHECK(times.total_us == std::numeric_limits<std::int64_t>::max());
  others.add(5);
  others.add(times);
  CHECK(others.total_us == std::numeric_limits<std::int64_t>::max());
  LONGS_EQUAL(4, others.count);
}

TEST(RequestMetrics, a_phase_that_does_not_apply_is_not_counted) {
  serve(1, 2000, 5000);
  const RequestReading reading = take(10000);
  LONGS_EQUAL(0, reading.totals.phases[static_cast<std::size_t>(RequestPhase::kQueue)].count);
  LONGS_EQUAL(-1, reading.totals.phases[static_cast<std::size_t>(RequestPhase::kQueue)].min_us);
}

TEST(RequestMetrics, a_request_under_way_is_busy_time_of_each_period_once) {
  recorder.begin(1, 2000);
  LONGS_EQUAL(1000, take(3000).threads[0].busy_us);
  recorder.end(1, sample(2000, 7000));
  const RequestReading reading = take(9000);
  LONGS_EQUAL(4000, reading.threads[0].busy_us);
  LONGS_EQUAL(5000, reading.threads[0].longest_us);
  CHECK_FALSE(reading.threads[0].active);
}

TEST(RequestMetrics, how_long_a_request_has_taken_so_far) {
  recorder.begin(2, 2000);
  const RequestReading reading = take(9000);
  CHECK(reading.threads[1].active);
  LONGS_EQUAL(7000, reading.threads[1].current_us);
}

TEST(RequestMetrics, threads_beyond_the_expected_share_a_place) {
  serve(7, 2000, 3000);
  serve(0, 2000, 3000);
  const RequestReading reading = take(4000);
  LONGS_EQUAL(3, reading.threads.size());
  LONGS_EQUAL(2, reading.threads[2].completed);
  LONGS_EQUAL(2, reading.totals.requests);
}

TEST(RequestMetrics, statuses_by_their_class) {
  serve(1, 2000, 3000, 204);
  serve(1, 3000, 4000, 503);
  serve(1, 4000, 5000, 0);
  const RequestReading reading = take(6000);
  LONGS_EQUAL(1, reading.totals.statuses[1]);
  LONGS_EQUAL(1, reading.totals.statuses[4]);
}

TEST(RequestMetrics, a_request_that_began_before_the_recorder_is_left_out) {
  recorder.end(1, sample(500, 3000));
  LONGS_EQUAL(0, take(4000).totals.requests);
}

TEST(RequestMetrics, a_forked_process_begins_anew) {
  serve(1, 2000, 3000);
  recorder.begin(2, 3000);
  recorder.restart(5000);
  const RequestReading reading = take(6000);
  LONGS_EQUAL(0, reading.totals.requests);
  LONGS_EQUAL(1000, reading.period_us);
  LONGS_EQUAL(0, reading.threads[0].all_completed);
  CHECK_FALSE(reading.threads[1].active);
}
