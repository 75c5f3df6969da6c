// SPDX-License-Identifier: Apache-2.0
#pragma once

// Between an application that yields small pieces quickly and a thread that is woken for each of them: after a few that
// came right behind each other, the thread sleeps for a moment before it asks for more, so that it finds several.
// A piece is held up for kMoment at most, and what a timer is late; the first ones are not. Thread: the request's own.

#include <unistd.h>

#include <cstddef>

#include "base/posix.h"

namespace httpd {

class Gathering {
 public:
  static constexpr base::Micros kMoment = std::chrono::microseconds(200);
  static constexpr base::Micros kSoon = std::chrono::microseconds(500);  // after the piece before
  static constexpr std::size_t kSmall = 16u << 10;
  static constexpr int kRow = 2;

  // More is about to be waited for.
  void before() {
    if (row_ >= kRow) usleep(static_cast<useconds_t>(kMoment.count()));
    asked_ = base::now();
  }
  // It came: so many bytes.
  void after(std::size_t size) { row_ = size <= kSmall && base::now() - asked_ < kSoon ? row_ + 1 : 0; }
  bool is_on() const { return row_ >= kRow; }

 private:
  base::Micros asked_{};
  int row_ = 0;
};

}  // namespace httpd
