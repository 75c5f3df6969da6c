// SPDX-License-Identifier: Apache-2.0
#pragma once

// When a worker must go, and what is to be done about requests that take too long: pure functions on (state, now),
// tested with a fake clock. Each limit is judged by itself; none needs another to be set.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/posix.h"
#include "wire/group_spec.h"

namespace gatehoused {

using base::Micros;

// Why a worker leaves.
enum class Reason : std::uint32_t {
  kShutdown,         // httpd stops, SIGTERM, SIGINT
  kQueueEnded,       // no httpd child of this generation is left
  kGraceful,         // SIGUSR1
  kEviction,         // SIGUSR1, with eviction-timeout=
  kScriptReload,     // its code is old
  kScaleDown,        // processes=MIN-MAX: it is dispensable
  kMaximumMemory,    // maximum-memory=
  kMaximumRequests,  // maximum-requests=
  kRestartInterval,  // restart-interval=
  kInactivity,       // inactivity-timeout=
  kCpuTime,          // cpu-time-limit=
  kRequestTimeout,   // request-timeout=
  kStartupTimeout,   // startup-timeout=
  kDeadlock,         // deadlock-timeout=
  kServiceEnded      // threads=0: its scripts have returned
};
inline constexpr std::size_t kReasons = 15;

// What applications are told (process_stopping), and log lines: "maximum_requests".
const char* name_of(Reason reason);
// A worker that has done its duty is replaced at once, however short its life was; any other counts for the back-off.
bool is_regular(Reason reason);
bool is_regular(std::string_view name);
// A worker's own watchdog has ended it.
bool is_of_watchdog(std::string_view name);
// How long the requests in hand may take when a worker leaves.
Micros time_to_leave(Reason reason, const wire::GroupSpec& spec);

// Of one worker; zero: none.
struct Limits {
  Micros request{};    // request-timeout x (1 + ln(threads)): the fewer threads, the more each request in the way costs
  Micros stale{};      // request-timeout + interrupt-timeout: from then on a request holds nothing up
  Micros interrupt{};  // between an interruption and the end of patience; zero: no interruption
  Micros graceful{};
  Micros inactivity{};
  Micros restart{};
  Micros startup{};
  Micros deadlock{};
};
Limits limits_of(const wire::GroupSpec& spec);
// restart-jitter: lowers maximum-requests and restart-interval by a part (0 to 1) of that percentage, so that workers
// which started together are not replaced together. A limit never becomes none.
wire::GroupSpec with_jitter(wire::GroupSpec spec, double part);

// One thread as it is now.
struct ThreadView {
  Micros taken{};        // when it took its request; zero: it has none
  Micros interrupted{};  // when that request was interrupted; zero: it was not
};

// A worker as it is now.
struct WorkerView {
  std::span<const ThreadView> threads;
  Micros started{};
  Micros first_taken{};   // when it took its first request; zero: it has taken none
  Micros last_active{};   // start or end of the latest request that counts; zero: there was none
  Micros last_beat{};     // when Python's lock was last seen to be free
  bool loaded = false;    // an application was entered
  bool retiring = false;  // its replacement is on its way
  bool leaving = false;   // it takes no more requests
};

enum class Step {
  kNothing,
  kInterrupt,  // the request of `thread`
  kRetire,     // ask for a replacement, without hurry
  kLeave,      // take no more requests; finish those in hand, up to graceful-timeout
  kStop        // end now
};

struct Verdict {
  Step step = Step::kNothing;
  Reason reason = Reason::kShutdown;
  std::size_t thread = 0;
  Micros next = Micros::max();  // when to judge again at the latest, if nothing changes
};
Verdict judge(const Limits& limits, const WorkerView& worker, Micros now);

}  // namespace gatehoused
