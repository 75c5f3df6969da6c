// SPDX-License-Identifier: Apache-2.0
#pragma once

// A worker's mappings of the memory that httpd's children lend (lent_memory.h). A child lends the same memory again and
// again, and to map 1 MiB takes as long as to fill a third of it: so mappings are kept for the next response that comes
// by way of the same memory. Any thread.

#include <sys/types.h>

#include <atomic>
#include <cstddef>
#include <vector>

#include "base/mutex.h"
#include "base/posix.h"

namespace gatehoused {

class MemoryMaps {
 public:
  // Of one request. Unmapped at its end, unless given back.
  class Map {
   public:
    bool is_open() const { return memory_.valid(); }
    char* data() const { return memory_.data(); }
    std::size_t size() const { return memory_.size(); }

   private:
    friend class MemoryMaps;
    base::Mapping memory_;
    dev_t device_ = 0;  // with inode_: which memory; no other has these as long as it is mapped
    ino_t inode_ = 0;
    bool is_unused_ = false;  // since the last close_unused()
  };

  // Idle ones that are kept.
  static constexpr std::size_t kMost = 64;

  // Of the memory behind a descriptor, for writing. Not open: the kernel maps none.
  Map take(int memory, std::size_t size);
  // Nothing is written to it any more.
  void put(Map map);
  // Unmaps what has not been used since the last call but one: its child may have ended.
  void close_unused();

  // In a process that the application forked, which has no mapping: its parent goes on writing. Async-signal-safe.
  void forget() { is_forgotten_.store(true); }
  bool is_forgotten() const { return is_forgotten_.load(std::memory_order_relaxed); }

 private:
  base::Mutex mutex_;
  std::vector<Map> idle_ GH_GUARDED_BY(mutex_);
  std::atomic<bool> is_forgotten_ = false;
};

}  // namespace gatehoused
