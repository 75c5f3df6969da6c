// SPDX-License-Identifier: Apache-2.0
#pragma once

// Answers tickets with 503 while a group cannot start, so that clients learn of it at once. The only thing that
// the supervisor, which may be root, ever does with a request: it looks at no byte of it.

#include <string_view>

namespace gatehoused {

enum class TurnedAway {
  kOne,   // a ticket was answered, or a broken one dropped
  kNone,  // the queue is empty
  kEnd    // the queue is empty and no httpd child is left
};

// Takes one ticket from the queue, without waiting, and ends its request: reason as a line of the request's log
// at level error, then END with FAILED and 503.
TurnedAway turn_away_one(int queue, std::string_view reason);

}  // namespace gatehoused
