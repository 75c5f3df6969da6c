// SPDX-License-Identifier: Apache-2.0
#include "wsgi/telemetry_records.h"

#include <bit>
#include <cstring>
#include <map>
#include <string>

#include "base/bytes.h"

#include <CppUTest/TestHarness.h>

using wsgi::Datagram;
using wsgi::RequestPhase;
using wsgi::TelemetryField;
using wsgi::TelemetryKind;

namespace {

// Numbers as texts, lists as "N values", by field.
std::map<int, std::string> read(std::string_view bytes) {
  base::ByteReader reader(base::as_bytes(bytes.substr(24)));
  std::map<int, std::string> fields;
  while (reader.remaining() > 0) {
    const int field = reader.u16();
    std::string& value = fields[field];
    switch (reader.u8()) {
      case 1:
        value = std::to_string(reader.u64());
        break;
      case 2:
        value = std::to_string(std::bit_cast<double>(reader.u64()));
        break;
      case 4:
        value = reader.text(reader.u16());
        break;
      case 5: {
        const std::size_t count = reader.u16();
        reader.text(4 * count);
        value = std::to_string(count) + " values";
        break;
      }
      case 6: {
        const std::size_t count = reader.u16();
        reader.text(8 * count);
        value = std::to_string(count) + " values";
        break;
      }
      default:
        FAIL("a type that there is not");
    }
    CHECK_TRUE(reader.ok());
  }
  return fields;
}

}  // namespace

TEST_GROUP(TelemetryRecords) {
  Datagram datagram{TelemetryKind::kRequests, 1, 1, 0};
  wsgi::TelemetryIdentity identity{"6.0.5", "3.12.1", "Apache/2.4.62", "event", "host", "shop", 5000, true};
  wsgi::TelemetrySettings settings{"/s", 1'000'000, 2'000'000, false, 99};
  wsgi::RequestRecorder recorder{2, 0};

  std::map<int, std::string> requests(std::int64_t now_us) {
    wsgi::put_requests(&datagram, identity, settings, recorder.read(wsgi::RequestRecorder::Reading::kTake, now_us),
                       {500'000, 250'000, 4096, 8192});
    return read(datagram.bytes());
  }
  void says(const char* expected, const std::map<int, std::string>& fields, int field) {
    const auto found = fields.find(field);
    STRCMP_EQUAL_TEXT(expected, found == fields.end() ? "(none)" : found->second.c_str(),
                      std::to_string(field).c_str());
  }
};

TEST(TelemetryRecords, APeriodWithoutRequestsHasNoExtremes) {
  const auto fields = requests(1'000'000);
  says("6.0.5", fields, 1);
  says("shop", fields, 6);
  says("99", fields, 7);
  says("1.000000", fields, 10);
  says("2.000000", fields, 12);
  says("0.005000", fields, 13);
  says("0", fields, 20);
  says("0.500000", fields, 30);
  says("0.750000", fields, 32);
  says("4096", fields, 40);
  says("2", fields, 50);
  says("0.000000", fields, 61);
  says("(none)", fields, 74);
  says("(none)", fields, 84);
  says("65 values", fields, 97);
  says("2 values", fields, 114);
  says("0", fields, 124);
}

TEST(TelemetryRecords, ARequestIsInAllOfThem) {
  wsgi::RequestSample sample;
  sample.phases = {1000, 2000, 3000, 4000, 10'000, 100, 200, 300};
  sample.started_us = 100'000;
  sample.ended_us = 110'000;
  sample.status = 404;
  sample.output_bytes = 12;
  recorder.begin(1, 100'000);
  recorder.end(1, sample);
  const auto fields = requests(2'000'000);
  says("1", fields, 20);
  says("0.500000", fields, 21);
  says("0.002500", fields, 22);
  says("0.002000", fields, 61);
  says("0.010000", fields, 74);
  says("0.010000", fields, 84);
  says("12", fields, 102);
  says("1", fields, 123);
  says("0", fields, 124);
  says("1", fields, 51);
}

TEST(TelemetryRecords, ARequestWithoutStatusHasFailed) {
  wsgi::RequestSample sample;
  sample.phases.fill(0);
  recorder.begin(1, 0);
  recorder.end(1, sample);
  says("1", requests(1'000'000), 124);
}

TEST(TelemetryRecords, EmbeddedModeHasNoQueue) {
  identity.in_daemon = false;
  const auto fields = requests(1'000'000);
  says("0.000000", fields, 60);
  says("(none)", fields, 61);
  says("(none)", fields, 92);
}

TEST(TelemetryRecords, ThreadsBeyondThoseThatFitAreInTheSumsOnly) {
  wsgi::RequestRecorder many{300, 0};
  wsgi::put_requests(&datagram, identity, settings, many.read(wsgi::RequestRecorder::Reading::kTake, 1000), {});
  const auto fields = read(datagram.bytes());
  says("300", fields, 50);
  says("128 values", fields, 110);
  says("128 values", fields, 114);
}

TEST(TelemetryRecords, ASlowRequestIsDescribed) {
  wsgi::SlowRequest slow;
  slow.completed = true;
  slow.start_us = 5'000'000;
  slow.duration_us = 3'000'000;
  slow.thread_id = 4;
  slow.method = "GET";
  slow.path_info = std::string(1000, 'p');
  slow.sample.phases = {-1, -1, -1, 2'000'000, 2'000'000, 0, 0, 0};
  slow.sample.status = 200;
  slow.sample.cpu_us = 30'000;
  slow.cpu_system_us = 10'000;
  wsgi::put_slow_request(&datagram, slow);
  const auto fields = read(datagram.bytes());
  says("1", fields, 200);
  says("3.000000", fields, 202);
  says("GET", fields, 210);
  says(std::string(512, 'p').c_str(), fields, 214);
  says("(none)", fields, 217);
  says("0.000000", fields, 221);
  says("2.000000", fields, 223);
  says("200", fields, 240);
  says("0.020000", fields, 250);
  says("0.010000", fields, 251);
}

TEST(TelemetryRecords, TheGarbageCollectorIsTold) {
  wsgi::GcCounters counters;
  counters.thresholds = {700, 10, 9};
  counters.uncollectable = {0, 0, 6};
  counters.enabled = false;
  counters.dropped = 5;
  wsgi::put_gc_counters(&datagram, "sub", counters);
  wsgi::put_gc_event(&datagram, "", {1'000'000, 2000, 2, 30, 1});
  const auto fields = read(datagram.bytes());
  says("sub", fields, 8);
  says("700", fields, 303);
  says("9", fields, 305);
  says("6", fields, 314);
  says("0", fields, 315);
  says("5", fields, 317);
  says("1.000000", fields, 320);
  says("0.002000", fields, 321);
  says("2", fields, 322);
  says("30", fields, 323);
}
