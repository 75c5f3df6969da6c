// SPDX-License-Identifier: Apache-2.0
#include "daemon/policy.h"

#include <algorithm>

namespace gatehoused {

Backoff after_death(Backoff backoff, Micros lived, Micros now) {
  if (now - backoff.last_death > kForget) backoff.quick_deaths = 0;
  if (lived >= kQuickDeath || !may_start(backoff, now)) return backoff;

  backoff.last_death = now;
  ++backoff.quick_deaths;
  Micros delay{};
  if (backoff.quick_deaths > 1) {
    // 2^7 * 100 ms is past the longest delay; the shift must not be.
    delay = std::min(kLongestDelay, kFirstDelay * (1 << std::min(backoff.quick_deaths - 2, 7)));
  }
  backoff.not_before = now + delay;
  return backoff;
}

std::size_t forks_due(const Census& census, const Backoff& backoff, Micros now) {
  if (census.ending || !census.zygote_up || !may_start(backoff, now)) return 0;
  if (census.taking >= census.wanted) return 0;
  return std::min(census.wanted - census.taking, census.free_slots);
}

std::size_t slots_for(std::size_t processes) { return 3 * processes + 1; }

Micros time_to_finish(Ending ending, const wire::GroupSpec& spec) {
  // shutdown-timeout=0 asks for no hurry, not for a process that outlives httpd.
  if (ending == Ending::kPeaceful || spec.shutdown_timeout <= 0) return kLeavingLimit;
  return Micros(spec.shutdown_timeout);
}

}  // namespace gatehoused
