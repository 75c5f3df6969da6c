// SPDX-License-Identifier: Apache-2.0
#pragma once

// What the datagrams of WSGITelemetryService say. Pure.

#include <array>
#include <cstdint>
#include <string>

#include "wsgi/request_metrics.h"
#include "wsgi/telemetry_format.h"

namespace wsgi {

// The directives WSGITelemetryService, WSGISlowRequests and WSGITelemetryOptions.
struct TelemetrySettings {
  std::string socket;  // path of the collector's; empty: no telemetry
  std::int64_t interval_us = 1'000'000;
  std::int64_t slow_us = -1;  // requests that take longer are told of one by one; -1: none
  bool user_agent = false;    // of slow requests
  std::int64_t httpd_pid = 0;
  bool operator==(const TelemetrySettings&) const = default;
};

struct TelemetryIdentity {
  std::string version;
  std::string python_version;
  std::string httpd_version;
  std::string mpm_name;
  std::string hostname;
  std::string process_group;
  std::int64_t switch_interval_us = 0;
  bool in_daemon = false;
};

// CPU time within the period; memory now, in bytes.
struct ProcessUse {
  std::int64_t cpu_user_us = 0;
  std::int64_t cpu_system_us = 0;
  std::int64_t resident = 0;
  std::int64_t max_resident = 0;
};

struct SlowRequest {
  bool completed = false;
  std::int64_t start_us = 0;  // wall clock
  std::int64_t duration_us = 0;
  std::int32_t thread_id = 0;
  std::int64_t server_pid = 0;  // of the httpd process that has the client
  std::string log_id, method, scheme, hostname, script_name, path_info, protocol, peer, user_agent;
  RequestSample sample;  // of a request under way, its phases only
  std::int64_t cpu_system_us = 0;
  std::uint64_t active_at_start = 0;
  std::uint64_t active_at_end = 0;
};

struct GcCounters {
  std::array<std::uint64_t, 3> counts{}, thresholds{}, collections{}, collected{}, uncollectable{};
  bool enabled = true;
  std::uint64_t frozen = 0;
  std::uint64_t dropped = 0;  // events that found no room
};

struct GcEvent {
  std::int64_t start_us = 0;  // wall clock
  std::int64_t duration_us = 0;
  std::uint64_t generation = 0;
  std::uint64_t collected = 0;
  std::uint64_t uncollectable = 0;
};

// Who sends: in the datagrams that begin a stream.
void put_identity(Datagram* datagram, const TelemetryIdentity& identity, const TelemetrySettings& settings);
void put_requests(Datagram* datagram, const TelemetryIdentity& identity, const TelemetrySettings& settings,
                  const RequestReading& reading, const ProcessUse& use);
void put_slow_request(Datagram* datagram, const SlowRequest& request);
void put_gc_counters(Datagram* datagram, const std::string& interpreter, const GcCounters& counters);
void put_gc_event(Datagram* datagram, const std::string& interpreter, const GcEvent& event);

}  // namespace wsgi
