// SPDX-License-Identifier: Apache-2.0
#include "daemon/intake.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
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
    intake = Intake::create({queue.get(), -1}).value();
  }
  void teardown() override { base::set_log_sink(nullptr, nullptr); }

  void send_ticket(std::uint32_t request) { send_ticket(sender, request); }
  static void send_ticket(const base::UniqueFd& to, std::uint32_t request) {
    auto channel = base::socket_pair(SOCK_STREAM).value();
    std::array<std::byte, wire::kTicketSize> bytes;
    wire::encode({request, 1, 0}, bytes);
    CHECK(base::send_with_fd(to.get(), bytes, channel.second.get(), 0) > 0);
  }
  void send_text(std::string_view text) { CHECK(send(sender.get(), text.data(), text.size(), 0) >= 0); }
  // The request of the next ticket; 0 at the end.
  std::uint32_t take() {
    wire::Ticket ticket;
    int channel = -1;
    if (intake->take(&ticket, &channel) == Intake::Taken::kEnd) return 0;
    const base::UniqueFd owned(channel);
    CHECK(owned.valid());
    return ticket.request;
  }
};

TEST(Intake, TakesTicketsInTheirOrder) {
  send_ticket(7);
  send_ticket(8);
  LONGS_EQUAL(7, take());
  LONGS_EQUAL(8, take());
}

