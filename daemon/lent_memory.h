// SPDX-License-Identifier: Apache-2.0
#pragma once

// Memory that httpd lends a request for a large response body (docs/wire.md). What is placed there is told by a frame
// each; httpd says when it has taken it. Thread: the request's own.

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include "daemon/memory_maps.h"
#include "daemon/pieces.h"
#include "daemon/session_channel.h"
#include "wsgi/engine_abi.h"

namespace gatehoused {

class LentMemory {
 public:
  LentMemory(SessionChannel* channel, MemoryMaps* maps) : channel_(*channel), maps_(*maps) {}
  ~LentMemory() { close(); }
  LentMemory(const LentMemory&) = delete;
  LentMemory& operator=(const LentMemory&) = delete;

  // Behind what waits to be sent. What is left of the pieces then has to go by frames: httpd has no memory to lend, or
  // can tell no more what it has taken, because its client has hung up. Waits for httpd; the channel may be gone.
  // left: bytes from the first of the pieces to the end of the body; -1: unknown.
  void send(Pieces* pieces, std::int64_t left);
  // Has httpd taken all, so that it has nothing to tell any more? Waits for that, but for no client.
  bool settle();

 private:
  static constexpr std::size_t kPart = 256u << 10;  // that one frame tells
  // In which httpd takes what its client is quick to take.
  static constexpr base::Micros kMoment = std::chrono::milliseconds(2);

  void open();
  bool await(std::size_t room);
  bool receive_words(base::Micros timeout);
  bool take_word(std::span<const std::byte> frame);
  bool tell(std::size_t size, std::int64_t left);
  void close() { maps_.put(std::move(map_)); }

  SessionChannel& channel_;
  MemoryMaps& maps_;
  bool is_asked_ = false;
  MemoryMaps::Map map_;
  std::size_t at_ = 0;       // where the next part goes
  std::size_t in_use_ = 0;   // not taken yet, or not to be used again
  std::size_t to_come_ = 0;  // of that: of which httpd will tell
};

}  // namespace gatehoused
