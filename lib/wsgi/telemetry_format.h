// SPDX-License-Identifier: Apache-2.0
#pragma once

// The datagrams of WSGITelemetryService, as collectors of mod_wsgi's telemetry read them (compat.md 9.8): a header of
// 24 bytes, then fields of a number, a type and a value; little-endian. Pure.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace wsgi {

enum class TelemetryKind : std::uint8_t {
  kRequests = 2,  // what the process did since the last one
  kSlowRequest = 4,
  kStarted = 5,
  kStopping = 6,
  kStopped = 7,
  kGcCounters = 8,  // of one interpreter
  kGcEvent = 9      // one collection
};

enum class TelemetryField : std::uint16_t {
  // The process
  kVersion = 1,
  kPythonVersion = 2,
  kHttpdVersion = 3,
  kMpmName = 4,
  kHostname = 5,
  kProcessGroup = 6,
  kParentPid = 7,
  kInterpreter = 8,
  // How it is sampled
  kSamplePeriod = 10,
  kInterval = 11,
  kSlowThreshold = 12,
  kSwitchInterval = 13,
  // What it did in the period
  kRequestCount = 20,
  kRequestThroughput = 21,
  kCapacityUtilization = 22,
  kCpuUserUtilization = 30,
  kCpuSystemUtilization = 31,
  kCpuUtilization = 32,
  kMemoryResident = 40,
  kMemoryMaxResident = 41,
  kThreadsMaximum = 50,
  kThreadsStarted = 51,
  kThreadsActive = 52,
  // Each is the first of eight, one a phase, in the order of RequestPhase.
  kPhaseMean = 60,
  kPhaseMinimum = 70,
  kPhaseMaximum = 80,
  kPhaseBuckets = 90,
  kInputBytes = 100,
  kInputReads = 101,
  kOutputBytes = 102,
  kOutputWrites = 103,
  // By thread
  kThreadCompleted = 110,
  kThreadBusyTime = 111,
  kThreadCpuTime = 112,
  kThreadCurrentElapsed = 113,
  kThreadMaxDuration = 114,
  kStatuses = 120,  // the first of five: 1xx .. 5xx
  // Its end
  kShutdownReason = 130,
  kUptime = 131,
  kLifetimeRequests = 132,
  kActiveAtDecision = 133,
  kActiveAtExit = 134,
  kGracefulDrain = 135,  // 1: no request was cut off
  // A slow request
  kSlowState = 200,  // 0 under way, 1 completed
  kSlowStart = 201,
  kSlowDuration = 202,
  kSlowThreadId = 203,
  kSlowLogId = 204,
  kSlowServerPid = 205,
  kSlowMethod = 210,
  kSlowScheme = 211,
  kSlowHostname = 212,
  kSlowScriptName = 213,
  kSlowPathInfo = 214,
  kSlowProtocol = 215,
  kSlowPeer = 216,
  kSlowUserAgent = 217,
  kSlowServerTime = 220,
  kSlowQueueTime = 221,
  kSlowDaemonTime = 222,
  kSlowApplicationTime = 223,
  kSlowGilWaitTime = 224,
  kSlowGilWaits = 225,
  kSlowInputBytes = 230,
  kSlowInputReads = 231,
  kSlowOutputBytes = 232,
  kSlowOutputWrites = 233,
  kSlowInputTime = 234,
  kSlowOutputTime = 235,
  kSlowStatus = 240,
  kSlowCpuUser = 250,
  kSlowCpuSystem = 251,
  kSlowActiveAtStart = 260,
  kSlowActiveAtEnd = 261,
  // The garbage collector
  kGcCounts = 300,  // the first of three, one a generation; so are the next four
  kGcThresholds = 303,
  kGcCollections = 306,
  kGcCollected = 309,
  kGcUncollectable = 312,
  kGcEnabled = 315,
  kGcFrozen = 316,
  kGcDropped = 317,
  kGcEventStart = 320,
  kGcEventDuration = 321,
  kGcEventGeneration = 322,
  kGcEventCollected = 323,
  kGcEventUncollectable = 324
};

// The field of a block that is by after its first one.
constexpr TelemetryField operator+(TelemetryField first, std::size_t by) {
  return static_cast<TelemetryField>(static_cast<std::size_t>(first) + by);
}

// One datagram in the making. A field that would make it longer than kLongest is left out.
class Datagram {
 public:
  static constexpr std::size_t kLongest = 8192;

  // sequence: counts the process's datagrams of kRequests from 1; others carry that of the last one. time_us: wall
  // clock.
  Datagram(TelemetryKind kind, std::uint32_t pid, std::uint32_t sequence, std::int64_t time_us);

  void put_count(TelemetryField field, std::uint64_t value);
  void put_number(TelemetryField field, double value);
  void put_seconds(TelemetryField field, std::int64_t micros);
  // Cut after longest bytes; an empty text is left out.
  void put_text(TelemetryField field, std::string_view text, std::size_t longest = 255);
  // More than an int32_t holds is the most that it holds.
  void put_counts(TelemetryField field, std::span<const std::uint32_t> values);
  void put_seconds_list(TelemetryField field, std::span<const std::int64_t> micros);

  std::string_view bytes() const { return bytes_; }

 private:
  bool put_head(TelemetryField field, std::uint8_t type, std::size_t size);
  std::string bytes_;
};

}  // namespace wsgi
