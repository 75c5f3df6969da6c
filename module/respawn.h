// SPDX-License-Identifier: Apache-2.0
#pragma once

// How long httpd's parent waits before it starts a supervisor again that ended by itself. Pure.

#include "base/posix.h"

namespace httpd {

// At once the first time; 1 s, 2 s, 4 s ... 30 s for one that keeps ending. One that ran for a minute starts afresh.
class RespawnDelay {
 public:
  base::Micros next(base::Micros ran_for);

 private:
  unsigned quick_ends_ = 0;
};

}  // namespace httpd
