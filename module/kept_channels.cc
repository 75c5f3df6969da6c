// SPDX-License-Identifier: Apache-2.0
#include "module/kept_channels.h"

#include <utility>

#include "wire/channel.h"
#include "wire/frame.h"

namespace httpd {

using base::Micros;
using base::MutexLock;

KeptChannels::InUse& KeptChannels::InUse::operator=(InUse&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(from_, other.from_);
  std::swap(worker_, other.worker_);
  return *this;
}

bool KeptChannels::put(InUse channel, const wire::End& end, Micros now) {
  base::UniqueFd fd = std::move(channel.fd_);  // closed after the lock if it is one too many
  KeptChannels* const from = std::exchange(channel.from_, nullptr);
  const MutexLock lock(mutex_);
  pace_ += (Micros(end.taken_us) - pace_) / 8;
  if (from != nullptr) {
    --of(channel.worker_).in_use;
    drop_channel(channel.worker_);
  }
  of(end.worker).free = end.free;
  if (count_ == kMost) return false;
  if (from == nullptr && is_full(of(end.worker))) return false;  // the next request would not use it, either
  if (from == nullptr) wire::limit_wait(fd.get(), wire::kWithdrawAfter);
  add_channel(end.worker);
  entries_[count_++] = {std::move(fd), end.worker, now};
  return !std::exchange(is_watched_, true);
}

bool KeptChannels::close_rested(Micros now) {
  std::vector<base::UniqueFd> closing;  // after the lock
  const MutexLock lock(mutex_);
  drop_rested(now, &closing);
  is_watched_ = count_ > 0;
  return is_watched_;
}

void KeptChannels::give_watch_up() {
  const MutexLock lock(mutex_);
  is_watched_ = false;
}

KeptChannels::InUse KeptChannels::take(Micros now) {
  std::vector<base::UniqueFd> closing;  // after the lock
  const MutexLock lock(mutex_);
  drop_rested(now, &closing);
  InUse taken;
  if (count_ == 0) return taken;
  std::size_t best = count_ - 1;
  for (std::size_t i = best; i-- > 0;)
    if (of(entries_[i].worker).in_use < of(entries_[best].worker).in_use) best = i;
  Worker& worker = of(entries_[best].worker);
  if (is_full(worker)) return taken;
  // There are workers to which no channel leads yet.
  if (worker.in_use > 0 && known_ < workers_) return taken;
  ++worker.in_use;
  if (worker.free > 0) --worker.free;
  taken.from_ = this;
  taken.worker_ = entries_[best].worker;
  taken.fd_ = remove(best);
  return taken;
}

void KeptChannels::avoid(const InUse& channel) {
  std::vector<base::UniqueFd> closing;  // after the lock
  const MutexLock lock(mutex_);
  for (std::size_t i = count_; i-- > 0;) {
    if (entries_[i].worker != channel.worker_) continue;
    closing.push_back(remove(i));
    drop_channel(channel.worker_);
  }
}

void KeptChannels::drop_rested(Micros now, std::vector<base::UniqueFd>* closing) {
  while (count_ > 0 && now - entries_[0].since > kLongestRest) {
    drop_channel(entries_[0].worker);
    closing->push_back(remove(0));
  }
}

base::UniqueFd KeptChannels::remove(std::size_t index) {
  base::UniqueFd fd = std::move(entries_[index].fd);
  for (--count_; index < count_; ++index) entries_[index] = std::move(entries_[index + 1]);
  return fd;
}

void KeptChannels::add_channel(std::uint16_t worker) {
  if (of(worker).channels++ == 0) ++known_;
}

void KeptChannels::drop_channel(std::uint16_t worker) {
  if (--of(worker).channels == 0) --known_;
}

void KeptChannels::give_up(const InUse& channel) {
  const MutexLock lock(mutex_);
  --of(channel.worker_).in_use;
  drop_channel(channel.worker_);
}

}  // namespace httpd
