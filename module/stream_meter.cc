// SPDX-License-Identifier: Apache-2.0
#include "module/stream_meter.h"

#include <cstdlib>
#include <cstring>
#include <new>
#include <utility>

namespace httpd {

// In front of the bytes: httpd hands their address to the function that frees them, and nothing else.
struct alignas(16) StreamMeter::Header {
  std::shared_ptr<Count> count;
  std::size_t size;

  static void on_free(void* bytes) noexcept {
    auto* const header = static_cast<Header*>(bytes) - 1;
    header->count->fetch_sub(header->size, std::memory_order_relaxed);
    header->~Header();
    std::free(header);
  }
};

apr_bucket* StreamMeter::new_bucket(std::string_view bytes, apr_bucket_alloc_t* allocator) const {
  void* const memory = std::malloc(sizeof(Header) + bytes.size());
  if (memory == nullptr) std::abort();
  auto* const header = new (memory) Header{count_, bytes.size()};
  auto* const copy = reinterpret_cast<char*>(header + 1);
  std::memcpy(copy, bytes.data(), bytes.size());
  count_->fetch_add(bytes.size(), std::memory_order_relaxed);
  return apr_bucket_heap_create(copy, bytes.size(), Header::on_free, allocator);
}

}  // namespace httpd
