// SPDX-License-Identifier: Apache-2.0
#include "wsgi/telemetry_records.h"

#include <algorithm>
#include <vector>

namespace wsgi {
namespace {

using Field = TelemetryField;

constexpr std::size_t kMostThreads = 128;
constexpr std::size_t kLongPath = 512;

bool is_daemons(std::size_t phase) {
  return phase == static_cast<std::size_t>(RequestPhase::kQueue) ||
         phase == static_cast<std::size_t>(RequestPhase::kDaemon);
}

double per_second(std::int64_t micros, std::int64_t period_us) {
  return static_cast<double>(micros) / static_cast<double>(period_us);
}

void put_phases(Datagram* datagram, const RequestTotals& totals, bool in_daemon) {
  for (std::size_t i = 0; i < kRequestPhases; ++i) {
    if (is_daemons(i) && !in_daemon) continue;
    const PhaseTimes& times = totals.phases[i];
    const double count = static_cast<double>(std::max<std::uint64_t>(times.count, 1));
    datagram->put_number(Field::kPhaseMean + i, static_cast<double>(times.total_us) / 1e6 / count);
    if (times.count > 0) {
      datagram->put_seconds(Field::kPhaseMinimum + i, times.min_us);
      datagram->put_seconds(Field::kPhaseMaximum + i, times.max_us);
    }
    datagram->put_counts(Field::kPhaseBuckets + i, times.buckets);
  }
}

// The last of the reading's threads is those beyond the expected ones; it is in the sums only.
void put_threads(Datagram* datagram, const RequestReading& reading) {
  const ThreadSums sums = reading.sums();
  datagram->put_number(Field::kCapacityUtilization, reading.capacity_utilization());
  datagram->put_count(Field::kThreadsMaximum, reading.expected_threads());
  datagram->put_count(Field::kThreadsStarted, sums.started);
  datagram->put_count(Field::kThreadsActive, sums.active);

  const std::span shown(reading.threads.data(), std::min(reading.expected_threads(), kMostThreads));
  std::vector<std::uint32_t> completed;
  for (const ThreadUse& thread : shown) completed.push_back(static_cast<std::uint32_t>(thread.completed));
  datagram->put_counts(Field::kThreadCompleted, completed);
  const auto put_times = [&](Field field, std::int64_t ThreadUse::*member) {
    std::vector<std::int64_t> micros;
    for (const ThreadUse& thread : shown) micros.push_back(thread.*member);
    datagram->put_seconds_list(field, micros);
  };
  put_times(Field::kThreadBusyTime, &ThreadUse::busy_us);
  put_times(Field::kThreadCpuTime, &ThreadUse::cpu_us);
  put_times(Field::kThreadCurrentElapsed, &ThreadUse::current_us);
  put_times(Field::kThreadMaxDuration, &ThreadUse::longest_us);
}

// Together they are as many as the requests: one that ended without a status has failed.
void put_statuses(Datagram* datagram, const RequestTotals& totals) {
  std::uint64_t with_status = 0;
  for (const std::uint64_t count : totals.statuses) with_status += count;
  const std::size_t last = totals.statuses.size() - 1;
  for (std::size_t i = 0; i < totals.statuses.size(); ++i)
    datagram->put_count(
        Field::kStatuses + i,
        totals.statuses[i] + (i == last ? totals.requests - std::min(totals.requests, with_status) : 0));
}

}  // namespace

void put_identity(Datagram* datagram, const TelemetryIdentity& identity, const TelemetrySettings& settings) {
  datagram->put_text(Field::kVersion, identity.version);
  datagram->put_text(Field::kPythonVersion, identity.python_version);
  datagram->put_text(Field::kHttpdVersion, identity.httpd_version);
  datagram->put_text(Field::kMpmName, identity.mpm_name);
  datagram->put_text(Field::kHostname, identity.hostname);
  datagram->put_text(Field::kProcessGroup, identity.process_group);
  datagram->put_count(Field::kParentPid, static_cast<std::uint64_t>(settings.httpd_pid));
}

void put_requests(Datagram* datagram, const TelemetryIdentity& identity, const TelemetrySettings& settings,
                  const RequestReading& reading, const ProcessUse& use) {
  const RequestTotals& totals = reading.totals;
  const std::int64_t period_us = std::max<std::int64_t>(reading.period_us, 1);
  put_identity(datagram, identity, settings);
  datagram->put_seconds(Field::kSamplePeriod, period_us);
  datagram->put_seconds(Field::kInterval, settings.interval_us);
  datagram->put_seconds(Field::kSlowThreshold, std::max<std::int64_t>(settings.slow_us, 0));
  datagram->put_seconds(Field::kSwitchInterval, identity.switch_interval_us);
  datagram->put_count(Field::kRequestCount, totals.requests);
  datagram->put_number(Field::kRequestThroughput,
                       static_cast<double>(totals.requests) * 1e6 / static_cast<double>(period_us));
  datagram->put_number(Field::kCpuUserUtilization, per_second(use.cpu_user_us, period_us));
  datagram->put_number(Field::kCpuSystemUtilization, per_second(use.cpu_system_us, period_us));
  datagram->put_number(Field::kCpuUtilization, per_second(use.cpu_user_us + use.cpu_system_us, period_us));
  datagram->put_count(Field::kMemoryResident, static_cast<std::uint64_t>(use.resident));
  datagram->put_count(Field::kMemoryMaxResident, static_cast<std::uint64_t>(use.max_resident));
  datagram->put_count(Field::kInputBytes, totals.input_bytes);
  datagram->put_count(Field::kInputReads, totals.input_reads);
  datagram->put_count(Field::kOutputBytes, totals.output_bytes);
  datagram->put_count(Field::kOutputWrites, totals.output_writes);
  put_statuses(datagram, totals);
  put_phases(datagram, totals, identity.in_daemon);
  put_threads(datagram, reading);
}

void put_slow_request(Datagram* datagram, const SlowRequest& request) {
  const RequestSample& sample = request.sample;
  const auto phase = [&](RequestPhase which) {
    return std::max<std::int64_t>(sample.phases[static_cast<std::size_t>(which)], 0);
  };
  datagram->put_count(Field::kSlowState, request.completed ? 1 : 0);
  datagram->put_seconds(Field::kSlowStart, request.start_us);
  datagram->put_seconds(Field::kSlowDuration, request.duration_us);
  datagram->put_count(Field::kSlowThreadId, static_cast<std::uint64_t>(request.thread_id));
  datagram->put_count(Field::kSlowServerPid, static_cast<std::uint64_t>(request.server_pid));
  datagram->put_text(Field::kSlowLogId, request.log_id);
  datagram->put_text(Field::kSlowMethod, request.method);
  datagram->put_text(Field::kSlowScheme, request.scheme);
  datagram->put_text(Field::kSlowHostname, request.hostname);
  datagram->put_text(Field::kSlowScriptName, request.script_name);
  datagram->put_text(Field::kSlowPathInfo, request.path_info, kLongPath);
  datagram->put_text(Field::kSlowProtocol, request.protocol);
  datagram->put_text(Field::kSlowPeer, request.peer);
  datagram->put_text(Field::kSlowUserAgent, request.user_agent, kLongPath);
  datagram->put_seconds(Field::kSlowServerTime, phase(RequestPhase::kServer));
  datagram->put_seconds(Field::kSlowQueueTime, phase(RequestPhase::kQueue));
  datagram->put_seconds(Field::kSlowDaemonTime, phase(RequestPhase::kDaemon));
  datagram->put_seconds(Field::kSlowApplicationTime, phase(RequestPhase::kApplication));
  datagram->put_seconds(Field::kSlowGilWaitTime, phase(RequestPhase::kGilWait));
  datagram->put_count(Field::kSlowGilWaits, sample.gil_waits);
  datagram->put_count(Field::kSlowInputBytes, sample.input_bytes);
  datagram->put_count(Field::kSlowInputReads, sample.input_reads);
  datagram->put_count(Field::kSlowOutputBytes, sample.output_bytes);
  datagram->put_count(Field::kSlowOutputWrites, sample.output_writes);
  datagram->put_seconds(Field::kSlowInputTime, phase(RequestPhase::kInputRead));
  datagram->put_seconds(Field::kSlowOutputTime, phase(RequestPhase::kOutputWrite));
  datagram->put_count(Field::kSlowStatus, sample.status);
  datagram->put_seconds(Field::kSlowCpuUser, sample.cpu_us - request.cpu_system_us);
  datagram->put_seconds(Field::kSlowCpuSystem, request.cpu_system_us);
  datagram->put_count(Field::kSlowActiveAtStart, request.active_at_start);
  datagram->put_count(Field::kSlowActiveAtEnd, request.active_at_end);
}

void put_gc_counters(Datagram* datagram, const std::string& interpreter, const GcCounters& counters) {
  datagram->put_text(Field::kInterpreter, interpreter);
  const std::pair<Field, const std::array<std::uint64_t, 3>*> blocks[] = {
      {Field::kGcCounts, &counters.counts},
      {Field::kGcThresholds, &counters.thresholds},
      {Field::kGcCollections, &counters.collections},
      {Field::kGcCollected, &counters.collected},
      {Field::kGcUncollectable, &counters.uncollectable}};
  for (const auto& [field, values] : blocks)
    for (std::size_t generation = 0; generation < values->size(); ++generation)
      datagram->put_count(field + generation, (*values)[generation]);
  datagram->put_count(Field::kGcEnabled, counters.enabled ? 1 : 0);
  datagram->put_count(Field::kGcFrozen, counters.frozen);
  datagram->put_count(Field::kGcDropped, counters.dropped);
}

void put_gc_event(Datagram* datagram, const std::string& interpreter, const GcEvent& event) {
  datagram->put_text(Field::kInterpreter, interpreter);
  datagram->put_seconds(Field::kGcEventStart, event.start_us);
  datagram->put_seconds(Field::kGcEventDuration, event.duration_us);
  datagram->put_count(Field::kGcEventGeneration, event.generation);
  datagram->put_count(Field::kGcEventCollected, event.collected);
  datagram->put_count(Field::kGcEventUncollectable, event.uncollectable);
}

}  // namespace wsgi
