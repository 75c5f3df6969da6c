// SPDX-License-Identifier: Apache-2.0
#pragma once

// What a worker's threads send to httpd, and who sends it. A thread collects frames in its own box and sends them
// itself. While an application yields small pieces right behind each other, the box is held instead: the courier, one
// thread of the worker, sends it kMoment later unless its owner has taken it back before. So a piece is on its way in
// that time whatever the application does meanwhile (PEP 3333, "Buffering and Streaming"), and most pieces cost neither
// a system call nor Python's lock. Nothing here takes a mutex: an application may fork at any time.

#include <pthread.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/posix.h"
#include "daemon/gathering.h"
#include "wsgi/engine_abi.h"

namespace gatehoused {

class Courier;

// Thread: its owner, but for deliver() and disown().
class Outbox {
 public:
  static constexpr base::Micros kMoment = std::chrono::microseconds(200);

  // courier: nullptr: nothing is held.
  explicit Outbox(Courier* courier = nullptr) : courier_(courier) {}

  // A request begins.
  void begin(int channel, std::uint32_t request);
  // Was it held? From here on, nobody but the owner touches frames and channel.
  bool take_back();
  void hold_again();

  // The frames that wait for the next send, to be appended to.
  std::string& frames();
  // They were sent, or are not wanted any more.
  void clear();
  // The first of them is only the rest of one: nothing may be sent ahead of it.
  bool is_cut();
  // The rest of a frame that was sent ahead of them; may be empty.
  void put_rest(std::string_view rest);
  // Takes a copy of the pieces, size bytes in all, which then are on their way soon. False: they are to be sent now.
  bool hold(std::span<const gatehouse_text> pieces, std::size_t size);
  void shrink(std::size_t most);

  // Sends what is held and due, without waiting. When something is due; Micros::max(): nothing is held. The courier.
  base::Micros deliver(base::Micros now);
  // In a process that the application forked, which has no courier. Async-signal-safe.
  void disown() { whose_.store(kOwn); }

 private:
  enum Whose : int { kOwn, kHeld, kTaken };  // kTaken: the courier sends, which does not take long
  static constexpr std::size_t kNone = SIZE_MAX;

  void hold_until(base::Micros due);

  Courier* courier_;
  std::atomic<int> whose_ = kOwn;
  std::atomic<base::Micros> due_{};
  // Of whoever has the box:
  int channel_ = -1;
  std::uint32_t request_ = 0;
  std::string frames_;
  std::size_t body_ = kNone;  // where in frames_ the BODY frame begins that the next piece may be added to
  bool is_cut_ = false;
  Gathering gathering_;
};

// The boxes of a worker's threads. Its thread starts with the first one that is held.
class Courier {
 public:
  explicit Courier(std::size_t boxes);
  ~Courier();
  Courier(const Courier&) = delete;
  Courier& operator=(const Courier&) = delete;

  Outbox& box(std::size_t index) { return *boxes_[index]; }

  // Can boxes be held? By an owner.
  bool is_there() { return state_.load(std::memory_order_relaxed) >= kAwake || start(); }
  // One is. By its owner.
  void wake();
  // In a process that the application forked. Async-signal-safe.
  void forget();

 private:
  enum State : int { kAbsent, kGone, kAwake, kAsleep };

  bool start();
  void run();
  base::Micros deliver();
  void sleep();

  std::vector<std::unique_ptr<Outbox>> boxes_;
  std::atomic<int> state_ = kAbsent;
  std::atomic<bool> ends_ = false;
  pthread_t thread_{};
};

}  // namespace gatehoused
