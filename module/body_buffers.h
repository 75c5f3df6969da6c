// SPDX-License-Identifier: Apache-2.0
#pragma once

// Memory for request bodies that go to a worker whole: written here, read there by its descriptor. It is used again for
// the group's next body, since the kernel takes longer to find such memory than to fill it. Its size is sealed, so that
// no worker can take it from under this process. A worker that keeps the descriptor might see later bodies; but these
// belong to requests of the same group, whose processes are one user's. Any thread.

#include <cstddef>
#include <vector>

#include "base/mutex.h"
#include "base/posix.h"

namespace httpd {

class BodyBuffers {
 public:
  static constexpr std::size_t kSize = 1u << 20;
  // Idle ones that are kept.
  static constexpr std::size_t kMost = 32;
  static constexpr base::Micros kLongestRest = std::chrono::seconds(5);

  // Of one request. Unmapped at its end, unless given back.
  class Buffer {
   public:
    Buffer() = default;
    Buffer(Buffer&& other) noexcept { *this = std::move(other); }
    Buffer& operator=(Buffer&& other) noexcept;
    ~Buffer();

    bool valid() const { return data_ != nullptr; }
    char* data() const { return data_; }  // of kSize bytes
    int descriptor() const { return fd_.get(); }

   private:
    friend class BodyBuffers;
    base::UniqueFd fd_;
    char* data_ = nullptr;
    base::Micros since_{};  // at rest
  };

  // Invalid when the kernel gives none.
  Buffer take();
  // No worker reads it any more. True: close_rested() is due after kLongestRest, and nobody has been told so yet.
  bool put(Buffer buffer, base::Micros now);
  // As KeptChannels' (kept_channels.h).
  bool close_rested(base::Micros now);
  void give_watch_up();

 private:
  base::Mutex mutex_;
  std::vector<Buffer> idle_ GH_GUARDED_BY(mutex_);  // longest at rest first
  bool is_watched_ GH_GUARDED_BY(mutex_) = false;
};

}  // namespace httpd
