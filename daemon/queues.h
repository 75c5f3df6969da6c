// SPDX-License-Identifier: Apache-2.0
#pragma once

// Where a group's tickets come from: the queue, and its priority lane where the configuration has one
// (WSGIQueuePriority). Read ends.

#include "base/posix.h"

namespace gatehoused {

// Owned elsewhere.
struct Queues {
  int normal = -1;
  int priority = -1;  // -1: there is none; else tickets in it are taken before all others
  int nudge = -1;     // eventfd of all workers of the group: written to, one that waits looks for a ticket; -1: none
};

struct QueueEnds {
  base::UniqueFd normal, priority, nudge;

  Queues get() const { return {normal.get(), priority.get(), nudge.get()}; }
};

}  // namespace gatehoused
