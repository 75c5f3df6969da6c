// SPDX-License-Identifier: Apache-2.0
#include "base/posix.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstring>
#include <filesystem>
#include <future>
#include <iterator>
#include <string>
#include <thread>
#include <vector>

#include "base/bytes.h"

#include <CppUTest/TestHarness.h>

using base::Deadline;
using base::Mapping;
using base::Micros;
using base::UniqueFd;

namespace {

bool is_open(int fd) { return fcntl(fd, F_GETFD) != -1; }
bool is_close_on_exec(int fd) { return (fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0; }
UniqueFd null_device() { return UniqueFd(open("/dev/null", O_RDWR | O_CLOEXEC)); }

std::ptrdiff_t open_descriptors() {
  return std::distance(std::filesystem::directory_iterator("/proc/self/fd"), std::filesystem::directory_iterator());
}

}  // namespace

TEST_GROUP(UniqueFd){};

TEST(UniqueFd, ClosesWhatItOwns) {
  int raw;
  {
    const UniqueFd fd = null_device();
    raw = fd.get();
    CHECK_TRUE(is_open(raw));
  }
  CHECK_FALSE(is_open(raw));
}

TEST(UniqueFd, OwnsNothingWhenItIsNew) {
  CHECK_FALSE(UniqueFd().valid());
  CHECK_EQUAL(-1, UniqueFd().get());
}

TEST(UniqueFd, AMoveLeavesTheSourceEmpty) {
  UniqueFd first = null_device();
  const UniqueFd second(std::move(first));
  CHECK_FALSE(first.valid());
  CHECK_TRUE(is_open(second.get()));
}

TEST(UniqueFd, AssignmentClosesWhatItHeld) {
  UniqueFd fd = null_device();
  const int raw = fd.get();
  UniqueFd other = null_device();
  const int kept = other.get();
  fd = std::move(other);
  CHECK_FALSE(is_open(raw));
  CHECK_EQUAL(kept, fd.get());
}

TEST(UniqueFd, AssignmentToItselfKeepsIt) {
  UniqueFd fd = null_device();
  UniqueFd& same = fd;
  fd = std::move(same);
  CHECK_TRUE(is_open(fd.get()));
}

TEST(UniqueFd, ReleaseHandsItOverOpen) {
  UniqueFd fd = null_device();
  const UniqueFd next(fd.release());
  CHECK_FALSE(fd.valid());
  CHECK_TRUE(is_open(next.get()));
}

TEST(UniqueFd, ResetKeepsErrno) {
  UniqueFd fd(9999);  // closing it fails with EBADF
  errno = ENOENT;
  fd.reset();
  CHECK_EQUAL(ENOENT, errno);
}

namespace {
Micros fake_now{0};
Micros tell_fake_now() { return fake_now; }
}  // namespace

TEST_GROUP(Mapping) {
  static constexpr std::size_t kPage = 4096;

  // Is the page at this place mapped?
  static bool is_mapped(char* at) {
    unsigned char unused;
    return mincore(at, kPage, &unused) == 0;
  }
};

TEST(Mapping, IsTheFilesMemory) {
  const UniqueFd file(memfd_create("test", MFD_CLOEXEC));
  CHECK_EQUAL(0, ftruncate(file.get(), kPage));
  const Mapping one = Mapping::of(file.get(), kPage), other = Mapping::of(file.get(), kPage);
  std::strcpy(one.data(), "written");
  STRCMP_EQUAL("written", other.data());
  LONGS_EQUAL(kPage, one.size());
}

TEST(Mapping, IsZerosWhereThereIsNoFile) {
  const Mapping mapping = Mapping::of(-1, kPage);
  LONGS_EQUAL(kPage, std::count(mapping.data(), mapping.data() + kPage, '\0'));
}

TEST(Mapping, EndsWithItsOwner) {
  char* at = nullptr;
  {
    Mapping mapping = Mapping::of(-1, kPage);
    at = mapping.data();
    const Mapping owner = std::move(mapping);
    CHECK_FALSE(mapping.valid());
    POINTERS_EQUAL(at, owner.data());
    CHECK_TRUE(is_mapped(at));
  }
  CHECK_FALSE(is_mapped(at));
}

TEST(Mapping, StaysWhenItIsReleased) {
  char* const at = Mapping::of(-1, kPage).release();
  CHECK_TRUE(is_mapped(at));
  munmap(at, kPage);
}

TEST(Mapping, WithoutMemoryThereIsNone) {
  const Mapping mapping = Mapping::of(null_device().get(), 0);
  LONGS_EQUAL(EINVAL, errno);
  CHECK_FALSE(mapping.valid());
}

TEST_GROUP(Deadline){void setup() override{fake_now = Micros(1'000'000);
base::set_clock_for_test(tell_fake_now);
}
void teardown() override { base::set_clock_for_test(nullptr); }
}
;

TEST(Deadline, PassesAtItsInstant) {
  const Deadline deadline = Deadline::after(Micros(500));
  fake_now += Micros(499);
  CHECK_FALSE(deadline.passed());
  fake_now += Micros(1);
  CHECK_TRUE(deadline.passed());
}

TEST(Deadline, NeverDoesNotPass) {
  fake_now = Micros::max();
  CHECK_FALSE(Deadline::never().passed());
  CHECK_EQUAL(-1, Deadline::never().poll_timeout());
}

TEST(Deadline, AfterMoreThanTheClockCountsIsNever) {
  CHECK_TRUE(Deadline::after(Micros::max()).is_never());
  CHECK_TRUE(Deadline::after(Micros::max() - Micros(999'999)).is_never());
  CHECK_FALSE(Deadline::after(Micros::max() - Micros(1'000'001)).is_never());
}

TEST(Deadline, ThePollTimeoutIsRoundedUp) {
  CHECK_EQUAL(1, Deadline::after(Micros(1)).poll_timeout());
  CHECK_EQUAL(1, Deadline::after(Micros(1'000)).poll_timeout());
  CHECK_EQUAL(2, Deadline::after(Micros(1'001)).poll_timeout());
}

TEST(Deadline, ThePollTimeoutOfAPassedOneIsZero) {
  const Deadline deadline = Deadline::after(Micros(10));
  fake_now += Micros(10);
  CHECK_EQUAL(0, deadline.poll_timeout());
  fake_now += Micros(10'000'000);
  CHECK_EQUAL(0, deadline.poll_timeout());
}

TEST(Deadline, ThePollTimeoutStaysWithinAnInt) {
  CHECK_EQUAL(INT_MAX, Deadline::after(std::chrono::hours(24 * 365)).poll_timeout());
}

TEST_GROUP(Posix) {
  UniqueFd left;
  UniqueFd right;

  void pair_of(int type) {
    auto ends = base::socket_pair(type);
    CHECK_TRUE(static_cast<bool>(ends));
    left = std::move(ends.value().first);
    right = std::move(ends.value().second);
  }
  ssize_t send(std::string_view text, int fd = -1) {
    return base::send_with_fd(left.get(), base::as_bytes(text), fd, 0);
  }
  // Receives up to size bytes as text; "!" and errno's name when it fails.
  std::string receive(UniqueFd * fd, std::size_t size = 100) {
    std::array<std::byte, 100> buffer;
    const ssize_t count = base::receive_with_fd(right.get(), std::span(buffer).first(size), fd, MSG_DONTWAIT);
    if (count < 0) return std::string("!") + strerrorname_np(errno);
    return std::string(reinterpret_cast<const char*>(buffer.data()), static_cast<std::size_t>(count));
  }
  // Sends one byte with several descriptors, as our own sender never does.
  void send_descriptors(const int* fds, std::size_t count) {
    char byte = 'x';
    iovec piece{&byte, 1};
    alignas(cmsghdr) char control[CMSG_SPACE(8 * sizeof(int))] = {};
    msghdr message{};
    message.msg_iov = &piece;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = CMSG_SPACE(count * sizeof(int));
    cmsghdr* part = CMSG_FIRSTHDR(&message);
    part->cmsg_level = SOL_SOCKET;
    part->cmsg_type = SCM_RIGHTS;
    part->cmsg_len = CMSG_LEN(count * sizeof(int));
    std::memcpy(CMSG_DATA(part), fds, count * sizeof(int));
    CHECK_EQUAL(1, sendmsg(left.get(), &message, 0));
  }
};

TEST(Posix, NowDoesNotGoBack) {
  const Micros first = base::now();
  CHECK_TRUE(base::now() >= first);
}

TEST(Posix, TheWallClockIsTheSystemsClock) {
  const std::int64_t before = time(nullptr);
  const std::int64_t wall = base::wall_clock_us() / 1'000'000;
  CHECK_TRUE(wall >= before && wall <= before + 5);
}

TEST(Posix, ResidentMemoryGrowsWithWhatIsWritten) {
  const std::int64_t before = base::resident_memory();
  constexpr std::size_t kSize = 64u << 20;
  const std::vector<char> written(kSize, 'x');
  CHECK_TRUE(written.back() == 'x');
  const std::int64_t after = base::resident_memory();
  CHECK_TRUE(before > 0);
  CHECK_TRUE(after >= before + static_cast<std::int64_t>(kSize) / 2);
}

TEST(Posix, AThreadThatWaitsGivesTheProcessorUp) {
  const long before = base::voluntary_switches();
  usleep(1000);
  CHECK_TRUE(base::voluntary_switches() > before);
}

TEST(Posix, AThreadRunsOrWaits) {
  CHECK_TRUE(base::is_running(gettid()));
  CHECK_FALSE(base::is_running(0));
  std::promise<pid_t> id;
  std::promise<void> end;
  std::thread waiting([&] {
    id.set_value(gettid());
    end.get_future().wait();
  });
  const pid_t other = id.get_future().get();
  for (int i = 0; i < 1000 && base::is_running(other); ++i) usleep(1000);
  CHECK_FALSE(base::is_running(other));
  end.set_value();
  waiting.join();
}

TEST(Posix, ASocketPairIsConnectedAndCloseOnExec) {
  pair_of(SOCK_STREAM);
  CHECK_TRUE(is_close_on_exec(left.get()));
  CHECK_TRUE(is_close_on_exec(right.get()));
  CHECK_EQUAL(5, send("hello"));
  CHECK_EQUAL(std::string("hello"), receive(nullptr));
}

TEST(Posix, ASocketPairOfNoKnownTypeIsAnError) {
  const auto ends = base::socket_pair(77);
  CHECK_FALSE(static_cast<bool>(ends));
  CHECK_TRUE(ends.error().os_error != 0);
}

TEST(Posix, AReadAtTheEndGivesZero) {
  pair_of(SOCK_STREAM);
  left.reset();
  char byte;
  CHECK_EQUAL(0, base::read_some(right.get(), &byte, 1));
}

TEST(Posix, AReadFromNothingTellsErrno) {
  char byte;
  CHECK_EQUAL(-1, base::read_some(-1, &byte, 1));
  CHECK_EQUAL(EBADF, errno);
}

TEST(Posix, WriteAllWritesMoreThanTheSocketHolds) {
  pair_of(SOCK_STREAM);
  const std::string sent(3'000'000, 'z');
  std::string got;
  std::thread reader([this, &got] {
    static char buffer[65536];
    for (ssize_t count; (count = base::read_some(right.get(), buffer, sizeof buffer)) > 0;)
      got.append(buffer, static_cast<std::size_t>(count));
  });
  const bool written = base::write_all(left.get(), sent.data(), sent.size());
  left.reset();
  reader.join();
  CHECK_TRUE(written);
  CHECK_TRUE(got == sent);
}

TEST(Posix, WriteAllWaitsForANonBlockingDescriptor) {
  pair_of(SOCK_STREAM | SOCK_NONBLOCK);
  const std::string sent(1'000'000, 'z');
  std::size_t got = 0;
  std::thread reader([this, &got] {
    static char buffer[4096];
    while (base::wait_for(right.get(), POLLIN, Deadline::never()) > 0) {
      const ssize_t count = base::read_some(right.get(), buffer, sizeof buffer);
      if (count <= 0) break;
      got += static_cast<std::size_t>(count);
    }
  });
  const bool written = base::write_all(left.get(), sent.data(), sent.size());
  left.reset();
  reader.join();
  CHECK_TRUE(written);
  CHECK_EQUAL(sent.size(), got);
}

TEST(Posix, WriteAllToABadDescriptorFails) {
  CHECK_FALSE(base::write_all(-1, "x", 1));
  CHECK_EQUAL(EBADF, errno);
}

TEST(Posix, WaitForTellsWhatIsReady) {
  pair_of(SOCK_STREAM);
  send("x");
  CHECK_EQUAL(POLLIN, base::wait_for(right.get(), POLLIN, Deadline::never()));
}

TEST(Posix, WaitForEndsAtTheDeadline) {
  pair_of(SOCK_STREAM);
  const Deadline deadline = Deadline::after(Micros(3'000));
  CHECK_EQUAL(0, base::wait_for(right.get(), POLLIN, deadline));
  CHECK_TRUE(deadline.passed());
}

TEST(Posix, WaitForGoesOnAfterASignal) {
  pair_of(SOCK_STREAM);
  struct sigaction on_alarm {};
  struct sigaction before {};
  on_alarm.sa_handler = [](int) {};
  sigaction(SIGALRM, &on_alarm, &before);
  const itimerval every_millisecond{{0, 1'000}, {0, 1'000}};
  const itimerval none{};
  setitimer(ITIMER_REAL, &every_millisecond, nullptr);
  const Deadline deadline = Deadline::after(Micros(10'000));
  const int ready = base::wait_for(right.get(), POLLIN, deadline);
  setitimer(ITIMER_REAL, &none, nullptr);
  sigaction(SIGALRM, &before, nullptr);
  CHECK_EQUAL(0, ready);
  CHECK_TRUE(deadline.passed());
}

TEST(Posix, ADescriptorTravelsWithItsMessage) {
  pair_of(SOCK_SEQPACKET);
  const UniqueFd device = null_device();
  CHECK_EQUAL(6, send("ticket", device.get()));
  UniqueFd got;
  CHECK_EQUAL(std::string("ticket"), receive(&got));
  CHECK_TRUE(is_open(got.get()));
  CHECK_TRUE(is_close_on_exec(got.get()));
}

TEST(Posix, AMessageWithoutADescriptorLeavesTheOneThereIs) {
  pair_of(SOCK_SEQPACKET);
  send("plain");
  UniqueFd got = null_device();
  const int raw = got.get();
  CHECK_EQUAL(std::string("plain"), receive(&got));
  CHECK_EQUAL(raw, got.get());
}

TEST(Posix, ADescriptorNobodyAskedForIsClosedAndRefused) {
  pair_of(SOCK_SEQPACKET);
  const UniqueFd device = null_device();
  send("x", device.get());
  const std::ptrdiff_t before = open_descriptors();
  CHECK_EQUAL(std::string("!EBADMSG"), receive(nullptr));
  CHECK_EQUAL(before, open_descriptors());
}

TEST(Posix, MoreThanOneDescriptorIsClosedAndRefused) {
  pair_of(SOCK_SEQPACKET);
  const UniqueFd device = null_device();
  const int fds[] = {device.get(), device.get(), device.get(), device.get()};
  for (std::size_t count = 2; count <= 4; ++count) {
    send_descriptors(fds, count);
    const std::ptrdiff_t before = open_descriptors();
    UniqueFd got;
    CHECK_EQUAL(std::string("!EBADMSG"), receive(&got));
    CHECK_FALSE(got.valid());
    CHECK_EQUAL(before, open_descriptors());
  }
}

TEST(Posix, ADatagramThatDoesNotFitIsRefusedWithItsDescriptor) {
  pair_of(SOCK_SEQPACKET);
  const UniqueFd device = null_device();
  send("much too long", device.get());
  const std::ptrdiff_t before = open_descriptors();
  UniqueFd got;
  CHECK_EQUAL(std::string("!EBADMSG"), receive(&got, 4));
  CHECK_EQUAL(before, open_descriptors());
}

TEST(Posix, AMessageComesAheadOfTheNewsThatThePeerReadNothing) {
  auto pair = base::socket_pair(SOCK_SEQPACKET).value();
  std::array<std::byte, 8> bytes{};
  errno = 0;
  LONGS_EQUAL(-1, base::receive_message(pair.first.get(), bytes));
  LONGS_EQUAL(EAGAIN, errno);
  LONGS_EQUAL(3, ::send(pair.second.get(), "one", 3, 0));
  LONGS_EQUAL(3, ::send(pair.second.get(), "two", 3, 0));
  LONGS_EQUAL(6, ::send(pair.first.get(), "unread", 6, 0));
  pair.second.reset();
  LONGS_EQUAL(3, base::receive_message(pair.first.get(), bytes));
  LONGS_EQUAL(3, base::receive_message(pair.first.get(), bytes));
  CHECK(std::byte{'t'} == bytes[0]);
  LONGS_EQUAL(0, base::receive_message(pair.first.get(), bytes));
}

TEST(Posix, ReceivingAtTheEndGivesNothing) {
  pair_of(SOCK_SEQPACKET);
  left.reset();
  CHECK_EQUAL(std::string(), receive(nullptr));
}

TEST(Posix, AStartedThreadGetsNoSignals) {
  std::promise<sigset_t> mask;
  CHECK_EQUAL(0, base::start_thread(
                     [](void* promise) -> void* {
                       sigset_t blocked;
                       pthread_sigmask(SIG_SETMASK, nullptr, &blocked);
                       static_cast<std::promise<sigset_t>*>(promise)->set_value(blocked);
                       return nullptr;
                     },
                     &mask));
  const sigset_t blocked = mask.get_future().get();
  for (const int signal : {SIGTERM, SIGHUP, SIGUSR1, SIGCHLD, SIGALRM}) CHECK_EQUAL(1, sigismember(&blocked, signal));
  sigset_t own;
  pthread_sigmask(SIG_SETMASK, nullptr, &own);
  CHECK_EQUAL(0, sigismember(&own, SIGTERM));
}

TEST(Posix, SendingToAPeerThatIsGoneIsAnErrorAndNoSignal) {
  pair_of(SOCK_STREAM);
  right.reset();
  CHECK_EQUAL(-1, send("x"));
  CHECK_EQUAL(EPIPE, errno);
}
