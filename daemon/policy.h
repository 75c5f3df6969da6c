// SPDX-License-Identifier: Apache-2.0
#pragma once

// Every decision of the daemon that depends on time or numbers: when to start again what has failed, how many
// workers to fork, how long to wait before a kill. Pure functions on (state, now): tested with a fake clock.

#include <cstddef>

#include "base/posix.h"
#include "wire/group_spec.h"

namespace gatehoused {

using base::Deadline;
using base::Micros;

// For log lines.
inline double seconds(Micros duration) { return static_cast<double>(duration.count()) / 1e6; }

// What has failed lives on probation for this long after its start.
inline constexpr Micros kQuickDeath = std::chrono::seconds(5);
inline constexpr Micros kFirstDelay = std::chrono::milliseconds(100);
// Between forks of a warm zygote, and between starts of Python.
inline constexpr Micros kLongestDelay = std::chrono::seconds(2);
inline constexpr Micros kLongestStartDelay = std::chrono::seconds(10);
// After so long without a quick death the count starts afresh.
inline constexpr Micros kForget = std::chrono::seconds(60);
// The limit for requests in hand when a worker leaves in peace: changed code, end of a generation.
inline constexpr Micros kLeavingLimit = std::chrono::seconds(30);
// Between a worker's own end by its deadline and SIGKILL from above.
inline constexpr Micros kKillGrace = std::chrono::seconds(1);

// Starts of one kind of process: at once, at once again after a first quick death, then 100 ms, doubled each
// time up to the longest. A death after more than kQuickDeath is replaced at once and does not count; nor does one
// while a delay runs, so that processes which die together count as one. A worker that leaves by itself counts
// like one that died: code that is always found stale must not make a fork storm.
struct Backoff {
  int quick_deaths = 0;
  Micros last_death{};  // that counted
  Micros last_end{};    // whether it counted or not
  Micros not_before{};
};
Backoff after_death(Backoff backoff, Micros lived, Micros now, Micros longest = kLongestDelay);
inline bool may_start(const Backoff& backoff, Micros now) { return now >= backoff.not_before; }

// After so many attempts in a row to load the same code, when the next one is due: after 1 s, doubled each time up to
// 30 s. A change of the code makes it due at once.
Micros load_delay(int failures);
// How long a generation may take to load; never for the first one of a group without startup-timeout=.
inline constexpr Micros kReloadLimit = std::chrono::seconds(30);
Deadline load_deadline(const wire::GroupSpec& spec, bool is_first, Micros since);

// A generation as it stands.
struct Census {
  std::size_t wanted = 0;      // processes=
  std::size_t taking = 0;      // workers that take tickets, or are about to; without those that want relief
  std::size_t free_slots = 0;  // of the slot table
  bool zygote_up = false;
  bool ending = false;  // the group finishes or stops
};
// Where none is left that takes tickets, the delay of the first one ends so long after the last one's end.
inline constexpr Micros kLongestOutage = std::chrono::seconds(1);
// When the next fork may be.
Micros next_fork(const Census& census, const Backoff& backoff);
// How many workers to fork now. More than wanted exist only while some are leaving.
std::size_t forks_due(const Census& census, const Backoff& backoff, Micros now);

// Whether a worker still lives, by the beats that its watchdog leaves for the supervisor. It acts on deadlock-timeout=
// itself if it can; one that is stopped cannot. A second look tells it from one whose machine, or whose supervisor, was
// stopped as well: that beats again before it.
class Silence {
 public:
  static constexpr Micros kGrace = std::chrono::milliseconds(250), kSecondLook = std::chrono::milliseconds(350);

  // True: it has been silent for longer than deadlock (0: for ever), and was so at the look before. beat: the last one;
  // 0: there was none yet, of
  // which nothing follows.
  bool look(Micros beat, Micros now, Micros deadlock);
  // When to look again; Micros::max(): never.
  Micros next() const { return next_; }

 private:
  Micros next_ = Micros::max();
  Micros overdue_{};  // the beat that was too old
  Micros second_look_{};
};

// Slots for the workers of a group: those wanted, those they replace, and two such sets that are slow to leave.
std::size_t slots_for(std::size_t processes);

enum class Ending {
  kPeaceful,  // no new tickets come; the ones in hand are finished
  kPrompt     // httpd stops
};
// How long a worker may take to finish what it holds.
Micros time_to_finish(Ending ending, const wire::GroupSpec& spec);
// The same for one that a newer generation has replaced: graceful-timeout=, or kLeavingLimit where it is not given.
Micros time_to_retire(const wire::GroupSpec& spec);

}  // namespace gatehoused
