// SPDX-License-Identifier: Apache-2.0
#include "module/group_queue.h"

#include <sys/socket.h>

#include <array>

#include "base/posix.h"
#include "wire/message.h"

#include <CppUTest/TestHarness.h>

TEST_GROUP(GroupQueue) {
  base::UniqueFd write, read;
  void setup() override {
    auto ends = base::socket_pair(SOCK_SEQPACKET).value();
    write = std::move(ends.first);
    read = std::move(ends.second);
  }
  bool send_ticket() {
    auto channel = base::socket_pair(SOCK_STREAM).value();
    constexpr std::array<std::byte, wire::kTicketSize> bytes{};
    return base::send_with_fd(write.get(), bytes, channel.second.get(), MSG_DONTWAIT) > 0;
  }
  std::size_t fill() {
    std::size_t sent = 0;
    while (send_ticket()) ++sent;
    return sent;
  }
};

TEST(GroupQueue, TakesAsManyTicketsAsItsSizeSays) {
  for (const std::size_t size : {7u, 100u, 250u}) {
    setup();
    CHECK_TRUE(httpd::limit_queue(write.get(), static_cast<std::int64_t>(size)));
    LONGS_EQUAL(size, fill());
    LONGS_EQUAL(size, httpd::tickets_in(write.get()));
  }
}

TEST(GroupQueue, HasRoomAgainWhenOneIsTaken) {
  httpd::limit_queue(write.get(), 10);
  fill();
  std::array<std::byte, wire::kTicketSize> bytes;
  base::UniqueFd channel;
  base::receive_with_fd(read.get(), bytes, &channel, 0);
  LONGS_EQUAL(9, httpd::tickets_in(write.get()));
  LONGS_EQUAL(1, fill());
}

TEST(GroupQueue, TellsOfOneThatIsSmallerThanTheKernelAllows) { CHECK_FALSE(httpd::limit_queue(write.get(), 1)); }
