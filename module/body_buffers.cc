// SPDX-License-Identifier: Apache-2.0
#include "module/body_buffers.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <unistd.h>

#include <utility>

namespace httpd {

using base::Micros;
using base::MutexLock;

bool BodyBuffers::Buffer::open_pipe() {
  if (pipe_to_read_.valid()) return true;
  int ends[2];
  if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) return false;
  base::UniqueFd to_read(ends[0]), to_write(ends[1]);
  if (fcntl(to_write.get(), F_SETPIPE_SZ, kSlots * static_cast<int>(sysconf(_SC_PAGESIZE))) < 0) return false;
  pipe_to_read_ = std::move(to_read);
  pipe_to_write_ = std::move(to_write);
  return true;
}

bool BodyBuffers::Buffer::open_memory() {
  if (mapped_.valid()) return true;
  memory_ = base::UniqueFd(memfd_create("gatehouse-body", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  constexpr int kSeals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
  if (!memory_.valid() || ftruncate(memory_.get(), kSize) != 0 || fcntl(memory_.get(), F_ADD_SEALS, kSeals) != 0)
    return false;
  mapped_ = base::Mapping::of(memory_.get(), kSize);
  return mapped_.valid();
}

BodyBuffers::Buffer BodyBuffers::take() {
  const MutexLock lock(mutex_);
  Buffer buffer;
  if (!idle_.empty()) {
    buffer = std::move(idle_.back());
    idle_.pop_back();
  }
  return buffer;
}

bool BodyBuffers::put(Buffer buffer, Micros now) {
  pollfd pipe = {buffer.pipe_to_read(), POLLIN, 0};
  if (pipe.fd >= 0 && poll(&pipe, 1, 0) != 0) {
    buffer.pipe_to_read_.reset();
    buffer.pipe_to_write_.reset();
  }
  if (!buffer.is_open()) return false;
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
