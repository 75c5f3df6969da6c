// SPDX-License-Identifier: Apache-2.0
#pragma once

// For queue-fairness=: how many requests of each client, or of each virtual host, wait in a group's queue. One page in
// memory that httpd's parent makes for each such group and configuration, and that its children share. Each child
// counts in a column of its own, which the parent clears when the child has ended: whatever became of it, its requests
// wait no longer. The parent only writes, and believes nothing that it finds there.

#include <sys/types.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/posix.h"

namespace httpd {

// May one more request wait of a key that has `own` of them waiting? It may have as many as the queue has free places:
// whoever is alone gets half of the queue, k greedy ones a (k+1)th each, and there is always room for one more (dynamic
// thresholds, as switches share their buffers). One may always wait.
constexpr bool may_wait(std::size_t own, std::size_t waiting, std::size_t size) {
  return own == 0 || own + waiting < size;
}

class WaitingCounts {
 public:
  using Key = std::uint32_t;
  static constexpr std::size_t kKeys = 1024;

  // For so many children at a time; the caller's, to be deleted. nullptr: there is no memory. Parent.
  static WaitingCounts* create(std::size_t children);

  // Keys of one configuration; which of them fall together cannot be foreseen.
  Key key_of_client(std::string_view address) const;  // an IPv6 client counts by its network, /64
  Key key_of(const void* server) const;

  // A child gets a column; without a free one it does not count. Child, before its threads.
  void enter();
  // A child has ended: clears its column. Parent.
  void clear(pid_t child);

  std::size_t waiting(Key key) const;  // any thread of a child

  // One request that waits. Any thread of a child.
  class Place {
   public:
    Place() = default;
    Place(WaitingCounts* counts, Key key);
    Place(Place&& other) noexcept;
    Place& operator=(Place&& other) noexcept;
    ~Place() { leave(); }
    // It waits no longer. Any number of times.
    void leave();

   private:
    std::atomic<std::uint16_t>* count_ = nullptr;
  };

 private:
  using Count = std::atomic<std::uint16_t>;

  explicit WaitingCounts(std::size_t children) : children_(children) {}
  Key mix(std::uint64_t value) const;
  Count& at(std::size_t key, std::size_t column) const { return counts_[key * children_ + column]; }

  const std::size_t children_;
  base::Mapping page_;
  std::uint64_t seed_ = 0;
  std::atomic<pid_t>* owners_ = nullptr;  // of the columns; 0: free. Shared, as all that follows
  Count* counts_ = nullptr;               // by key, then by column
  std::size_t column_ = SIZE_MAX;         // of this process
};

}  // namespace httpd
