// SPDX-License-Identifier: Apache-2.0
#include "daemon/limits.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "daemon/policy.h"

namespace gatehoused {
namespace {

enum class Window { kGraceful, kEviction, kShutdown, kPeaceful };

struct ReasonEntry {
  const char* name;
  Window window;
  bool regular;
  bool of_watchdog = false;
};

constexpr std::array<ReasonEntry, kReasons> kEntries = {{
    {"shutdown_signal", Window::kShutdown, false},
    {"graceful_signal", Window::kPeaceful, false},
    {"graceful_signal", Window::kGraceful, true},
    {"eviction_signal", Window::kEviction, true},
    {"script_reload", Window::kPeaceful, false},
    {"scale_down", Window::kPeaceful, true},
    {"maximum_memory", Window::kGraceful, true},
    {"maximum_requests", Window::kGraceful, true},
    {"restart_interval", Window::kGraceful, true},
    {"inactivity_timeout", Window::kGraceful, true},
    {"cpu_time_limit", Window::kGraceful, true},
    {"request_timeout", Window::kGraceful, false, true},
    {"startup_timeout", Window::kShutdown, false, true},
    {"deadlock_timeout", Window::kShutdown, false, true},
    {"service_ended", Window::kShutdown, false},
}};

const ReasonEntry& entry_of(Reason reason) {
  return kEntries[std::min<std::size_t>(static_cast<std::size_t>(reason), kReasons - 1)];
}

bool is_stale(const Limits& limits, const ThreadView& thread, Micros now) {
  return limits.stale > Micros::zero() && now - thread.taken >= limits.stale;
}

// Whether a request is in hand that may still be waited for.
bool any_fresh(const Limits& limits, const WorkerView& worker, Micros now) {
  return std::any_of(worker.threads.begin(), worker.threads.end(), [&](const ThreadView& thread) {
    return thread.taken > Micros::zero() && !is_stale(limits, thread, now);
  });
}

bool any_in_hand(const WorkerView& worker) {
  return std::any_of(worker.threads.begin(), worker.threads.end(),
                     [](const ThreadView& thread) { return thread.taken > Micros::zero(); });
}

// Collects the verdict; what comes first in judge() counts.
class Judgement {
 public:
  Judgement(const Limits& limits, const WorkerView& worker, Micros now) : limits_(limits), worker_(worker), now_(now) {}

  // True when the time has come; else it is noted.
  bool is_due(Micros when) {
    if (now_ >= when) return true;
    verdict_.next = std::min(verdict_.next, when);
    return false;
  }
  void decide(Step step, Reason reason, std::size_t thread = 0) {
    if (verdict_.step != Step::kNothing) return;
    verdict_.step = step;
    verdict_.reason = reason;
    verdict_.thread = thread;
  }

  void deadlock() {
    if (limits_.deadlock > Micros::zero() && is_due(worker_.last_beat + limits_.deadlock))
      decide(Step::kStop, Reason::kDeadlock);
  }

  void startup() {
    if (limits_.startup <= Micros::zero() || worker_.first_taken == Micros::zero() || worker_.loaded) return;
    if (is_due(worker_.first_taken + limits_.startup)) decide(Step::kStop, Reason::kStartupTimeout);
  }

  void requests() {
    if (limits_.request <= Micros::zero()) return;
    // A request that is taken from now on is due no earlier.
    is_due(now_ + limits_.request);
    for (std::size_t i = 0; i < worker_.threads.size(); ++i) {
      const ThreadView& thread = worker_.threads[i];
      if (thread.taken == Micros::zero() || !is_due(thread.taken + limits_.request)) continue;
      if (limits_.interrupt > Micros::zero() && thread.interrupted == Micros::zero())
        decide(Step::kInterrupt, Reason::kRequestTimeout, i);
      else if (is_due(thread.interrupted + limits_.interrupt))
        give_up();
    }
  }

