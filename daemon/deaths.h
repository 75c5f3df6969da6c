// SPDX-License-Identifier: Apache-2.0
#pragma once

// How workers ended: one line for each, and the last of those that were not meant to be. Pure. Thread: the
// supervisor's only one.

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/posix.h"

namespace gatehoused {

struct Death {
  int pid = 0;
  std::string how;  // "left (maximum_requests)", "was killed by signal 11 (SIGSEGV)"
  base::Micros lived{};
  std::int64_t peak_memory = 0;  // the most that was resident, in bytes; 0: not known
  std::string held;              // "no request", "1 request: GET /a [id]"
};

// "worker 12 of group 'shop' was killed by signal 11 (SIGSEGV) after 3.0 s, with 25.3 MiB of memory at most; it held
// 1 request: GET /a [id]"
std::string text_of(const Death& death, const std::string& group);

// The last ones.
class Deaths {
 public:
  static constexpr std::size_t kMost = 32;

  void add(std::string text, std::int64_t wall_clock_us);
  // Oldest first, each with its time (UTC): "2026-11-26 20:15:03 worker 12 ...".
  std::vector<std::string> list() const;

 private:
  struct Entry {
    std::int64_t when_us;
    std::string text;
  };
  std::vector<Entry> entries_;  // a ring once it is full
  std::size_t next_ = 0;
};

}  // namespace gatehoused
