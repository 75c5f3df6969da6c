// SPDX-License-Identifier: Apache-2.0
#pragma once

// Loads the scripts of a plan into this process, and tells what that has left running: what a fork would lose.
// Thread: the one that started the engine, before there are others.

#include <cstdint>
#include <string>

#include "daemon/load_plan.h"
#include "wsgi/engine_abi.h"

namespace gatehoused {

enum class Loaded {
  kYes,
  kAbsent,  // there is no such file, or not for this user; logged unless it is required
  kNo       // logged by the engine
};
// mtime_us: of the file before it was loaded; 0 when there is none.
Loaded load_import(const gatehouse_engine_table& engine, const std::string& group, const PlannedImport& planned,
                   std::int64_t* mtime_us, std::uint32_t flags = 0);

// Modification time of a file in microseconds, as httpd counts them; 0 when there is none.
std::int64_t mtime_of(const std::string& file);

// Threads of this process but the calling one, and its child processes.
struct Company {
  int threads = 0;
  int children = 0;
  std::string names;  // "Thread-1 (poll), redis-server": of Python's threads, and of programs
  bool any() const { return threads + children > 0; }
};
Company company_of_this_process(const gatehouse_engine_table& engine);

}  // namespace gatehoused
