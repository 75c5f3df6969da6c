// SPDX-License-Identifier: Apache-2.0
#pragma once

// Where request bodies wait that go to a worker whole, by a descriptor: a pipe, into which the kernel moves what a
// client sends without copying it, or memory; and memory that a worker puts a large response into. Both are used again
// for the group's next body, since the kernel takes longer to find such memory than to fill it. The memory's size is
// sealed, so that no worker can take it from under this process. A worker that keeps the descriptor might see later
// bodies, or change later responses; but these belong to requests of the same group, whose processes are one user's.
// Any thread.

#include <cstddef>
#include <vector>

#include "base/mutex.h"
#include "base/posix.h"

namespace httpd {

class BodyBuffers {
 public:
  static constexpr std::size_t kSize = 1u << 20;
  // Of a pipe, in pages: a place for a page that is written, or for a piece of up to 32 KiB that came by the network.
  // The pipes of a user may have 16,384 in all (/proc/sys/fs/pipe-user-pages-soft).
  static constexpr int kSlots = 64;
  // Idle ones that are kept.
  static constexpr std::size_t kMost = 32;
  static constexpr base::Micros kLongestRest = std::chrono::seconds(5);

  // Of one request. Gone at its end, unless given back.
  class Buffer {
   public:
    bool is_open() const { return mapped_.valid() || pipe_to_read_.valid(); }
    // A pipe, empty, of which neither end waits. False: the kernel gives none.
    bool open_pipe();
    int pipe_to_read() const { return pipe_to_read_.get(); }
    int pipe_to_write() const { return pipe_to_write_.get(); }
    // Memory of kSize bytes. False: the kernel gives none.
    bool open_memory();
    char* data() const { return mapped_.data(); }
    int memory() const { return memory_.get(); }

   private:
    friend class BodyBuffers;
    base::UniqueFd pipe_to_read_, pipe_to_write_;
    base::UniqueFd memory_;
    base::Mapping mapped_;
    base::Micros since_{};  // at rest
  };

  // One that was used before, or one that has nothing yet.
  Buffer take();
  // No worker reads it any more; a pipe that it has left something in is closed. True: close_rested() is due after
  // kLongestRest, and nobody has been told so yet.
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
