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
};

struct QueueEnds {
  base::UniqueFd normal, priority;

  Queues get() const { return {normal.get(), priority.get()}; }
};

}  // namespace gatehoused
