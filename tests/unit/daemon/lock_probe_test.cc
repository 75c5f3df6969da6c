// SPDX-License-Identifier: Apache-2.0
#include "daemon/lock_probe.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <thread>

#include "base/log.h"

#include <CppUTest/TestHarness.h>

#include <CppUTest/MemoryLeakWarningPlugin.h>

using namespace std::chrono_literals;
using gatehoused::Intake;
using gatehoused::LockProbe;

namespace {

std::atomic<bool> lock_hangs;

gatehouse_engine_table fake_engine() {
  gatehouse_engine_table table{};
  table.probe = [] {
    while (lock_hangs) std::this_thread::sleep_for(1ms);
  };
  return table;
}

}  // namespace

TEST_GROUP(LockProbe) {
  const gatehouse_engine_table engine = fake_engine();
  std::atomic<std::int64_t> beat = 0;
  base::UniqueFd sender, queue;
  std::unique_ptr<Intake> intake;

  void setup() override {
    lock_hangs = false;
    base::set_log_sink([](void*, base::Level, std::string_view) {}, nullptr);
    auto pair = base::socket_pair(SOCK_SEQPACKET).value();
    sender = std::move(pair.first);
    queue = std::move(pair.second);
    intake = Intake::create({queue.get(), -1}).value();
  }
  void teardown() override { base::set_log_sink(nullptr, nullptr); }
  // In a process of its own, since a probe's thread lives as long as that.
  void holds_in_child(const std::function<bool()>& condition) {
    const pid_t child = fork();
    if (child == 0) {
      MemoryLeakWarningPlugin::turnOffNewDeleteOverloads();
      _exit(condition() ? 0 : 1);
    }
    int status = -1;
    waitpid(child, &status, 0);
    LONGS_EQUAL(0, status);
  }
  // Is a ticket taken that is sent now? It is awaited for a while when it should not be.
  bool takes_a_ticket(base::Micros patience) {
    auto channel = base::socket_pair(SOCK_STREAM).value();
    std::array<std::byte, wire::kTicketSize> bytes;
    wire::encode({7, 1, 0}, bytes);
    base::send_with_fd(sender.get(), bytes, channel.second.get(), 0);
    const base::Deadline deadline = base::Deadline::after(patience);
    while (taken < 1 && !deadline.passed()) std::this_thread::sleep_for(1ms);
    return taken.exchange(0) == 1;
  }
  void take_for_ever() {
    std::thread([this] {
      wire::Ticket ticket;
      for (int channel = -1; intake->take(&ticket, &channel) != Intake::Taken::kEnd; ++taken) close(channel);
    }).detach();
  }
  std::atomic<int> taken = 0;
};

TEST(LockProbe, BeatsWhileTheLockCanBeGot) {
  holds_in_child([&] {
    LockProbe probe(engine, beat, nullptr);
    const base::Micros first = probe.last_beat();
    probe.start(10ms);
    for (int i = 0; i < 10'000 && probe.last_beat() == first; ++i) std::this_thread::sleep_for(1ms);
    return probe.last_beat() > first && probe.overdue() == -1;
  });
}

TEST(LockProbe, TicketsAreLeftToOthersAsLongAsTheLockHangs) {
  holds_in_child([&] {
    LockProbe probe(engine, beat, intake.get());
    take_for_ever();
    const bool before = takes_a_ticket(10s);
    lock_hangs = true;
    probe.start(10ms);
    if (base::wait_for(probe.overdue(), POLLIN, base::Deadline::after(30s)) != POLLIN) return false;
    probe.on_overdue();
    const bool during = takes_a_ticket(50ms);
    lock_hangs = false;
    for (int i = 0; i < 10'000 && taken < 1; ++i) std::this_thread::sleep_for(1ms);
    const bool left_one = taken.exchange(0) == 1;
    return before && !during && left_one && takes_a_ticket(10s);
  });
}

TEST(LockProbe, ALockThatIsGotInTimePausesNothing) {
  holds_in_child([&] {
    LockProbe probe(engine, beat, intake.get());
    take_for_ever();
    probe.start(10ms);
    for (int i = 0; i < 20; ++i) {
      std::this_thread::sleep_for(5ms);
      probe.on_overdue();
    }
    return takes_a_ticket(10s);
  });
}
