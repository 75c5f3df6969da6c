// SPDX-License-Identifier: Apache-2.0
#pragma once

// The channels to the workers of one process group that this httpd child keeps for its next requests (frame.h), and
// the choice between them and a ticket. A ticket goes to the worker that is free first, but costs a socket pair. A kept
// channel costs nothing, but leads to one worker, whose threads may all be busy: then the request waits for that
// worker. So kept channels serve where requests are quick, or where the worker has said that it has a free thread.
// A receive on one of them waits for wire::kWithdrawAfter at most (wire::limit_wait). Any thread.

#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "base/posix.h"
#include "wire/message.h"

namespace httpd {

class KeptChannels {
 public:
  static constexpr std::size_t kMost = 64;
  // What a quick request takes a worker at most.
  static constexpr base::Micros kQuick = std::chrono::milliseconds(5);
  // The worker closes what is not used for some five to ten seconds.
  static constexpr base::Micros kLongestRest = std::chrono::seconds(5);

  // A channel in the hands of one request. Must not outlive what it was made from.
  class InUse {
   public:
    InUse() = default;
    // A new one, for which a ticket is sent.
    explicit InUse(base::UniqueFd fd) : fd_(std::move(fd)) {}
    InUse(InUse&& other) noexcept
        : fd_(std::move(other.fd_)), from_(std::exchange(other.from_, nullptr)), worker_(other.worker_) {}
    InUse& operator=(InUse&& other) noexcept;
    ~InUse() {
      if (from_ != nullptr) from_->give_up(*this);
    }

    int get() const { return fd_.get(); }
    bool valid() const { return fd_.valid(); }
    bool was_kept() const { return from_ != nullptr; }

   private:
    friend class KeptChannels;
    base::UniqueFd fd_;
    KeptChannels* from_ = nullptr;
    std::uint16_t worker_ = 0;
  };

  // workers: processes of the group, as configured.
  explicit KeptChannels(std::size_t workers) : workers_(workers) {}

  // Keeps a channel whose request has ended cleanly. Closes it when there are too many, and a new one when the next
  // request would not use it, either. True: close_rested() is due after kLongestRest, and nobody has been told so yet.
  bool put(InUse channel, const wire::End& end, base::Micros now);
  // Closes what has been at rest for too long, so that a child without requests holds no ends of workers that have
  // gone. True: it is due again after kLongestRest.
  bool close_rested(base::Micros now);
  // Nobody will call it: take() alone closes what rests, until put() asks again.
  void give_watch_up();
  // A channel to the worker that has the fewest of this child's requests in hand, and of those the one used last, so
  // that channels which are needed no more come to rest. Invalid: a ticket serves better.
  InUse take(base::Micros now);
  // The worker of this channel does not come to its requests: forgets all channels to it.
  void avoid(const InUse& channel);

 private:
  struct Entry {
    base::UniqueFd fd;
    std::uint16_t worker = 0;
    base::Micros since{};
  };
  struct Worker {
    std::uint16_t channels = 0;  // kept, idle or in use
    std::uint16_t in_use = 0;    // of those
    std::uint16_t free = 0;      // threads, as it said last, less what was sent since
  };
  static constexpr std::size_t kWorkers = 64;  // a group with more of them shares records

  Worker& of(std::uint16_t worker) GH_REQUIRES(mutex_) { return records_[worker % kWorkers]; }
  // A request would wait in a channel to it for long.
  bool is_full(const Worker& worker) const GH_REQUIRES(mutex_) { return pace_ > kQuick && worker.free == 0; }
  void add_channel(std::uint16_t worker) GH_REQUIRES(mutex_);
  void drop_channel(std::uint16_t worker) GH_REQUIRES(mutex_);
  void drop_rested(base::Micros now, std::vector<base::UniqueFd>* closing) GH_REQUIRES(mutex_);
  base::UniqueFd remove(std::size_t index) GH_REQUIRES(mutex_);
  void give_up(const InUse& channel);

  const std::size_t workers_;
  base::Mutex mutex_;
  std::array<Entry, kMost> entries_ GH_GUARDED_BY(mutex_);  // idle: the first count_, longest at rest first
  std::size_t count_ GH_GUARDED_BY(mutex_) = 0;
  bool is_watched_ GH_GUARDED_BY(mutex_) = false;  // close_rested() is due
  std::array<Worker, kWorkers> records_ GH_GUARDED_BY(mutex_){};
  std::size_t known_ GH_GUARDED_BY(mutex_) = 0;  // workers with a channel
  base::Micros pace_ GH_GUARDED_BY(mutex_){};    // what a request takes a worker, of late
};

}  // namespace httpd
