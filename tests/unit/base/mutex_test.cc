// SPDX-License-Identifier: Apache-2.0
#include "base/mutex.h"

#include <thread>

#include <CppUTest/TestHarness.h>

using base::CondVar;
using base::Deadline;
using base::Micros;
using base::Mutex;
using base::MutexLock;

namespace {

struct Shared {
  Mutex mutex;
  CondVar changed;
  int count GH_GUARDED_BY(mutex) = 0;

  void add() GH_EXCLUDES(mutex) {
    MutexLock lock(mutex);
    ++count;
    changed.notify_all();
  }
};

}  // namespace

TEST_GROUP(Mutex) { Shared shared; };

TEST(Mutex, LetsOneThreadInAtATime) {
  const auto add_many = [this] {
    for (int i = 0; i < 20'000; ++i) shared.add();
  };
  std::thread first(add_many), second(add_many);
  first.join();
  second.join();
  MutexLock lock(shared.mutex);
  CHECK_EQUAL(40'000, shared.count);
}

TEST(Mutex, AWaiterSeesWhatTheNotifierDid) {
  std::thread other([this] { shared.add(); });
  {
    MutexLock lock(shared.mutex);
    while (shared.count == 0) shared.changed.wait(shared.mutex);
    CHECK_EQUAL(1, shared.count);
  }
  other.join();
}

TEST(Mutex, AWaitEndsAtItsDeadline) {
  MutexLock lock(shared.mutex);
  const Deadline deadline = Deadline::after(Micros(2'000));
  while (!deadline.passed()) shared.changed.wait(shared.mutex, deadline);
  CHECK_EQUAL(0, shared.count);
}

TEST(Mutex, AWaitWithoutEndIsWokenToo) {
  std::thread other([this] { shared.add(); });
  {
    MutexLock lock(shared.mutex);
    while (shared.count == 0) shared.changed.wait(shared.mutex, Deadline::never());
  }
  other.join();
}
