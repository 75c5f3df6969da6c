// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "module/kept_channels.h"

namespace httpd {

// A thread that calls close_rested() as long as it is due: while requests come, and some seconds more. (The timers of
// httpd's event MPM do not wake a child that is idle.) kept lives as long as the process. Any thread.
void watch_rest(KeptChannels* kept) noexcept;

}  // namespace httpd
