// SPDX-License-Identifier: Apache-2.0
#pragma once

// The supervisor's record of a group's workers, by slot: what each is doing, and the way to tell it something. Knows
// generations only by their number. Thread: the supervisor's only one.

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/posix.h"
#include "daemon/orders.h"
#include "daemon/policy.h"
#include "daemon/slots.h"

namespace gatehoused {

struct Worker {
  enum class State : std::uint8_t { kNone, kForking, kLoading, kTaking, kLeaving } state = State::kNone;
  int brood = 0;
  pid_t pid = 0;
  Micros started{};
  base::UniqueFd line;
  bool wants_relief = false;
  std::string leaving_for;  // as it said: escaped; empty: it has not
  Silence silence;
  bool is_silent = false;  // so it has been killed
};

class Workers {
 public:
  explicit Workers(std::size_t slots) : slots_(slots) {}

  std::size_t size() const { return slots_.size(); }
  Worker& operator[](std::size_t slot) { return slots_[slot]; }
  auto begin() { return slots_.begin(); }
  auto end() { return slots_.end(); }

  // Of a generation: all of them; those that take tickets and want to stay; the threads of these that are busy.
  std::size_t count(int brood) const;
  std::size_t count_ready(int brood) const;
  std::size_t count_busy_threads(int brood, SlotTable& table) const;
  // Fills what a census says of workers.
  void count_for(int brood, Census* census) const;

  std::optional<std::size_t> find(pid_t pid) const;
  std::optional<std::size_t> free_slot() const;
  // The latest that takes tickets, one without a request if there is one; nullptr: none does.
  Worker* most_dispensable(int brood, SlotTable& table);

  // Tells those of a generation that can hear it.
  void tell_all(int brood, const WorkerOrder& order) const;
  // Forgets those of a generation; unborn: only those that were never heard to have been forked.
  enum class Which { kAll, kUnborn };
  void forget(int brood, Which which);

 private:
  std::vector<Worker> slots_;
};

}  // namespace gatehoused
