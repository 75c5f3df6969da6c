// SPDX-License-Identifier: Apache-2.0
#include "module/kept_channels.h"

#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <set>
#include <utility>
#include <vector>

#include <CppUTest/TestHarness.h>

#include "wire/frame.h"

using base::Micros;
using httpd::KeptChannels;

namespace {

constexpr Micros kQuickRequest = std::chrono::microseconds(200);
constexpr Micros kSlowRequest = std::chrono::milliseconds(100);

}  // namespace

TEST_GROUP(ChannelsOfChild) {
  KeptChannels kept{1};
  std::vector<base::UniqueFd> workers;  // other ends
  Micros now = std::chrono::hours(1);

  // A ticket's channel whose request has ended; its number.
  int put_new(std::uint16_t worker, Micros took = kQuickRequest, std::uint16_t free = 1) {
    auto pair = base::socket_pair(SOCK_STREAM).value();
    workers.push_back(std::move(pair.second));
    const int number = pair.first.get();
    put(KeptChannels::InUse(std::move(pair.first)), worker, took, free);
    return number;
  }
  void put(KeptChannels::InUse channel, std::uint16_t worker, Micros took = kQuickRequest, std::uint16_t free = 1) {
    const wire::End end{0, 200, worker, free, static_cast<std::uint32_t>(took.count())};
    kept.put(std::move(channel), end, now);
  }
  KeptChannels::InUse take() { return kept.take(now); }
  bool is_closed(std::size_t index) { return send(workers[index].get(), "x", 1, MSG_NOSIGNAL) < 0; }
};

TEST(ChannelsOfChild, NothingIsTakenWhereNothingWasPut) { CHECK_FALSE(take().valid()); }

TEST(ChannelsOfChild, TheOneUsedLastIsTakenFirst) {
  put_new(0);
  const int last = put_new(0);
  const KeptChannels::InUse channel = take();
  LONGS_EQUAL(last, channel.get());
  CHECK_TRUE(channel.was_kept());
}

TEST(ChannelsOfChild, AReceiveWaitsUntilTheRequestMayBeWithdrawn) {
  put_new(0);
  const KeptChannels::InUse channel = take();
  timeval limit{};
  socklen_t size = sizeof limit;
  LONGS_EQUAL(0, getsockopt(channel.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, &size));
  // The kernel counts in ticks, of which there may be a hundred in a second.
  const Micros rounded = std::chrono::seconds(limit.tv_sec) + Micros(limit.tv_usec);
  CHECK(rounded >= wire::kWithdrawAfter && rounded <= wire::kWithdrawAfter + std::chrono::milliseconds(10));
}

TEST(ChannelsOfChild, AChannelIsTakenOnce) {
  put_new(0);
  const KeptChannels::InUse first = take();
  CHECK_TRUE(first.valid());
  CHECK_FALSE(take().valid());
}

TEST(ChannelsOfChild, TheWorkerWithTheFewestRequestsIsChosen) {
  const int of_first = put_new(0);
  put_new(1);
  const int of_second = put_new(1);
  const KeptChannels::InUse one = take(), other = take();
  LONGS_EQUAL(of_second, one.get());
  LONGS_EQUAL(of_first, other.get());
}

TEST(ChannelsOfChild, ATicketGoesToAWorkerThatIsNotKnownYet) {
  KeptChannels two{2};
  auto pair = base::socket_pair(SOCK_STREAM).value();
  auto second = base::socket_pair(SOCK_STREAM).value();
  two.put(KeptChannels::InUse(std::move(pair.first)), {0, 200, 0, 1, 100}, now);
  two.put(KeptChannels::InUse(std::move(second.first)), {0, 200, 0, 1, 100}, now);
  const KeptChannels::InUse first = two.take(now);
  CHECK_TRUE(first.valid());
  CHECK_FALSE(two.take(now).valid());
}

TEST(ChannelsOfChild, SlowRequestsUseOnlyWorkersWithAFreeThread) {
  put_new(0, kSlowRequest, 1);
  put_new(0, kSlowRequest, 1);
  const KeptChannels::InUse first = take();
  CHECK_TRUE(first.valid());
  CHECK_FALSE(take().valid());  // the free thread has that one
}

TEST(ChannelsOfChild, AChannelOfASlowRequestIsNotKeptWhileTheWorkerIsFull) {
  put_new(0, kSlowRequest, 0);
  CHECK_TRUE(is_closed(0));
  put_new(0, kSlowRequest, 1);
  CHECK_FALSE(is_closed(1));
}

TEST(ChannelsOfChild, QuickRequestsMayWaitForAWorker) {
  put_new(0, kQuickRequest, 1);
  put_new(0, kQuickRequest, 1);
  const KeptChannels::InUse first = take();
  CHECK_TRUE(first.valid());
  CHECK_TRUE(take().valid());
}

TEST(ChannelsOfChild, AChannelThatIsNotPutBackIsClosed) {
  put_new(0);
  take();
  CHECK_TRUE(is_closed(0));
  CHECK_FALSE(take().valid());
}

TEST(ChannelsOfChild, ChannelsThatRestTooLongAreClosed) {
  put_new(0);
  now += KeptChannels::kLongestRest + Micros(1);
  CHECK_FALSE(take().valid());
  CHECK_TRUE(is_closed(0));
}

TEST(ChannelsOfChild, ClosingWhatRestsIsDueUntilNothingIsKept) {
  auto first = base::socket_pair(SOCK_STREAM).value();
  auto second = base::socket_pair(SOCK_STREAM).value();
  CHECK_TRUE(kept.put(KeptChannels::InUse(std::move(first.first)), {0, 200, 0, 1, 100}, now));
  now += KeptChannels::kLongestRest - Micros(1);
  CHECK_FALSE(kept.put(KeptChannels::InUse(std::move(second.first)), {0, 200, 0, 1, 100}, now));  // due already
  now += Micros(2);
  CHECK_TRUE(kept.close_rested(now));
  CHECK_TRUE(send(first.second.get(), "x", 1, MSG_NOSIGNAL) < 0);
  CHECK_TRUE(send(second.second.get(), "x", 1, MSG_NOSIGNAL) == 1);
  now += KeptChannels::kLongestRest;
  CHECK_FALSE(kept.close_rested(now));
  CHECK_TRUE(send(second.second.get(), "x", 1, MSG_NOSIGNAL) < 0);
  const auto put_one = [this] {
    return kept.put(KeptChannels::InUse(base::socket_pair(SOCK_STREAM).value().first), {0, 200, 0, 1, 100}, now);
  };
  CHECK_TRUE(put_one());
  kept.give_watch_up();
  CHECK_TRUE(put_one());
}

TEST(ChannelsOfChild, AWorkerThatIsAvoidedHasNoChannelsLeft) {
  const int of_other = put_new(1);
  put_new(0);
  put_new(0);
  const KeptChannels::InUse stuck = take();
  kept.avoid(stuck);
  LONGS_EQUAL(of_other, take().get());
  CHECK_FALSE(take().valid());
}

TEST(ChannelsOfChild, NoMoreAreKeptThanTheMost) {
  for (std::size_t i = 0; i <= KeptChannels::kMost; ++i) put_new(0);
  CHECK_TRUE(is_closed(KeptChannels::kMost));
  CHECK_FALSE(is_closed(KeptChannels::kMost - 1));
}
