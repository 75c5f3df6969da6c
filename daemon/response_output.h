// SPDX-License-Identifier: Apache-2.0
#pragma once

// A response as it goes to httpd: frames that wait for each other where they may, large bodies and files straight from
// where they are, log lines ahead of all. Thread: the request's own.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "daemon/lent_memory.h"
#include "daemon/pieces.h"
#include "daemon/session_channel.h"
#include "wsgi/engine_abi.h"

namespace gatehoused {

// As gatehouse_request_calls says, where the names are the same.
class ResponseOutput {
 public:
  explicit ResponseOutput(SessionChannel* channel) : channel_(*channel) {}

  gatehouse_io send_head(const gatehouse_response_head& head);
  // The head broke a limit, which is logged.
  bool is_head_refused() const { return head_refused_; }
  // httpd holds nothing back of the request body: from here on, large bodies may go by way of its memory, mapped by
  // maps, which must outlive this.
  void allow_memory(MemoryMaps* maps) { memory_.emplace(&channel_, maps); }
  gatehouse_io send_body(std::span<const gatehouse_text> pieces, gatehouse_send how);
  gatehouse_io send_file(int fd, std::int64_t offset, std::int64_t length);
  gatehouse_io send_interim(std::uint32_t status, std::span<const gatehouse_pair> headers);
  void log(gatehouse_level level, std::string_view line, const gatehouse_place* place = nullptr);
  // Before the end of the response: false when httpd may still say something about it.
  bool settle() { return !memory_ || memory_->settle(); }

 private:
  void note_sent(std::size_t size) {
    if (body_left_ > 0) body_left_ = std::max<std::int64_t>(body_left_ - static_cast<std::int64_t>(size), 0);
  }
  gatehouse_io refuse_head(std::string_view what);
  bool is_too_long(const gatehouse_pair& header) const;
  gatehouse_io refuse_header(const gatehouse_pair& header);
  gatehouse_io buffer(std::span<const gatehouse_text> pieces, std::size_t total);
  gatehouse_io send(Pieces pieces, std::size_t total);
  gatehouse_io send_pieces(Pieces pieces);
  gatehouse_io copy_file(int fd, std::int64_t offset, std::int64_t length);
  bool send_line(gatehouse_level level, std::string_view line, const gatehouse_place* place);

  SessionChannel& channel_;
  std::optional<LentMemory> memory_;
  std::int64_t body_size_ = 0;   // up to now, of what was not to be buffered
  std::int64_t body_left_ = -1;  // by its Content-Length; -1: it has none
  bool head_refused_ = false;
};

}  // namespace gatehoused
