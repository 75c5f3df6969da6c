// SPDX-License-Identifier: Apache-2.0
#include "module/waiting_counts.h"

#include <arpa/inet.h>
#include <sys/random.h>
#include <unistd.h>

#include <cstring>
#include <string>
#include <utility>

namespace httpd {

WaitingCounts* WaitingCounts::create(std::size_t children) {
  const std::size_t size = children * (sizeof(std::atomic<pid_t>) + kKeys * sizeof(Count));
  base::Mapping page = base::Mapping::of(-1, size);  // zeros, which is what atomics of no value are
  if (!page.valid()) return nullptr;
  auto* counts = new WaitingCounts(children);
  counts->page_ = std::move(page);
  counts->owners_ = reinterpret_cast<std::atomic<pid_t>*>(counts->page_.data());
  counts->counts_ = reinterpret_cast<Count*>(counts->owners_ + children);
  if (getrandom(&counts->seed_, sizeof counts->seed_, GRND_NONBLOCK) < 0) counts->seed_ = 0;
  return counts;
}

// The finalizer of splitmix64 around a secret.
WaitingCounts::Key WaitingCounts::mix(std::uint64_t value) const {
  value ^= seed_;
  value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9;
  value = (value ^ value >> 27) * 0x94d049bb133111eb;
  value += seed_;
  value = (value ^ value >> 31) * 0xbf58476d1ce4e5b9;
  return static_cast<Key>((value ^ value >> 29) % kKeys);
}

WaitingCounts::Key WaitingCounts::key_of_client(std::string_view address) const {
  const std::string text(address.substr(0, address.find('%')));
  in6_addr six{};
  in_addr four{};
  std::uint64_t network = 0;
  if (inet_pton(AF_INET, text.c_str(), &four) == 1) {
    network = four.s_addr;
  } else if (inet_pton(AF_INET6, text.c_str(), &six) == 1) {
    const bool is_mapped = IN6_IS_ADDR_V4MAPPED(&six);
    std::memcpy(&network, six.s6_addr + (is_mapped ? 12 : 0), is_mapped ? sizeof four : sizeof network);
  }
  return mix(network);
}

WaitingCounts::Key WaitingCounts::key_of(const void* server) const {
  return mix(reinterpret_cast<std::uintptr_t>(server));
}

void WaitingCounts::enter() {
  for (std::size_t i = 0; i < children_; ++i) {
    pid_t nobody = 0;
    if (!owners_[i].compare_exchange_strong(nobody, getpid())) continue;
    column_ = i;
    return;
  }
}

void WaitingCounts::clear(pid_t child) {
  for (std::size_t i = 0; i < children_; ++i) {
    if (owners_[i].load(std::memory_order_relaxed) != child) continue;
    for (std::size_t key = 0; key < kKeys; ++key) at(key, i).store(0, std::memory_order_relaxed);
    owners_[i].store(0);
  }
}

std::size_t WaitingCounts::waiting(Key key) const {
  std::size_t sum = 0;
  for (std::size_t i = 0; i < children_; ++i) sum += at(key, i).load(std::memory_order_relaxed);
  return sum;
}

WaitingCounts::Place::Place(WaitingCounts* counts, Key key) {
  if (counts->column_ == SIZE_MAX) return;
  count_ = &counts->at(key, counts->column_);
  count_->fetch_add(1, std::memory_order_relaxed);
}

WaitingCounts::Place::Place(Place&& other) noexcept : count_(std::exchange(other.count_, nullptr)) {}

WaitingCounts::Place& WaitingCounts::Place::operator=(Place&& other) noexcept {
  std::swap(count_, other.count_);
  return *this;
}

void WaitingCounts::Place::leave() {
  if (count_ != nullptr) count_->fetch_sub(1, std::memory_order_relaxed);
  count_ = nullptr;
}

}  // namespace httpd
