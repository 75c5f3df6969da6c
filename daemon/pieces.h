// SPDX-License-Identifier: Apache-2.0
#pragma once

// What is left of the pieces of a body while it is sent.

#include <algorithm>
#include <cstddef>
#include <span>
#include <string_view>

#include "wsgi/engine_abi.h"

namespace gatehoused {

class Pieces {
 public:
  // The pieces stay the caller's, and must outlive this.
  explicit Pieces(std::span<const gatehouse_text> pieces) : pieces_(pieces) { skip_empty(); }

  bool is_empty() const { return pieces_.empty(); }
  // The next bytes of one piece, at most so many of them; at least one. Not empty before, most > 0.
  std::string_view take(std::size_t most) {
    const gatehouse_text& piece = pieces_.front();
    const std::string_view taken(piece.data + offset_, std::min(most, piece.size - offset_));
    offset_ += taken.size();
    if (offset_ == piece.size) {
      pieces_ = pieces_.subspan(1);
      offset_ = 0;
      skip_empty();
    }
    return taken;
  }

 private:
  void skip_empty() {
    while (!pieces_.empty() && pieces_.front().size == 0) pieces_ = pieces_.subspan(1);
  }

  std::span<const gatehouse_text> pieces_;
  std::size_t offset_ = 0;  // in the first
};

}  // namespace gatehoused