  // What is left in hand when a worker drains, and holds nothing up, ends the drain.
  void drain() {
    if (!worker_.leaving || limits_.stale <= Micros::zero() || !any_in_hand(worker_)) return;
    if (!any_fresh(limits_, worker_, now_)) return decide(Step::kStop, Reason::kRequestTimeout);
    for (const ThreadView& thread : worker_.threads)
      if (thread.taken > Micros::zero()) is_due(thread.taken + limits_.stale);
  }

  void restart() {
    if (limits_.restart > Micros::zero() && !worker_.retiring && is_due(worker_.started + limits_.restart))
      decide(Step::kRetire, Reason::kRestartInterval);
  }

  void inactivity() {
    if (limits_.inactivity <= Micros::zero() || worker_.retiring) return;
    // The countdown begins with activity, which will be no earlier than now.
    if (worker_.last_active == Micros::zero() || any_fresh(limits_, worker_, now_))
      is_due(now_ + limits_.inactivity);
    else if (is_due(worker_.last_active + limits_.inactivity))
      decide(Step::kRetire, Reason::kInactivity);
  }

  Verdict verdict() const { return verdict_; }

 private:
  void give_up() {
    const bool others = limits_.graceful > Micros::zero() && any_fresh(limits_, worker_, now_);
    if (!others)
      decide(Step::kStop, Reason::kRequestTimeout);
    else if (!worker_.leaving)
      decide(Step::kLeave, Reason::kRequestTimeout);
  }

  const Limits& limits_;
  const WorkerView& worker_;
  const Micros now_;
  Verdict verdict_;
};

}  // namespace

const char* name_of(Reason reason) { return entry_of(reason).name; }

bool is_regular(Reason reason) { return entry_of(reason).regular; }

bool is_regular(std::string_view name) {
  return std::any_of(kEntries.begin(), kEntries.end(),
                     [name](const ReasonEntry& entry) { return entry.regular && name == entry.name; });
}

bool is_of_watchdog(std::string_view name) {
  return std::any_of(kEntries.begin(), kEntries.end(),
                     [name](const ReasonEntry& entry) { return entry.of_watchdog && name == entry.name; });
}

Micros time_to_leave(Reason reason, const wire::GroupSpec& spec) {
  const Micros graceful(spec.graceful_timeout), eviction(spec.eviction_timeout);
  Micros window = Micros::zero();
  switch (entry_of(reason).window) {
    case Window::kEviction:
      window = eviction > Micros::zero() ? eviction : graceful;
      break;
    case Window::kGraceful:
      window = graceful;
      break;
    case Window::kPeaceful:
      return kLeavingLimit;
    case Window::kShutdown:
      break;
  }
  return window > Micros::zero() ? window : time_to_finish(Ending::kPrompt, spec);
}

wire::GroupSpec with_jitter(wire::GroupSpec spec, double part) {
  const double share = static_cast<double>(spec.restart_jitter) / 100 * part;
  for (std::int64_t* limit : {&spec.maximum_requests, &spec.restart_interval}) {
    if (*limit <= 0) continue;
    *limit = std::max<std::int64_t>(*limit - std::llround(static_cast<double>(*limit) * share), 1);
  }
  return spec;
}

Limits limits_of(const wire::GroupSpec& spec) {
  Limits limits;
  const double threads = static_cast<double>(std::max<std::int64_t>(spec.threads, 1));
  limits.request = Micros(std::llround(static_cast<double>(spec.request_timeout) * (1 + std::log(threads))));
  limits.interrupt = Micros(spec.interrupt_timeout);
  if (spec.request_timeout > 0) limits.stale = Micros(spec.request_timeout + spec.interrupt_timeout);
  limits.graceful = Micros(spec.graceful_timeout);
  limits.inactivity = Micros(spec.inactivity_timeout);
  limits.restart = Micros(spec.restart_interval);
  limits.startup = Micros(spec.startup_timeout);
  limits.deadlock = Micros(spec.deadlock_timeout);
  return limits;
}

Verdict judge(const Limits& limits, const WorkerView& worker, Micros now) {
  Judgement judgement(limits, worker, now);
  judgement.deadlock();
  judgement.startup();
  judgement.requests();
  judgement.drain();
  judgement.restart();
  judgement.inactivity();
  return judgement.verdict();
}

}  // namespace gatehoused
