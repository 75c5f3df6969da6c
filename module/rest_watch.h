// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <thread>

#include "base/posix.h"

namespace httpd {

// A thread that calls pool->close_rested() as long as it is due: while requests come, and some seconds more. (The
// timers of httpd's event MPM do not wake a child that is idle.) pool lives as long as the process. Any thread.
template <typename Pool>
void watch_rest(Pool* pool) noexcept {
  constexpr auto on_thread = [](void* argument) noexcept -> void* {
    do std::this_thread::sleep_for(Pool::kLongestRest);
    while (static_cast<Pool*>(argument)->close_rested(base::now()));
    return nullptr;
  };
  if (base::start_thread(on_thread, pool) != 0) pool->give_watch_up();
}

}  // namespace httpd
