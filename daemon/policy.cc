// SPDX-License-Identifier: Apache-2.0
#include "daemon/policy.h"

#include <algorithm>

namespace gatehoused {

Backoff after_death(Backoff backoff, Micros lived, Micros now, Micros longest) {
  backoff.last_end = now;
  if (now - backoff.last_death > kForget) backoff.quick_deaths = 0;
  if (lived >= kQuickDeath || !may_start(backoff, now)) return backoff;

  backoff.last_death = now;
  ++backoff.quick_deaths;
  Micros delay{};
  if (backoff.quick_deaths > 1) {
    // 2^7 * 100 ms is past any longest delay; the shift must not be.
    delay = std::min(longest, kFirstDelay * (1 << std::min(backoff.quick_deaths - 2, 7)));
  }
  backoff.not_before = now + delay;
  return backoff;
}

Micros next_fork(const Census& census, const Backoff& backoff) {
  if (census.taking > 0) return backoff.not_before;
  return std::min(backoff.not_before, backoff.last_end + kLongestOutage);
}

std::size_t forks_due(const Census& census, const Backoff& backoff, Micros now) {
  if (census.ending || !census.zygote_up || now < next_fork(census, backoff)) return 0;
  if (census.taking >= census.wanted) return 0;
  const std::size_t most = may_start(backoff, now) ? census.wanted - census.taking : 1;
  return std::min(most, census.free_slots);
}

bool Silence::look(Micros beat, Micros now, Micros deadlock) {
  if (deadlock <= Micros(0)) return false;
  beat = std::clamp(beat, Micros(0), now);  // workers write it
  const Micros due = (beat == Micros(0) ? now : beat) + deadlock + kGrace;
  if (now < due) {
    next_ = due;
    return false;
  }
  if (overdue_ == beat && now >= second_look_) return true;
  if (overdue_ != beat) second_look_ = now + kSecondLook;
  overdue_ = beat;
  next_ = second_look_;
  return false;
}

std::size_t slots_for(std::size_t processes) { return 4 * processes + 2; }

Micros load_delay(int failures) {
  constexpr Micros kFirst = std::chrono::seconds(1), kLongest = std::chrono::seconds(30);
  return std::min(kLongest, kFirst * (1 << std::clamp(failures - 1, 0, 5)));
}

Deadline load_deadline(const wire::GroupSpec& spec, bool is_first, Micros since) {
  if (spec.startup_timeout > 0) return Deadline::at(since + Micros(spec.startup_timeout));
  return is_first ? Deadline::never() : Deadline::at(since + kReloadLimit);
}

Micros time_to_finish(Ending ending, const wire::GroupSpec& spec) {
  // shutdown-timeout=0 asks for no hurry, not for a process that outlives httpd.
  if (ending == Ending::kPeaceful || spec.shutdown_timeout <= 0) return kLeavingLimit;
  return Micros(spec.shutdown_timeout);
}

Micros time_to_retire(const wire::GroupSpec& spec) {
  return wire::is_given(spec, "graceful-timeout") ? Micros(spec.graceful_timeout) : kLeavingLimit;
}

}  // namespace gatehoused
