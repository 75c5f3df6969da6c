// SPDX-License-Identifier: Apache-2.0
#pragma once

// Owning file descriptors and mappings, and the few system-call wrappers everybody needs: EINTR is handled here and
// nowhere else. Thread: values; no shared state but the clock seam, which only tests replace.

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include "base/result.h"

namespace base {

// Owns one descriptor; closes it on destruction. Move-only. Descriptors are made close-on-exec.
class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    const int taken = other.release();  // first: other may be this one
    reset();
    fd_ = taken;
    return *this;
  }
  UniqueFd(const UniqueFd&) = delete;
  UniqueFd& operator=(const UniqueFd&) = delete;
  ~UniqueFd() { reset(); }

  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }
  int release() { return std::exchange(fd_, -1); }
  void reset() {  // keeps errno
    if (valid()) close();
  }

 private:
  void close();

  int fd_ = -1;
};

// Owns shared memory, for reading and writing; unmaps it on destruction. Move-only.
class Mapping {
 public:
  Mapping() = default;
  // Of a file's first bytes; of zeros, for this process and those that it forks, where there is none (fd -1). flags:
  // further ones of mmap(2). Not valid: errno says why.
  static Mapping of(int fd, std::size_t size, int flags = 0);
  Mapping(Mapping&& other) noexcept : data_(other.release()), size_(other.size_) {}
  Mapping& operator=(Mapping&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
  }
  ~Mapping();

  char* data() const { return data_; }
  std::size_t size() const { return size_; }
  bool valid() const { return data_ != nullptr; }
  char* release() { return std::exchange(data_, nullptr); }

 private:
  char* data_ = nullptr;
  std::size_t size_ = 0;
};

// Monotonic microseconds since an arbitrary start (CLOCK_MONOTONIC): the same clock in all processes.
using Micros = std::chrono::microseconds;
Micros now();
// Tests only: now() answers what clock says; nullptr puts the system's clock back.
using Clock = Micros (*)();
void set_clock_for_test(Clock clock);
// Wall-clock microseconds since 1970.
std::int64_t wall_clock_us();
// Bytes of this process that are in memory now; 0 when the kernel does not tell.
std::int64_t resident_memory();
// How often the calling thread has given the processor up to wait for something.
long voluntary_switches();
// Does this thread of the process run, or could it if there were a processor? false when the kernel does not tell.
bool is_running(pid_t thread);

// A point of the monotonic clock, or never.
class Deadline {
 public:
  static Deadline never() { return Deadline(Micros::max()); }
  static Deadline at(Micros when) { return Deadline(when); }
  static Deadline after(Micros duration);  // never, when the clock cannot count that far

  bool is_never() const { return when_ == Micros::max(); }
  bool passed() const { return !is_never() && now() >= when_; }
  Micros when() const { return when_; }
  // Milliseconds for poll(2): -1 for never, rounded up, 0 when it has passed.
  int poll_timeout() const;

 private:
  explicit Deadline(Micros when) : when_(when) {}
  Micros when_;
};

// read(2)/write(2) once, EINTR retried. Return bytes, 0 at end of file (read), or -1 with errno.
ssize_t read_some(int fd, void* into, std::size_t size);
ssize_t write_some(int fd, const void* from, std::size_t size);
// Writes all of it, blocking (also on a non-blocking descriptor); false with errno on failure.
bool write_all(int fd, const void* from, std::size_t size);
// poll(2) on one descriptor. > 0: the revents; 0: the deadline passed; -1: errno.
int wait_for(int fd, short events, Deadline deadline);

// A detached thread that gets none of the process's signals. Returns 0 or an errno.
int start_thread(void* (*function)(void*), void* argument);

// recv(2) of one message of a SOCK_SEQPACKET pair, without waiting. Where the other side has gone with something of
// ours unread, Linux says so (ECONNRESET) ahead of what it had sent before: here that comes first. Bytes, 0 at the end,
// or -1 with errno.
ssize_t receive_message(int socket, std::span<std::byte> into);

// socketpair(AF_UNIX, type | SOCK_CLOEXEC).
Result<std::pair<UniqueFd, UniqueFd>> socket_pair(int type);

// Sends one message with at most one descriptor (fd < 0: none), MSG_NOSIGNAL | flags.
// Returns bytes sent or -1 with errno.
ssize_t send_with_fd(int socket, std::span<const std::byte> bytes, int fd, int flags);
// Receives one message; accepts at most one descriptor, close-on-exec, and none when fd is null. More than
// that, a truncated control part (MSG_CTRUNC) or a datagram larger than into (MSG_TRUNC): every descriptor
// that arrived is closed and the result is -1 with errno EBADMSG. *fd stays as it is when none arrived.
// Returns bytes, 0 at end of file, -1 with errno.
ssize_t receive_with_fd(int socket, std::span<std::byte> into, UniqueFd* fd, int flags);

}  // namespace base
