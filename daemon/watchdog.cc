// SPDX-License-Identifier: Apache-2.0
#include "daemon/watchdog.h"

#include <poll.h>
#include <pthread.h>

#include <algorithm>
#include <functional>
#include <memory>

#include "base/log.h"

namespace gatehoused {
namespace {

constexpr Micros kLongestBeat = std::chrono::milliseconds(250);
constexpr Micros kShortestBeat = std::chrono::milliseconds(10);
// So late, and the process did not run: stopped, or on a machine that was suspended or starved.
constexpr Micros kOverslept = std::chrono::milliseconds(500);
constexpr int kStackPatience = 1000;  // ms

struct Job {
  const gatehouse_engine_table* engine;
  std::function<void()> work;
};

void* on_job_thread(void* argument) noexcept {
  const std::unique_ptr<Job> job(static_cast<Job*>(argument));
  job->work();
  job->engine->end_thread();
  return nullptr;
}

// Runs the work, which may wait for Python's lock for ever, beside everything else.
void run_beside(const gatehouse_engine_table& engine, std::function<void()> work) {
  auto job = std::make_unique<Job>(Job{&engine, std::move(work)});
  pthread_t thread;
  const int failure = pthread_create(&thread, nullptr, on_job_thread, job.get());
  if (failure != 0) return base::log({base::Message::kForkFailed, failure, "a thread could not be started"});
  static_cast<void>(job.release());
  pthread_detach(thread);
}

}  // namespace

Watchdog::Watchdog(const wire::GroupSpec& spec, const gatehouse_engine_table& engine, std::span<ThreadSlot> slots,
                   std::atomic<std::int64_t>& beat, const Progress& progress, Intake* intake)
    : engine_(engine),
      slots_(slots),
      progress_(progress),
      limits_(limits_of(spec)),
      started_(base::now()),
      watched_(slots.size()),
      views_(slots.size()),
      lock_(engine, beat, intake),
      awake_since_(started_),
      expected_(Micros::max()) {}

void Watchdog::start() {
  if (limits_.deadlock > Micros::zero()) lock_.start(std::clamp(limits_.deadlock / 4, kShortestBeat, kLongestBeat));
}

Verdict Watchdog::look(Micros now, bool retiring, bool leaving) {
  // The lock's holder had no chance to give it up either.
  if (expected_ != Micros::max() && now > expected_ + kOverslept) awake_since_ = now;
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    const std::int64_t taken_us = slots_[i].taken_us.load(std::memory_order_acquire);
    if (watched_[i].taken_us != taken_us) watched_[i] = {taken_us, Micros::zero()};
    views_[i] = {Micros(taken_us), watched_[i].interrupted};
  }
  WorkerView worker;
  worker.threads = views_;
  worker.started = started_;
  worker.first_taken = Micros(progress_.first_taken_us.load(std::memory_order_relaxed));
  worker.last_active = Micros(progress_.last_active_us.load(std::memory_order_relaxed));
  worker.last_beat = std::max(lock_.last_beat(), awake_since_);
  worker.loaded = progress_.loaded.load(std::memory_order_relaxed);
  worker.retiring = retiring || leaving;
  worker.leaving = leaving;
  const Verdict verdict = judge(limits_, worker, now);
  expected_ = verdict.next;
  return verdict;
}

void Watchdog::interrupt(std::size_t thread, Micros now) {
  watched_[thread].interrupted = now;
  const std::uint64_t number = request_number(watched_[thread].taken_us, thread);
  run_beside(engine_, [engine = &engine_, number] { engine->interrupt(number); });
}

void Watchdog::publish_signal(int number) {
  run_beside(engine_, [engine = &engine_, number] { engine->publish_signal(number); });
}

void Watchdog::tell_stacks(bool hung) {
  if (hung) return engine_.stacks_of_hung();
  const auto done = std::make_shared<std::atomic<bool>>(false);
  run_beside(engine_, [engine = &engine_, done] {
    engine->stacks();
    done->store(true);
  });
  for (int waited = 0; !done->load() && waited < kStackPatience; waited += 5) poll(nullptr, 0, 5);
}

}  // namespace gatehoused
