// SPDX-License-Identifier: Apache-2.0
#include "daemon/kept_channels.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <unistd.h>

namespace gatehoused {

bool KeptChannels::adopt(int channel) {
  if (channel >= kNumbers || stopped_.load()) return false;
  std::atomic<State>& state = states_[static_cast<std::size_t>(channel)];
  if (state.load(std::memory_order_relaxed) != kNone) return true;
  if (count_.fetch_add(1) >= kMost) {
    count_.fetch_sub(1);
    return false;
  }
  state.store(kOwned);
  // Edge-triggered: one thread is told of each request, and nothing has to be armed again.
  epoll_event event{};
  event.events = EPOLLIN | EPOLLET;
  event.data.fd = channel;
  if (epoll_ctl(epoll_, EPOLL_CTL_ADD, channel, &event) == 0) return true;
  state.store(kNone);
  count_.fetch_sub(1);
  return false;
}

bool KeptChannels::take(int channel, State from) {
  return states_[static_cast<std::size_t>(channel)].compare_exchange_strong(from, kOwned);
}

// An event may be an old one, of a channel that had this number before: the owner of the new one looks in vain once.
bool KeptChannels::begin(int channel) {
  std::atomic<State>& state = states_[static_cast<std::size_t>(channel)];
  for (;;) {
    State seen = state.load();
    const bool is_idle = seen == kIdle || seen == kIdleLong;
    if (seen == kNone || seen == kEvent) return false;
    if (state.compare_exchange_weak(seen, is_idle ? kOwned : kEvent)) return is_idle;
  }
}

bool KeptChannels::finish(int channel) {
  std::atomic<State>& state = states_[static_cast<std::size_t>(channel)];
  State owned = kOwned;
  if (!state.compare_exchange_strong(owned, kIdle)) {
    state.store(kOwned);
    if (!stopped_.load()) return false;
    close(channel);
    return true;
  }
  // stop() may have looked at it before it was idle.
  if (stopped_.load()) close_idle(channel);
  return true;
}

void KeptChannels::close(int channel) {
  if (channel < kNumbers && states_[static_cast<std::size_t>(channel)].load(std::memory_order_relaxed) != kNone) {
    states_[static_cast<std::size_t>(channel)].store(kNone);
    count_.fetch_sub(1);
  }
  ::close(channel);
}

void KeptChannels::close_idle(int channel) {
  if (take(channel, kIdle) || take(channel, kIdleLong)) close(channel);
}

void KeptChannels::stop() {
  stopped_.store(true);
  for (int channel = 0; channel < kNumbers; ++channel) close_idle(channel);
}

void KeptChannels::close_unused() {
  for (int channel = 0; channel < kNumbers; ++channel) {
    if (take(channel, kIdleLong)) {
      close(channel);
      continue;
    }
    State idle = kIdle;
    states_[static_cast<std::size_t>(channel)].compare_exchange_strong(idle, kIdleLong);
  }
}

void KeptChannels::cover(int dead_end) {
  for (int channel = 0; channel < kNumbers; ++channel) {
    // Once: what that process opens under this number later is its own, also when it forks again.
    if (states_[static_cast<std::size_t>(channel)].exchange(kNone) != kNone) dup3(dead_end, channel, O_CLOEXEC);
  }
}

}  // namespace gatehoused
