// SPDX-License-Identifier: Apache-2.0
#include "daemon/signal_pipe.h"

#include <poll.h>
#include <signal.h>

#include <optional>

#include <CppUTest/TestHarness.h>

using gatehoused::SignalPipe;

TEST_GROUP(SignalPipe) {
  std::optional<SignalPipe> pipe;
  void teardown() override { gatehoused::restore_default_signals(); }
  void route(std::initializer_list<int> signals) { pipe.emplace(SignalPipe::open(signals).value()); }
  bool readable() { return base::wait_for(pipe->fd(), POLLIN, base::Deadline::at(base::now())) > 0; }
};

TEST(SignalPipe, IsEmptyWithoutSignals) {
  route({SIGUSR1});
  CHECK(!readable());
  LONGS_EQUAL(0, pipe->take());
}

TEST(SignalPipe, TellsEachSignalInItsOrder) {
  route({SIGUSR1, SIGTERM});
  raise(SIGTERM);
  raise(SIGUSR1);
  CHECK(readable());
  LONGS_EQUAL(SIGTERM, pipe->take());
  LONGS_EQUAL(SIGUSR1, pipe->take());
  LONGS_EQUAL(0, pipe->take());
}

TEST(SignalPipe, ANewPipeTakesOverAndForgetsOtherSignals) {
  route({SIGUSR1, SIGTERM});
  std::optional<SignalPipe> parents(std::move(pipe));
  route({SIGTERM});
  raise(SIGTERM);
  LONGS_EQUAL(0, parents->take());
  LONGS_EQUAL(SIGTERM, pipe->take());
  struct sigaction action {};
  sigaction(SIGUSR1, nullptr, &action);
  CHECK(action.sa_handler == SIG_DFL);
}

TEST(SignalPipe, AFloodOfSignalsDoesNotBlock) {
  route({SIGUSR1});
  for (int i = 0; i < 100'000; ++i) raise(SIGUSR1);
  LONGS_EQUAL(SIGUSR1, pipe->take());
}
