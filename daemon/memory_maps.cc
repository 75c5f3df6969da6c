// SPDX-License-Identifier: Apache-2.0
#include "daemon/memory_maps.h"

#include <sys/mman.h>
#include <sys/stat.h>

#include <algorithm>
#include <iterator>

namespace gatehoused {

using base::MutexLock;

MemoryMaps::Map& MemoryMaps::Map::operator=(Map&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  std::swap(device_, other.device_);
  std::swap(inode_, other.inode_);
  std::swap(is_unused_, other.is_unused_);
  return *this;
}

MemoryMaps::Map::~Map() {
  if (data_ != nullptr) munmap(data_, size_);
}

MemoryMaps::Map MemoryMaps::take(int memory, std::size_t size) {
  Map map;
  struct stat facts {};
  if (fstat(memory, &facts) != 0) return map;
  {
    const MutexLock lock(mutex_);
    const auto found = std::find_if(idle_.begin(), idle_.end(), [&](const Map& idle) {
      return idle.inode_ == facts.st_ino && idle.device_ == facts.st_dev && idle.size_ == size;
    });
    if (found != idle_.end()) {
      map = std::move(*found);
      idle_.erase(found);
      return map;
    }
  }
  void* const data = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, memory, 0);
  if (data == MAP_FAILED) return map;
  madvise(data, size, MADV_DONTFORK);
  map.data_ = static_cast<char*>(data);
  map.size_ = size;
  map.device_ = facts.st_dev;
  map.inode_ = facts.st_ino;
  return map;
}

void MemoryMaps::put(Map map) {
  if (is_forgotten()) map.data_ = nullptr;  // something else may be there
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
