// SPDX-License-Identifier: Apache-2.0

// mod_wsgi.start_recording_metrics, request_metrics, process_metrics: each in an interpreter of its own, since
// recording, once begun, goes on.

#include <string>

#include "tests/engine/fake_host.h"

#include <CppUTest/TestHarness.h>

using fake_host::Reply;
using fake_host::Site;

TEST_GROUP(Metrics) {
  Site site;

  Reply execute(const std::string& statements) {
    site.application("import mod_wsgi\nanswer = ''\n" + statements +
                     "\nstart_response('200 OK', [])\nreturn [str(answer).encode()]");
    return site.get();
  }
  void says(const char* expected, const std::string& statements) {
    const Reply reply = execute(statements);
    STRCMP_EQUAL_TEXT(expected, reply.body.c_str(), reply.log.empty() ? "" : reply.log.back().c_str());
  }
};

TEST(Metrics, there_are_none_before_recording) {
  site.interpreter = "metrics-1";
  says("None None", "answer = f'{mod_wsgi.request_metrics()} {mod_wsgi.process_metrics()}'");
}

TEST(Metrics, requests_are_counted_and_reading_takes_them_away) {
  site.interpreter = "metrics-2";
  execute("mod_wsgi.start_recording_metrics()\nmod_wsgi.start_recording_metrics()");
  execute("");
  execute("");
  says("2 0",
       "answer = f\"{mod_wsgi.request_metrics()['request_count']} {mod_wsgi.request_metrics()['request_count']}\"");
  says("1", "answer = mod_wsgi.request_metrics()['request_count']");
}

TEST(Metrics, an_interpreter_does_not_take_what_another_reads) {
  site.interpreter = "metrics-3";
  execute("mod_wsgi.start_recording_metrics()");
  site.interpreter = "metrics-4";
  execute("mod_wsgi.start_recording_metrics()");
  execute("");
  execute("mod_wsgi.request_metrics()");
  site.interpreter = "metrics-3";
  says("3", "answer = mod_wsgi.request_metrics()['request_count']");
}

TEST(Metrics, all_keys_are_there) {
  site.interpreter = "metrics-5";
  execute("mod_wsgi.start_recording_metrics()");
  says("True []",
       "m = mod_wsgi.request_metrics()\n"
       "phases = ('server_time', 'queue_time', 'daemon_time', 'application_time', 'request_time', 'gil_wait_time',\n"
       "  'input_read_time', 'output_write_time')\n"
       "expected = set('''pid start_time stop_time sample_period request_count request_throughput\n"
       "  request_threads_maximum request_threads_started request_threads_active capacity_utilization\n"
       "  request_threads_completed request_threads_buckets request_threads_busy_time request_threads_cpu_time\n"
       "  request_threads_current_elapsed request_threads_max_duration gil_wait_count input_bytes input_reads\n"
       "  output_bytes output_writes status_1xx status_2xx status_3xx status_4xx status_5xx cpu_user_utilization\n"
       "  cpu_system_utilization cpu_utilization cpu_user_time cpu_system_time cpu_time memory_rss\n"
       "  memory_max_rss'''.split())\n"
       "expected |= {p + s for p in phases for s in ('', '_min_us', '_max_us', '_buckets')}\n"
       "answer = f'{len(m[\"server_time_buckets\"]) == 65} {sorted(expected ^ set(m))}'");
}

TEST(Metrics, what_requests_read_and_write_is_counted) {
  site.interpreter = "metrics-6";
  execute("mod_wsgi.start_recording_metrics()");
  execute("mod_wsgi.request_metrics()");
  site.application(
      "environ['wsgi.input'].read()\nstart_response('404 Not Found', [])\nreturn iter([b'abc', b'', b'd'])");
  site.post("12345");
  site.content_length = 0;
  site.body_pieces.clear();
  says("2 5 1 4 2 1 1",
       "m = mod_wsgi.request_metrics()\n"
       "answer = ' '.join(str(m[k]) for k in ('request_count', 'input_bytes', 'input_reads', 'output_bytes',\n"
       "  'output_writes', 'status_2xx', 'status_4xx'))");
}

TEST(Metrics, the_process_since_its_start) {
  site.interpreter = "metrics-7";
  execute("mod_wsgi.start_recording_metrics()");
  execute("");
  says(
      "1 1 True ['active_requests', 'cpu_system_time', 'cpu_time', 'cpu_user_time', 'current_time', 'memory_max_rss', "
      "'memory_rss', 'pid', 'request_busy_time', 'request_count', 'request_threads', 'restart_time', 'running_time', "
      "'threads'] [{'thread_id': 6, 'request_count': 1}]",
      "m = mod_wsgi.process_metrics()\n"
      "answer = f\"{m['request_count']} {m['active_requests']} {m['memory_rss'] > 1000000} {sorted(m)} "
      "{m['threads']}\"");
}
