// SPDX-License-Identifier: Apache-2.0
#include "daemon/intake.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <string>
#include <thread>
#include <vector>

#include "base/log.h"

#include <CppUTest/TestHarness.h>

using gatehoused::Intake;

namespace {

constinit std::atomic<int> lines = 0;

void count_line(void*, base::Level, std::string_view) { ++lines; }

}  // namespace

TEST_GROUP(Intake) {
  base::UniqueFd sender, queue;
  std::unique_ptr<Intake> intake;

  void setup() override {
    lines = 0;
    base::set_log_sink(count_line, nullptr);
    auto pair = base::socket_pair(SOCK_SEQPACKET).value();
    sender = std::move(pair.first);
    queue = std::move(pair.second);
    intake = Intake::create(queue.get(), 4).value();
  }
  void teardown() override { base::set_log_sink(nullptr, nullptr); }

  void send_ticket(std::uint32_t request) {
    auto channel = base::socket_pair(SOCK_STREAM).value();
    std::array<std::byte, wire::kTicketSize> bytes;
    wire::encode({request, 1, 0}, bytes);
    CHECK(base::send_with_fd(sender.get(), bytes, channel.second.get(), 0) > 0);
  }
  void send_text(std::string_view text) { CHECK(send(sender.get(), text.data(), text.size(), 0) >= 0); }
  // The request of the next ticket; 0 at the end.
  std::uint32_t take(std::size_t thread = 0) {
    wire::Ticket ticket;
    base::UniqueFd channel;
    if (intake->take(thread, &ticket, &channel) == Intake::Taken::kEnd) return 0;
    CHECK(channel.valid());
    return ticket.request;
  }
};

TEST(Intake, TakesTicketsInTheirOrder) {
  send_ticket(7);
  send_ticket(8);
  LONGS_EQUAL(7, take());
  LONGS_EQUAL(8, take());
}

TEST(Intake, EndsWhenTheLastSenderIsGoneAndTheQueueIsEmpty) {
  send_ticket(7);
  sender.reset();
  LONGS_EQUAL(7, take());
  LONGS_EQUAL(0, take());
}

TEST(Intake, SkipsAndLogsBrokenTickets) {
  send_text("");
  send_text("short");
  send_text(std::string(wire::kTicketSize, 'x'));
  send_text(std::string(1000, 'x'));
  send_ticket(7);
  LONGS_EQUAL(7, take());
  LONGS_EQUAL(4, lines.load());
}

TEST(Intake, CloseWakesEveryWaitingThread) {
  for (int round = 0; round < 50; ++round) {
    setup();
    std::atomic<int> ended = 0;
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < 4; ++i) threads.emplace_back([&, i] { ended += take(i) == 0; });
    if (round % 2 == 0) usleep(500);
    intake->close();
    for (std::thread& thread : threads) thread.join();
    LONGS_EQUAL(4, ended.load());
  }
}

TEST(Intake, AfterCloseNothingIsTakenFromTheQueue) {
  const base::UniqueFd another_worker(fcntl(queue.get(), F_DUPFD_CLOEXEC, 0));
  intake->close();
  send_ticket(7);
  LONGS_EQUAL(0, take());
  auto other = Intake::create(another_worker.get(), 1).value();
  intake.swap(other);
  LONGS_EQUAL(7, take());
}

TEST(Intake, TheDeadEndReadsEndOfFileAndTakesNothing) {
  char byte;
  LONGS_EQUAL(0, recv(intake->dead_end(), &byte, 1, 0));
  LONGS_EQUAL(-1, send(intake->dead_end(), "x", 1, MSG_NOSIGNAL));
  LONGS_EQUAL(EPIPE, errno);
}

TEST(Intake, EachTicketGoesToOneThread) {
  constexpr std::uint32_t kTickets = 200;
  std::atomic<std::uint32_t> sum = 0;
  std::atomic<int> taken = 0;
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      while (const std::uint32_t request = take(i)) {
        sum += request;
        ++taken;
      }
    });
  }
  for (std::uint32_t request = 1; request <= kTickets; ++request) send_ticket(request);
  sender.reset();
  for (std::thread& thread : threads) thread.join();
  LONGS_EQUAL(kTickets, taken.load());
  LONGS_EQUAL(kTickets * (kTickets + 1) / 2, sum.load());
}
