// SPDX-License-Identifier: Apache-2.0
#include "wire/channel.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <string>
#include <thread>

#include "base/bytes.h"

#include <CppUTest/TestHarness.h>

using base::Micros;
using base::UniqueFd;
using wire::Sent;

namespace {
constexpr Micros kSoon = std::chrono::milliseconds(20);
constexpr Micros kLong = std::chrono::seconds(10);
}  // namespace

TEST_GROUP(Channel) {
  UniqueFd left, right;
  void setup() override {
    auto ends = base::socket_pair(SOCK_STREAM);
    CHECK_TRUE(static_cast<bool>(ends));
    left = std::move(ends.value().first);
    right = std::move(ends.value().second);
  }
  std::string receive(std::size_t size, int flags = 0, Micros timeout = kSoon) {
    std::string bytes(size, '\0');
    iovec piece{bytes.data(), bytes.size()};
    const ssize_t count = wire::receive(right.get(), std::span(&piece, 1), flags, timeout);
    if (count < 0) return std::string("!") + strerrorname_np(errno);
    return bytes.substr(0, static_cast<std::size_t>(count));
  }
  Sent send(std::string_view text) { return wire::send_all(left.get(), base::as_bytes(text), kSoon); }
  void fill() {
    const std::string block(65536, 'x');
    while (wire::send_now(left.get(), base::as_bytes(block)) > 0) continue;
  }
};

TEST(Channel, SendsPiecesInOrder) {
  char a[] = "ab", b[] = "cde";
  iovec pieces[] = {{a, 2}, {nullptr, 0}, {b, 3}};
  CHECK_TRUE(wire::send_all(left.get(), pieces, kSoon) == Sent::kAll);
  STRCMP_EQUAL("abcde", receive(10).c_str());
}

TEST(Channel, SendingNothingIsNoSystemCallThatFails) {
  CHECK_TRUE(wire::send_all(-1, std::span<iovec>(), kSoon) == Sent::kAll);
  CHECK_TRUE(send("") == Sent::kAll);
}

TEST(Channel, SendsMoreThanItHoldsWhileThePeerReads) {
  const std::string large(3'000'000, 'y');
  std::size_t total = 0;
  std::thread reader([&] {
    char buffer[10000];
    ssize_t count;
    while ((count = read(right.get(), buffer, sizeof buffer)) > 0) total += static_cast<std::size_t>(count);
  });
  CHECK_TRUE(wire::send_all(left.get(), base::as_bytes(large), kLong) == Sent::kAll);
  left.reset();
  reader.join();
  LONGS_EQUAL(large.size(), total);
}

TEST(Channel, APeerThatReadsNothingIsATimeout) {
  fill();
  CHECK_TRUE(send("more") == Sent::kTimeout);
}

TEST(Channel, AClosedPeerIsGoneWithoutASignal) {
  right.reset();
  CHECK_TRUE(send("x") == Sent::kGone);
  LONGS_EQUAL(-1, wire::send_now(left.get(), base::as_bytes("x")));
}

TEST(Channel, SendNowTakesWhatFitsAndNeverWaits) {
  fill();
  LONGS_EQUAL(0, wire::send_now(left.get(), base::as_bytes("x")));
}

TEST(Channel, APeekLeavesTheBytes) {
  send("abc");
  STRCMP_EQUAL("abc", receive(10, MSG_PEEK).c_str());
  CHECK_TRUE(wire::has_unread(left.get()));
  STRCMP_EQUAL("ab", receive(2).c_str());
  CHECK_TRUE(wire::has_unread(left.get()));
  STRCMP_EQUAL("c", receive(10).c_str());
  CHECK_FALSE(wire::has_unread(left.get()));
}

TEST(Channel, AReadSignalIsWritableOnceAllIsRead) {
  send(std::string(600, 'x'));
  {
    const wire::ReadSignal signal(left.get());
    LONGS_EQUAL(0, base::wait_for(left.get(), POLLOUT, base::Deadline::after(kSoon)));
    receive(1000, MSG_PEEK);
    LONGS_EQUAL(0, base::wait_for(left.get(), POLLOUT, base::Deadline::after(kSoon)));
    receive(1000);
    LONGS_EQUAL(POLLOUT, base::wait_for(left.get(), POLLOUT, base::Deadline::after(kSoon)));
  }
  const std::string large(64u << 10, 'x');
  LONGS_EQUAL(large.size(), wire::send_now(left.get(), base::as_bytes(large)));
}

// What the whole protocol of starting rests on (frame.h).
TEST(Channel, APeerThatClosesWithUnreadBytesIsAReset) {
  send("abc");
  receive(2);
  left.reset();
  STRCMP_EQUAL("c", receive(10).c_str());
  STRCMP_EQUAL("", receive(10).c_str());
  setup();
  CHECK_EQUAL(3, wire::send_now(right.get(), base::as_bytes("abc")));
  CHECK_EQUAL(4, wire::send_now(left.get(), base::as_bytes("said")));
  left.reset();
  STRCMP_EQUAL("said", receive(10).c_str());
  STRCMP_EQUAL("!ECONNRESET", receive(10).c_str());
}

TEST(Channel, AResetOutlivesAFailedSend) {
  CHECK_EQUAL(3, wire::send_now(right.get(), base::as_bytes("abc")));
  left.reset();
  LONGS_EQUAL(-1, wire::send_now(right.get(), base::as_bytes("more")));
  STRCMP_EQUAL("!ECONNRESET", receive(10).c_str());
}

TEST(Channel, SilenceIsATimeout) { STRCMP_EQUAL("!ETIMEDOUT", receive(10).c_str()); }

TEST(Channel, ReceivesIntoPiecesInOrder) {
  send("abcde");
  char a[2], b[10];
  iovec pieces[] = {{a, 2}, {b, 10}};
  LONGS_EQUAL(5, wire::receive(right.get(), pieces, 0, kSoon));
  STRNCMP_EQUAL("cde", b, 3);
}

TEST(Channel, ADescriptorArrivesWithItsBytes) {
  UniqueFd null(open("/dev/null", O_RDONLY | O_CLOEXEC));
  CHECK_TRUE(wire::send_descriptor(left.get(), base::as_bytes("file"), null.get(), kSoon) == Sent::kAll);
  std::byte buffer[10];
  UniqueFd arrived;
  LONGS_EQUAL(4, base::receive_with_fd(right.get(), buffer, &arrived, 0));
  CHECK_TRUE(arrived.valid());
}

TEST(Channel, ADescriptorThatIsNotAskedForIsClosed) {
  int ends[2];
  CHECK_EQUAL(0, pipe2(ends, O_CLOEXEC));
  UniqueFd reader(ends[0]), writer(ends[1]);
  CHECK_TRUE(wire::send_descriptor(left.get(), base::as_bytes("x"), writer.get(), kSoon) == Sent::kAll);
  writer.reset();
  STRCMP_EQUAL("x", receive(10).c_str());
  char byte;
  LONGS_EQUAL(0, read(reader.get(), &byte, 1));  // end of file: nobody holds the write end
}

TEST(Channel, ADescriptorWaitsForRoom) {
  fill();
  UniqueFd null(open("/dev/null", O_RDONLY | O_CLOEXEC));
  CHECK_TRUE(wire::send_descriptor(left.get(), base::as_bytes("file"), null.get(), kSoon) == Sent::kTimeout);
}
