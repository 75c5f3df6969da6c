// SPDX-License-Identifier: Apache-2.0
#include "daemon/memory_maps.h"

#include <sys/mman.h>
#include <sys/stat.h>

#include <algorithm>
#include <iterator>
#include <utility>

namespace gatehoused {

using base::MutexLock;

MemoryMaps::Map MemoryMaps::take(int memory, std::size_t size) {
  Map map;
  struct stat facts {};
  if (fstat(memory, &facts) != 0) return map;
  {
    const MutexLock lock(mutex_);
    const auto found = std::find_if(idle_.begin(), idle_.end(), [&](const Map& idle) {
      return idle.inode_ == facts.st_ino && idle.device_ == facts.st_dev && idle.size() == size;
    });
    if (found != idle_.end()) {
      map = std::move(*found);
      idle_.erase(found);
      return map;
    }
  }
  map.memory_ = base::Mapping::of(memory, size, MAP_POPULATE);
  if (!map.is_open()) return map;
  madvise(map.data(), size, MADV_DONTFORK);
  map.device_ = facts.st_dev;
  map.inode_ = facts.st_ino;
  return map;
}

void MemoryMaps::put(Map map) {
  if (is_forgotten()) map.memory_.release();  // something else may be there
  if (!map.is_open()) return;
  map.is_unused_ = false;
  const MutexLock lock(mutex_);
  if (idle_.size() < kMost) idle_.push_back(std::move(map));
}

void MemoryMaps::close_unused() {
  std::vector<Map> closing;  // after the lock
  const MutexLock lock(mutex_);
  const auto unused = std::partition(idle_.begin(), idle_.end(), [](const Map& map) { return !map.is_unused_; });
  std::move(unused, idle_.end(), std::back_inserter(closing));
  idle_.erase(unused, idle_.end());
  for (Map& map : idle_) map.is_unused_ = true;
}

}  // namespace gatehoused
