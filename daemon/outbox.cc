// SPDX-License-Identifier: Apache-2.0
#include "daemon/outbox.h"

#include <pthread.h>
#include <signal.h>
#include <time.h>

#include <algorithm>

#include "base/bytes.h"
#include "wire/channel.h"
#include "wire/message.h"

namespace gatehoused {

using base::Micros;

void Outbox::begin(int channel, std::uint32_t request) {
  clear();
  channel_ = channel;
  request_ = request;
  gathering_ = Gathering();
}

bool Outbox::take_back() {
  for (;;) {
    int whose = whose_.load(std::memory_order_acquire);
    if (whose == kOwn) return false;
    if (whose == kTaken) {
      whose_.wait(kTaken);
    } else if (whose_.compare_exchange_strong(whose, kOwn)) {
      return true;
    }
  }
}

std::string& Outbox::frames() {
  take_back();
  body_ = kNone;
  return frames_;
}

void Outbox::clear() {
  take_back();
  frames_.clear();
  body_ = kNone;
  is_cut_ = false;
}

bool Outbox::is_cut() {
  take_back();
  return is_cut_;
}

// One buffer of the kernel's at most: it is taken whole or not at all, but for a very small send-buffer-size.
bool Outbox::hold(std::span<const gatehouse_text> pieces, std::size_t size) {
  if (courier_ == nullptr || !gathering_.add(base::now(), size) || !courier_->is_there()) return false;
  const bool was_held = take_back() && !frames_.empty();
  if (frames_.size() + wire::kFrameHeaderSize + size > wire::kOneBuffer) return false;
  if (body_ == kNone) {
    body_ = frames_.size();
    frames_.append(wire::kFrameHeaderSize, '\0');
  }
  for (const gatehouse_text& piece : pieces) frames_.append(piece.data, piece.size);
  const std::size_t payload = frames_.size() - body_ - wire::kFrameHeaderSize;
  wire::set_frame_header({wire::FrameType::kBody, 0, static_cast<std::uint32_t>(payload), request_},
                         frames_.data() + body_);
  hold_until(was_held ? due_.load(std::memory_order_relaxed) : base::now() + kMoment);
  return true;
}

void Outbox::hold_again() { hold_until(due_.load(std::memory_order_relaxed)); }

void Outbox::hold_until(Micros due) {
  due_.store(due, std::memory_order_relaxed);
  whose_.store(kHeld);
  courier_->wake();
}

void Outbox::put_rest(std::string_view rest) {
  take_back();
  if (rest.empty()) return;
  frames_.insert(0, rest);
  body_ = kNone;
  is_cut_ = true;
}

void Outbox::shrink(std::size_t most) {
  if (frames_.capacity() > most) frames_ = std::string();
}

Micros Outbox::deliver(Micros now) {
  if (whose_.load(std::memory_order_relaxed) != kHeld) return Micros::max();
  if (const Micros due = due_.load(std::memory_order_relaxed); due > now) return due;
  int whose = kHeld;
  if (!whose_.compare_exchange_strong(whose, kTaken)) return Micros::max();
  const ssize_t sent = wire::send_now(channel_, base::as_bytes(frames_));
  if (sent > 0) {
    frames_.erase(0, static_cast<std::size_t>(sent));
    is_cut_ = !frames_.empty();
    body_ = kNone;
  }
  // Where it failed, the owner's next send does as well, and tells why.
  const bool is_over = sent < 0 || frames_.empty();
  due_.store(now + kMoment, std::memory_order_relaxed);
  whose_.store(is_over ? kOwn : kHeld);
  whose_.notify_one();
  return is_over ? Micros::max() : now + kMoment;
}

Courier::Courier(std::size_t boxes) {
  for (std::size_t i = 0; i < boxes; ++i) boxes_.push_back(std::make_unique<Outbox>(this));
}

Courier::~Courier() {
  if (state_.load() < kAwake) return;
  ends_.store(true);
  wake();
  pthread_join(thread_, nullptr);
}

// Without a thread, pieces are sent as they come.
bool Courier::start() {
  int state = kAbsent;
  // Whoever comes meanwhile sends this piece itself.
  if (!state_.compare_exchange_strong(state, kGone)) return false;
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  const auto run = [](void* courier) -> void* {
    static_cast<Courier*>(courier)->run();
    return nullptr;
  };
  const int failure = pthread_create(&thread_, nullptr, run, this);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (failure == 0) state_.store(kAwake);
  return failure == 0;
}

void Courier::wake() {
  if (state_.load() != kAsleep) return;
  state_.store(kAwake);
  state_.notify_one();
}

void Courier::forget() {
  state_.store(kGone);
  for (const std::unique_ptr<Outbox>& box : boxes_) box->disown();
}

void Courier::run() {
  while (!ends_.load()) {
    const Micros next = deliver();
    if (next == Micros::max()) {
      sleep();
      continue;
    }
    // No box that is held meanwhile is due earlier than kMoment from now.
    const Micros left = std::clamp(next - base::now(), Micros(0), Outbox::kMoment);
    const timespec time{0, static_cast<long>(left.count()) * 1000};
    nanosleep(&time, nullptr);
  }
}

// When the next box is due.
Micros Courier::deliver() {
  const Micros now = base::now();
  Micros next = Micros::max();
  for (const std::unique_ptr<Outbox>& box : boxes_) next = std::min(next, box->deliver(now));
  return next;
}

// Until a box is held. Whoever holds one after the last look here finds kAsleep.
void Courier::sleep() {
  int state = kAwake;
  if (!state_.compare_exchange_strong(state, kAsleep)) return;
  if (ends_.load() || deliver() != Micros::max()) {
    state_.store(kAwake);
    return;
  }
  state_.wait(kAsleep);
}

}  // namespace gatehoused
