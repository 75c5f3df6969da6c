// SPDX-License-Identifier: Apache-2.0
#include "base/posix.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <cstring>

namespace base {
namespace {

constinit Clock clock_for_test = nullptr;  // NOLINT(cppcoreguidelines-avoid-non-const-global-variables)

std::int64_t clock_us(clockid_t clock) {
  timespec time{};
  clock_gettime(clock, &time);
  return std::int64_t{time.tv_sec} * 1'000'000 + time.tv_nsec / 1'000;
}

template <typename Call>
ssize_t retried(Call call) {
  ssize_t result;
  do {
    result = call();
  } while (result < 0 && errno == EINTR);
  return result;
}

// Alignment leaves room for two descriptors here, which is how a surplus one is seen.
union DescriptorControl {
  cmsghdr header;
  char bytes[CMSG_SPACE(sizeof(int))];
};

// Takes every descriptor out of a received message: the first into *first, the rest is closed.
std::size_t take_descriptors(msghdr* message, UniqueFd* first) {
  std::size_t count = 0;
  for (cmsghdr* part = CMSG_FIRSTHDR(message); part != nullptr; part = CMSG_NXTHDR(message, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t here = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < here; ++i) {
      int raw;
      std::memcpy(&raw, CMSG_DATA(part) + i * sizeof(int), sizeof raw);
      UniqueFd fd(raw);
      if (count++ == 0) *first = std::move(fd);
    }
  }
  return count;
}

}  // namespace

void UniqueFd::close() {
  const int kept = errno;
  // No retry on EINTR: Linux has let go of the descriptor, another thread may own its number by now.
  ::close(release());
  errno = kept;
}

Mapping Mapping::of(int fd, std::size_t size, int flags) {
  const int source = fd < 0 ? MAP_ANONYMOUS : 0;
  void* const data = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED | source | flags, fd, 0);
  Mapping mapping;
  if (data == MAP_FAILED) return mapping;
  mapping.data_ = static_cast<char*>(data);
  mapping.size_ = size;
  return mapping;
}

Mapping::~Mapping() {
  if (valid()) munmap(data_, size_);
}

void set_clock_for_test(Clock clock) { clock_for_test = clock; }

Micros now() {
  if (clock_for_test != nullptr) [[unlikely]]
    return clock_for_test();
  return Micros(clock_us(CLOCK_MONOTONIC));
}

std::int64_t wall_clock_us() { return clock_us(CLOCK_REALTIME); }

long voluntary_switches() {
  rusage usage{};
  getrusage(RUSAGE_THREAD, &usage);
  return usage.ru_nvcsw;
}

bool is_running(pid_t thread) {
  const UniqueFd file(open(("/proc/self/task/" + std::to_string(thread) + "/stat").c_str(), O_RDONLY | O_CLOEXEC));
  char text[64];
  const ssize_t size = read(file.get(), text, sizeof text);
  const std::string_view stat(text, size > 0 ? static_cast<std::size_t>(size) : 0);
  const std::size_t end_of_name = stat.rfind(") ");
  return end_of_name != std::string_view::npos && stat.substr(end_of_name).starts_with(") R");
}

std::int64_t resident_memory() {
  char text[128];
  const UniqueFd file(open("/proc/self/statm", O_RDONLY | O_CLOEXEC));
  const ssize_t size = file.valid() ? read_some(file.get(), text, sizeof text - 1) : 0;
  text[std::max<ssize_t>(size, 0)] = '\0';
  const char* pages = std::strchr(text, ' ');
  return pages != nullptr ? std::strtoll(pages, nullptr, 10) * sysconf(_SC_PAGESIZE) : 0;
}

Deadline Deadline::after(Micros duration) {
  const Micros start = now();
  return duration >= Micros::max() - start ? never() : at(start + duration);
}

int Deadline::poll_timeout() const {
  if (is_never()) return -1;
  const Micros left = when_ - now();
  if (left <= Micros::zero()) return 0;
  return static_cast<int>(std::min<std::int64_t>(INT_MAX, (left.count() - 1) / 1'000 + 1));
}

ssize_t read_some(int fd, void* into, std::size_t size) {
  return retried([&] { return read(fd, into, size); });
}

ssize_t write_some(int fd, const void* from, std::size_t size) {
  return retried([&] { return write(fd, from, size); });
}

bool write_all(int fd, const void* from, std::size_t size) {
  const char* next = static_cast<const char*>(from);
  while (size > 0) {
    const ssize_t written = write_some(fd, next, size);
    if (written > 0) {
      next += written;
      size -= static_cast<std::size_t>(written);
    } else if (written == 0) {
      errno = EIO;
      return false;
    } else if (errno != EAGAIN || wait_for(fd, POLLOUT, Deadline::never()) < 0) {
      return false;
    }
  }
  return true;
}

int wait_for(int fd, short events, Deadline deadline) {
  for (;;) {
    pollfd entry{fd, events, 0};
    const int ready = poll(&entry, 1, deadline.poll_timeout());
    if (ready > 0) return entry.revents;
    if (ready == 0 && deadline.passed()) return 0;
    if (ready < 0 && errno != EINTR) return -1;
  }
}

int start_thread(void* (*function)(void*), void* argument) {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  pthread_t thread;
  const int error = pthread_create(&thread, nullptr, function, argument);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (error == 0) pthread_detach(thread);
  return error;
}

Result<std::pair<UniqueFd, UniqueFd>> socket_pair(int type) {
  int ends[2];
  if (socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends) != 0) {
    const bool exhausted = errno == EMFILE || errno == ENFILE;
    return os_error(exhausted ? Message::kOutOfDescriptors : Message::kSystemCall, "socketpair failed");
  }
  return std::pair(UniqueFd(ends[0]), UniqueFd(ends[1]));
}

ssize_t send_with_fd(int socket, std::span<const std::byte> bytes, int fd, int flags) {
  iovec piece{const_cast<std::byte*>(bytes.data()), bytes.size()};
  msghdr message{};
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  DescriptorControl control{};
  if (fd >= 0) {
    message.msg_control = control.bytes;
    message.msg_controllen = sizeof control.bytes;
    control.header.cmsg_level = SOL_SOCKET;
    control.header.cmsg_type = SCM_RIGHTS;
    control.header.cmsg_len = CMSG_LEN(sizeof fd);
    std::memcpy(CMSG_DATA(&control.header), &fd, sizeof fd);
  }
  return retried([&] { return sendmsg(socket, &message, flags | MSG_NOSIGNAL); });
}

ssize_t receive_message(int socket, std::span<std::byte> into) {
  const ssize_t received = recv(socket, into.data(), into.size(), MSG_DONTWAIT);
  // Told once.
  return received < 0 && errno == ECONNRESET ? recv(socket, into.data(), into.size(), MSG_DONTWAIT) : received;
}

ssize_t receive_with_fd(int socket, std::span<std::byte> into, UniqueFd* fd, int flags) {
  iovec piece{into.data(), into.size()};
  msghdr message{};
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  DescriptorControl control{};
  message.msg_control = control.bytes;
  message.msg_controllen = sizeof control.bytes;
  const ssize_t received = retried([&] { return recvmsg(socket, &message, flags | MSG_CMSG_CLOEXEC); });
  if (received < 0) return -1;

  UniqueFd arrived;
  const std::size_t count = take_descriptors(&message, &arrived);
  if (count > (fd == nullptr ? 0u : 1u) || (message.msg_flags & (MSG_CTRUNC | MSG_TRUNC)) != 0) {
    errno = EBADMSG;
    return -1;
  }
  if (count == 1) *fd = std::move(arrived);
  return received;
}

}  // namespace base
