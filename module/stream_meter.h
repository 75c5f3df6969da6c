// SPDX-License-Identifier: Apache-2.0
#pragma once

// How much of what was passed to a stream of HTTP/2 is still in httpd. mod_http2 holds up to H2StreamMaxMemSize (64
// KiB) of a stream's bytes, lets the passer wait for more room, and tells nobody. But it frees a block of memory once
// it has sent it on, at the passer's next pass: so blocks are counted from their making to their end. A filter in
// between that makes other blocks of them hides them from this count. Thread: the request's own; blocks may end on any
// thread, and later than the meter.

#include <atomic>
#include <memory>
#include <string_view>

#include "module/httpd_api.h"

namespace httpd {

class StreamMeter {
 public:
  // As long as less is under way, a pass does not wait, with the default of H2StreamMaxMemSize.
  static constexpr std::size_t kMost = 48u << 10;

  // A bucket with a copy of the bytes, counted as long as that lives.
  apr_bucket* new_bucket(std::string_view bytes, apr_bucket_alloc_t* allocator) const;
  // Bytes of buckets that live.
  std::size_t living() const { return count_->load(std::memory_order_relaxed); }

 private:
  using Count = std::atomic<std::size_t>;
  struct Header;
  std::shared_ptr<Count> count_ = std::make_shared<Count>(0);
};

}  // namespace httpd
