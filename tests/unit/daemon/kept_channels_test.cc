// SPDX-License-Identifier: Apache-2.0
#include "daemon/kept_channels.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <thread>
#include <utility>
#include <vector>

#include <CppUTest/TestHarness.h>

using gatehoused::KeptChannels;

TEST_GROUP(KeptChannels) {
  base::UniqueFd epoll{epoll_create1(EPOLL_CLOEXEC)};
  KeptChannels kept{epoll.get()};

  // A channel of which kept owns the second end.
  struct Channel {
    base::UniqueFd child;
    int worker;
  };
  Channel open() {
    auto pair = base::socket_pair(SOCK_STREAM).value();
    return {std::move(pair.first), pair.second.release()};
  }
  Channel idle() {
    Channel channel = open();
    CHECK_TRUE(kept.adopt(channel.worker));
    CHECK_TRUE(kept.finish(channel.worker));
    return channel;
  }
  bool has_event() {
    epoll_event event{};
    return epoll_wait(epoll.get(), &event, 1, 0) == 1;
  }
  static void say(const Channel& channel) { LONGS_EQUAL(1, send(channel.child.get(), "x", 1, MSG_NOSIGNAL)); }
  static bool is_closed(const Channel& channel) { return send(channel.child.get(), "x", 1, MSG_NOSIGNAL) < 0; }
};

TEST(KeptChannels, AnEventMakesOneThreadTheOwner) {
  const Channel channel = idle();
  say(channel);
  CHECK_TRUE(has_event());
  CHECK_TRUE(kept.begin(channel.worker));
  CHECK_FALSE(kept.begin(channel.worker));
  kept.close(channel.worker);
}

TEST(KeptChannels, ARequestThatComesBeforeTheOwnerLetsGoIsNotLost) {
  const Channel channel = open();
  CHECK_TRUE(kept.adopt(channel.worker));
  say(channel);
  CHECK_TRUE(has_event());
  CHECK_FALSE(kept.begin(channel.worker));
  CHECK_FALSE(kept.finish(channel.worker));  // still the owner, and to look again
  CHECK_TRUE(kept.finish(channel.worker));
  CHECK_TRUE(kept.begin(channel.worker));
  kept.close(channel.worker);
}

TEST(KeptChannels, AdoptingAgainChangesNothing) {
  const Channel channel = idle();
  CHECK_TRUE(kept.begin(channel.worker));
  CHECK_TRUE(kept.adopt(channel.worker));
  CHECK_TRUE(kept.finish(channel.worker));
  say(channel);
  CHECK_TRUE(has_event());
  CHECK_TRUE(kept.begin(channel.worker));
  kept.close(channel.worker);
}

TEST(KeptChannels, AnEventOfANumberThatIsNotKeptIsNobodys) {
  const Channel channel = open();
  CHECK_FALSE(kept.begin(channel.worker));
  kept.close(channel.worker);
  CHECK_TRUE(is_closed(channel));
}

TEST(KeptChannels, NoMoreAreKeptThanTheMost) {
  std::vector<Channel> channels;
  for (std::size_t i = 0; i < KeptChannels::kMost; ++i) channels.push_back(idle());
  const Channel one_more = open();
  CHECK_FALSE(kept.adopt(one_more.worker));
  CHECK_TRUE(kept.begin(channels[0].worker));
  kept.close(channels[0].worker);
  CHECK_TRUE(kept.adopt(one_more.worker));
  CHECK_TRUE(kept.finish(one_more.worker));
  kept.stop();
}

TEST(KeptChannels, StopClosesWhatIsIdleAndKeepsNothingMore) {
  const Channel one = idle(), owned = idle();
  CHECK_TRUE(kept.begin(owned.worker));
  kept.stop();
  CHECK_TRUE(is_closed(one));
  CHECK_FALSE(is_closed(owned));
  CHECK_TRUE(kept.finish(owned.worker));
  CHECK_TRUE(is_closed(owned));
  const Channel late = open();
  CHECK_FALSE(kept.adopt(late.worker));
  kept.close(late.worker);
}

TEST(KeptChannels, WhatIsNotUsedBetweenTwoLooksIsClosedAtTheSecond) {
  const Channel used = idle(), unused = idle();
  kept.close_unused();
  CHECK_TRUE(kept.begin(used.worker));
  CHECK_TRUE(kept.finish(used.worker));
  kept.close_unused();
  CHECK_TRUE(is_closed(unused));
  CHECK_FALSE(is_closed(used));
  kept.stop();
}

TEST(KeptChannels, CoveredChannelsReadEndOfFileAndKeepTheirNumbers) {
  const Channel channel = idle();
  auto dead = base::socket_pair(SOCK_STREAM).value();
  dead.second.reset();
  kept.cover(dead.first.get());
  char byte;
  LONGS_EQUAL(0, recv(channel.worker, &byte, 1, MSG_DONTWAIT));
  CHECK_TRUE(is_closed(channel));
  ::close(channel.worker);
}

TEST(KeptChannels, AChannelIsCoveredOnce) {
  const Channel channel = idle();
  auto dead = base::socket_pair(SOCK_STREAM).value();
  kept.cover(dead.first.get());
  const Channel later = open();
  dup2(later.worker, channel.worker);
  kept.cover(dead.first.get());
  say(later);
  char byte;
  LONGS_EQUAL(1, recv(channel.worker, &byte, 1, MSG_DONTWAIT));
  ::close(channel.worker);
  ::close(later.worker);
}

TEST(KeptChannels, NoRequestIsLostAndNoneHasTwoOwners) {
  constexpr int kChannels = 4, kThreads = 4, kRequests = 20'000;
  std::vector<Channel> channels;
  for (int i = 0; i < kChannels; ++i) channels.push_back(idle());
  std::atomic<int> served = 0;
  std::atomic<int> strangers = 0;
  std::atomic<int> owners[KeptChannels::kNumbers] = {};
  std::vector<std::thread> threads;
  // Each thread does what a worker's does; the byte is the request, the byte back is END.
  const auto serve = [&] {
    epoll_event event{};
    while (served.load() < kRequests) {
      if (epoll_wait(epoll.get(), &event, 1, 10) != 1 || !kept.begin(event.data.fd)) continue;
      const int channel = event.data.fd;
      do {
        if (owners[channel].fetch_add(1) != 0) ++strangers;
        char byte;
        const bool came = recv(channel, &byte, 1, MSG_DONTWAIT) == 1;
        owners[channel].fetch_sub(1);
        if (came) {
          ++served;
          send(channel, "y", 1, MSG_NOSIGNAL);
        }
      } while (!kept.finish(channel));
    }
  };
  for (int i = 0; i < kThreads; ++i) threads.emplace_back(serve);
  for (const Channel& channel : channels) {
    threads.emplace_back([&] {
      char byte;
      for (int i = 0; i < kRequests / kChannels; ++i) {
        send(channel.child.get(), "x", 1, MSG_NOSIGNAL);
        if (recv(channel.child.get(), &byte, 1, 0) != 1) return;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  LONGS_EQUAL(kRequests, served.load());
  LONGS_EQUAL(0, strangers.load());
  kept.stop();
}
