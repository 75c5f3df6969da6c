// SPDX-License-Identifier: Apache-2.0
#pragma once

// How many workers a group with processes=MIN-MAX should have. The supervisor looks at the queue and at the threads at
// intervals and tells what it sees. Pure: the clock is an argument.

#include <cstddef>
#include <optional>

#include "base/posix.h"
#include "wire/group_spec.h"

namespace gatehoused {

// The group at one moment.
struct Load {
  base::Micros longest_wait{};   // of the tickets in the queue; 0: none waits
  std::size_t ready = 0;         // workers that take tickets
  std::size_t busy_threads = 0;  // of these
};

class Scaling {
 public:
  explicit Scaling(const wire::GroupSpec& spec);

  std::size_t wanted() const { return wanted_; }
  // False: the number never changes, and nobody need look.
  bool is_active() const { return most_ > least_; }
  base::Micros interval() const { return interval_; }
  // One more when a ticket has waited for scale-up-queue although all that are wanted are there; one less when for
  // scale-down-idle the others could have done the work.
  void look(const Load& load, base::Micros now);

 private:
  const std::size_t least_, most_, threads_;
  const base::Micros up_, down_, interval_;
  std::size_t wanted_;
  std::optional<base::Micros> dispensable_since_;
};

}  // namespace gatehoused
