// SPDX-License-Identifier: Apache-2.0
#include "module/body_buffers.h"

#include <fcntl.h>
#include <sys/mman.h>

#include <utility>

namespace httpd {

using base::Micros;
using base::MutexLock;

BodyBuffers::Buffer& BodyBuffers::Buffer::operator=(Buffer&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(data_, other.data_);
  std::swap(since_, other.since_);
  return *this;
}

BodyBuffers::Buffer::~Buffer() {
  if (data_ != nullptr) munmap(data_, kSize);
}

BodyBuffers::Buffer BodyBuffers::take() {
  Buffer buffer;
  {
    const MutexLock lock(mutex_);
    if (!idle_.empty()) {
      buffer = std::move(idle_.back());
      idle_.pop_back();
      return buffer;
    }
  }
  buffer.fd_ = base::UniqueFd(memfd_create("gatehouse-body", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  constexpr int kSeals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
  if (!buffer.fd_.valid() || ftruncate(buffer.fd_.get(), kSize) != 0 ||
      fcntl(buffer.fd_.get(), F_ADD_SEALS, kSeals) != 0)
    return {};
  void* const memory = mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_SHARED, buffer.fd_.get(), 0);
  if (memory != MAP_FAILED) buffer.data_ = static_cast<char*>(memory);
  return buffer;
}

bool BodyBuffers::put(Buffer buffer, Micros now) {
  buffer.since_ = now;
  const MutexLock lock(mutex_);
  if (idle_.size() == kMost) return false;
  idle_.push_back(std::move(buffer));
  return !std::exchange(is_watched_, true);
}

bool BodyBuffers::close_rested(Micros now) {
  std::vector<Buffer> closing;  // after the lock
  const MutexLock lock(mutex_);
  while (!idle_.empty() && now - idle_.front().since_ > kLongestRest) {
    closing.push_back(std::move(idle_.front()));
    idle_.erase(idle_.begin());
  }
  is_watched_ = !idle_.empty();
  return is_watched_;
}

void BodyBuffers::give_watch_up() {
  const MutexLock lock(mutex_);
  is_watched_ = false;
}

}  // namespace httpd