TEST(Intake, HasNoThreadToSpareWhileTicketsWait) {
  LONGS_EQUAL(1, intake->to_spare());
  send_ticket(7);
  LONGS_EQUAL(0, intake->to_spare());
  LONGS_EQUAL(7, take());
  LONGS_EQUAL(1, intake->to_spare());
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

TEST(Intake, TakesNothingWhileItHasNoDescriptorAndSaysSoOnce) {
  send_ticket(7);  // is lost
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  const int first_free = dup(0);
  close(first_free);
  const rlimit none{static_cast<rlim_t>(first_free), limit.rlim_max};
  setrlimit(RLIMIT_NOFILE, &none);
  std::thread relief([&] {
    while (lines.load() == 0) usleep(1000);
    setrlimit(RLIMIT_NOFILE, &limit);
    send_ticket(8);
  });
  LONGS_EQUAL(8, take());
  relief.join();
  LONGS_EQUAL(1, lines.load());
}

TEST(Intake, CloseWakesEveryWaitingThread) {
  for (int round = 0; round < 50; ++round) {
    setup();
    std::atomic<int> ended = 0;
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) threads.emplace_back([&] { ended += take() == 0; });
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
  auto other = Intake::create({another_worker.get(), -1}).value();
  intake.swap(other);
  LONGS_EQUAL(7, take());
}

TEST(Intake, PausedItLeavesTicketsInTheQueueAndResumedItTakesThem) {
  std::atomic<std::uint32_t> request = 0;
  std::thread waiting([&] { request = take(); });
  intake->pause(Intake::kOldCode);
  send_ticket(7);
  usleep(2000);
  char byte;
  const bool left = recv(queue.get(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 1;
  intake->resume(Intake::kOldCode);
  waiting.join();
  CHECK(left);
  LONGS_EQUAL(7, request.load());
}

TEST(Intake, PausedForTwoCausesItWaitsForTheEndOfBoth) {
  std::atomic<std::uint32_t> request = 0;
  intake->pause(Intake::kOldCode);
  intake->pause(Intake::kLockHeld);
  std::thread waiting([&] { request = take(); });
  send_ticket(7);
  intake->resume(Intake::kOldCode);
  usleep(2000);
  const std::uint32_t early = request.load();
  intake->resume(Intake::kLockHeld);
  waiting.join();
  LONGS_EQUAL(0, early);
  LONGS_EQUAL(7, request.load());
}

// Two workers, of which the second one waits, and something that the kernel wakes for every ticket in their place.
TEST_GROUP_BASE(Nudge, TEST_GROUP_CppUTestGroupIntake) {
  base::UniqueFd nudge{eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)}, distraction{epoll_create1(EPOLL_CLOEXEC)};
  base::UniqueFd end{eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  std::unique_ptr<Intake> first, second;
  std::atomic<std::uint32_t> taken = 0;
  std::thread distracted, waiting;

  static void add(const base::UniqueFd& epoll, int fd, std::uint32_t more) {
    epoll_event event{};
    event.events = EPOLLIN | more;
    event.data.fd = fd;
    LONGS_EQUAL(0, epoll_ctl(epoll.get(), EPOLL_CTL_ADD, fd, &event));
  }
  static std::uint32_t take_from(Intake & intake) {
    wire::Ticket ticket;
    int channel = -1;
    if (intake.take(&ticket, &channel) != Intake::Taken::kTicket) return 0;
    close(channel);
    return ticket.request;
  }
  void setup() override {
    TEST_GROUP_CppUTestGroupIntake::setup();
    intake.reset();
    add(distraction, queue.get(), EPOLLEXCLUSIVE | EPOLLET);
    add(distraction, end.get(), 0);
    first = Intake::create({queue.get(), -1, nudge.get()}).value();
    second = Intake::create({queue.get(), -1, nudge.get()}).value();
    distracted = std::thread([this] {
      epoll_event event{};
      while (epoll_wait(distraction.get(), &event, 1, -1) == 1 && event.data.fd != end.get()) continue;
    });
    waiting = std::thread([this] { taken = take_from(*second); });
    usleep(20'000);
    send_ticket(7);
    usleep(20'000);
    LONGS_EQUAL(0, taken.load());
  }
  void teardown() override {
    eventfd_write(end.get(), 1);
    distracted.join();
    second->close();
    waiting.join();
    first.reset();
    second.reset();
    TEST_GROUP_CppUTestGroupIntake::teardown();
  }
  std::uint32_t taken_elsewhere() {
    for (int i = 0; i < 400 && taken.load() == 0; ++i) usleep(5000);
    return taken.load();
  }
};

TEST(Nudge, WhoFindsAnotherRequestFirstHasTheTicketTakenElsewhere) {
  auto channel = base::socket_pair(SOCK_STREAM).value();
  CHECK_TRUE(first->kept().adopt(channel.first.get()));
  CHECK_TRUE(first->kept().finish(channel.first.get()));
  LONGS_EQUAL(1, send(channel.second.get(), "x", 1, 0));
  wire::Ticket ticket;
  int found = -1;
  CHECK_TRUE(first->take(&ticket, &found) == Intake::Taken::kNext);
  LONGS_EQUAL(channel.first.get(), found);
  LONGS_EQUAL(7, taken_elsewhere());
}

TEST(Nudge, WhoTakesATicketHasTheNextOneTakenElsewhere) {
  send_ticket(8);
  const std::unique_ptr<Intake> third = Intake::create({queue.get(), -1, nudge.get()}).value();
  LONGS_EQUAL(7, take_from(*third));
  LONGS_EQUAL(8, taken_elsewhere());
}

TEST(Nudge, WhoPausesHasTheTicketTakenElsewhere) {
  first->pause(Intake::kOldCode);
  LONGS_EQUAL(7, taken_elsewhere());
}

TEST_GROUP_BASE(PriorityLane, TEST_GROUP_CppUTestGroupIntake) {
  base::UniqueFd urgent_sender, urgent;
  void setup() override {
    TEST_GROUP_CppUTestGroupIntake::setup();
    auto pair = base::socket_pair(SOCK_SEQPACKET).value();
    urgent_sender = std::move(pair.first);
    urgent = std::move(pair.second);
    intake = Intake::create({queue.get(), urgent.get()}).value();
  }
};

TEST(PriorityLane, ItsTicketsAreTakenBeforeAllThatWait) {
  send_ticket(1);
  send_ticket(2);
  send_ticket(urgent_sender, 3);
  send_ticket(urgent_sender, 4);
  for (const std::uint32_t request : {3u, 4u, 1u, 2u}) LONGS_EQUAL(request, take());
}

TEST(PriorityLane, HasNoThreadToSpareWhileATicketWaitsInIt) {
  send_ticket(urgent_sender, 3);
  LONGS_EQUAL(0, intake->to_spare());
}

// Whoever is woken for a ticket that another has taken finds the other's.
TEST(PriorityLane, NoTicketIsLeftBehindWhileThreadsAreFree) {
  const base::UniqueFd normal(fcntl(queue.get(), F_DUPFD_CLOEXEC, 0)), lane(fcntl(urgent.get(), F_DUPFD_CLOEXEC, 0));
  auto other = Intake::create({normal.get(), lane.get()}).value();
  constexpr int kTickets = 2000;
  std::atomic<int> taken = 0;
  const auto serve = [&taken](Intake& from) {
    wire::Ticket ticket;
    for (int channel = -1; from.take(&ticket, &channel) != Intake::Taken::kEnd; ++taken) close(channel);
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) threads.emplace_back([&, i] { serve(i % 2 == 0 ? *intake : *other); });
  for (int i = 0; i < kTickets; ++i) {
    send_ticket(i % 3 == 0 ? urgent_sender : sender, 1);
    if (i % 50 != 0) continue;
    for (int waited = 0; taken.load() <= i && waited < 20'000; ++waited) usleep(500);
    CHECK(taken.load() > i);
  }
  sender.reset();
  urgent_sender.reset();
  for (std::thread& thread : threads) thread.join();
  LONGS_EQUAL(kTickets, taken.load());
}

TEST(PriorityLane, PausedItsTicketsWaitToo) {
  std::atomic<std::uint32_t> request = 0;
  intake->pause(Intake::kOldCode);
  std::thread waiting([&] { request = take(); });
  send_ticket(urgent_sender, 7);
  usleep(2000);
  const std::uint32_t early = request.load();
  intake->resume(Intake::kOldCode);
  waiting.join();
  LONGS_EQUAL(0, early);
  LONGS_EQUAL(7, request.load());
}

TEST(Intake, PausedItStillCloses) {
  std::atomic<bool> ended = false;
  std::thread waiting([&] { ended = take() == 0; });
  intake->pause(Intake::kOldCode);
  intake->close();
  waiting.join();
  CHECK(ended.load());
  intake->resume(Intake::kOldCode);
  LONGS_EQUAL(0, take());
}

TEST(Intake, APauseThatMeetsTheEndOfTheQueueLosesNothing) {
  for (int round = 0; round < 20; ++round) {
    setup();
    std::atomic<bool> ended = false;
    std::thread waiting([&] { ended = take() == 0; });
    std::thread closing([&] { sender.reset(); });
    intake->pause(Intake::kOldCode);
    intake->resume(Intake::kOldCode);
    closing.join();
    waiting.join();
    CHECK(ended.load());
    LONGS_EQUAL(0, lines.load());
  }
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
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      while (const std::uint32_t request = take()) {
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

TEST(Intake, TicketsGoRoundBetweenWorkersWithFreeThreads) {
  const base::UniqueFd second_queue(fcntl(queue.get(), F_DUPFD_CLOEXEC, 0));
  auto second = Intake::create({second_queue.get(), -1}).value();
  std::atomic<int> taken[2] = {0, 0};
  std::atomic<int> served = 0;
  std::vector<std::thread> threads;
  for (int worker = 0; worker < 2; ++worker) {
    for (int i = 0; i < 2; ++i) {
      threads.emplace_back([&, worker] {
        wire::Ticket ticket;
        int channel = -1;
        while ((worker == 0 ? intake : second)->take(&ticket, &channel) == Intake::Taken::kTicket) {
          close(channel);
          ++taken[worker];
          ++served;
        }
      });
    }
  }
  constexpr int kTickets = 100;
  for (int i = 0; i < kTickets; ++i) {
    while (intake->waiting() < 2 || second->waiting() < 2) sched_yield();
    send_ticket(1);
    while (served.load() <= i) sched_yield();
  }
  sender.reset();
  for (std::thread& thread : threads) thread.join();
  CHECK(taken[0].load() >= kTickets / 4);
  CHECK(taken[1].load() >= kTickets / 4);
}

// The kernel wakes one worker for a ticket, the first here, which leaves at that very moment.
TEST(Intake, AWorkerThatLeavesTakesTheTicketThatItWasWokenForOrLeavesItToAnother) {
  for (int round = 0; round < 100; ++round) {
    setup();
    const base::UniqueFd second_queue(fcntl(queue.get(), F_DUPFD_CLOEXEC, 0));
    auto second = Intake::create({second_queue.get(), -1}).value();
    std::atomic<int> taken = 0;
    const auto serve = [&taken](Intake& from) {
      wire::Ticket ticket;
      int channel = -1;
      while (from.take(&ticket, &channel) == Intake::Taken::kTicket) {
        close(channel);
        ++taken;
      }
    };
    std::thread leaving([&] { serve(*intake); });
    std::thread staying([&] { serve(*second); });
    while (intake->waiting() == 0 || second->waiting() == 0) sched_yield();
    send_ticket(1);
    intake->close();
    const base::Deadline deadline = base::Deadline::after(std::chrono::seconds(5));
    while (taken.load() == 0 && !deadline.passed()) sched_yield();
    LONGS_EQUAL(1, taken.load());
    second->close();
    leaving.join();
    staying.join();
  }
}

TEST(Intake, ARequestOnAKeptChannelIsGivenToOneThread) {
  auto channel = base::socket_pair(SOCK_STREAM).value();
  const int kept = channel.second.release();
  CHECK_TRUE(intake->kept().adopt(kept));
  CHECK_TRUE(intake->kept().finish(kept));
  LONGS_EQUAL(1, send(channel.first.get(), "x", 1, 0));
  wire::Ticket ticket;
  int got = -1;
  CHECK(intake->take(&ticket, &got) == Intake::Taken::kNext);
  LONGS_EQUAL(kept, got);
  intake->kept().close(got);
}

TEST(Intake, CloseClosesIdleChannels) {
  auto channel = base::socket_pair(SOCK_STREAM).value();
  const int kept = channel.second.release();
  CHECK_TRUE(intake->kept().adopt(kept));
  CHECK_TRUE(intake->kept().finish(kept));
  intake->close();
  LONGS_EQUAL(-1, send(channel.first.get(), "x", 1, MSG_NOSIGNAL));
  CHECK_FALSE(intake->kept().adopt(queue.get()));
}
