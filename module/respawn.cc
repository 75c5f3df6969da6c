// SPDX-License-Identifier: Apache-2.0
#include "module/respawn.h"

#include <algorithm>

namespace httpd {
namespace {

using namespace std::chrono_literals;

constexpr base::Micros kLongRun = 60s;
constexpr base::Micros kFirst = 1s;
constexpr base::Micros kLongest = 30s;

}  // namespace

base::Micros RespawnDelay::next(base::Micros ran_for) {
  if (ran_for >= kLongRun) quick_ends_ = 0;
  const unsigned before = quick_ends_++;
  if (before == 0) return base::Micros::zero();
  return std::min(kFirst * (1u << std::min(before - 1, 5u)), kLongest);
}

}  // namespace httpd
