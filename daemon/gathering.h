// SPDX-License-Identifier: Apache-2.0
#pragma once

// Which pieces of a response may be gathered: those that come right behind a few others. The first ones never are, so
// that a response begins at once. Pure. Thread: the request's own.

#include <cstddef>

#include "base/posix.h"

namespace gatehoused {

class Gathering {
 public:
  static constexpr base::Micros kSoon = std::chrono::microseconds(500);  // after the piece before
  static constexpr std::size_t kSmall = 8u << 10;
  static constexpr int kRow = 2;

  // A piece of so many bytes has come: may it be gathered?
  bool add(base::Micros now, std::size_t size) {
    row_ = size <= kSmall && now - last_ < kSoon ? row_ + 1 : 0;
    last_ = now;
    return row_ >= kRow;
  }

 private:
  base::Micros last_ = -kSoon;
  int row_ = 0;
};

}  // namespace gatehoused
