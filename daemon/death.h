// SPDX-License-Identifier: Apache-2.0
#pragma once

// Whether a process that was killed by SIGKILL fell to the kernel, for want of memory. The kernel counts such kills for
// each memory cgroup (memory.events of version 2, memory.oom_control of version 1) and for the machine (/proc/vmstat),
// and counts before it kills. Thread: the supervisor's one.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace gatehoused {

// One counter, and how many of its kills were told of already.
struct OomCounter {
  std::string file;
  std::string owner;  // "cgroup /shop"; empty: the whole machine
  std::int64_t told = 0;
};

// The counters to look at, the narrowest first, from the text of /proc/self/cgroup. Pure.
std::vector<OomCounter> oom_counters(std::string_view cgroups);

// The number in the line "oom_kill N" of a counter's file; -1: there is none. Pure.
std::int64_t oom_kills_in(std::string_view text);

// Goes on from "was killed by signal 9 (SIGKILL)". Pure.
std::string text_of_oom(const OomCounter& counter);

class OomWatch {
 public:
  // Remembers what was counted before any process of ours lived.
  OomWatch();
  // For a process that ended with this wait status, and that we did not kill: text_of_oom when a counter has counted
  // one more than it was asked for, else empty.
  std::string explain(int wait_status);

 private:
  std::vector<OomCounter> counters_;
};

}  // namespace gatehoused
