// SPDX-License-Identifier: Apache-2.0
#include "daemon/scaling.h"

#include <algorithm>

namespace gatehoused {
namespace {

constexpr base::Micros kShortestInterval = std::chrono::milliseconds(10);
constexpr base::Micros kLongestInterval = std::chrono::seconds(1);

std::size_t count(std::int64_t number) { return static_cast<std::size_t>(std::max<std::int64_t>(number, 1)); }

}  // namespace

Scaling::Scaling(const wire::GroupSpec& spec)
    : least_(count(spec.processes)),
      most_(count(spec.max_processes())),
      threads_(count(spec.threads)),
      up_(spec.scale_up_queue),
      down_(spec.scale_down_idle),
      interval_(std::clamp(std::min(up_, down_) / 2, kShortestInterval, kLongestInterval)),
      wanted_(least_) {}

void Scaling::look(const Load& load, base::Micros now) {
  if (load.longest_wait > base::Micros(0)) {
    dispensable_since_.reset();
    if (load.longest_wait >= up_ && load.ready >= wanted_) wanted_ = std::min(wanted_ + 1, most_);
    return;
  }
  if (wanted_ == least_ || load.busy_threads > (wanted_ - 1) * threads_) {
    dispensable_since_.reset();
  } else if (!dispensable_since_) {
    dispensable_since_ = now;
  } else if (now - *dispensable_since_ >= down_) {
    --wanted_;
    dispensable_since_ = now;
  }
}

}  // namespace gatehoused
