// SPDX-License-Identifier: Apache-2.0

// What a supervisor decides by itself, when it is due: which generation is started, takes over, is given up and goes,
// and how many workers each has. What arrives is in supervisor.cc.

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string>

#include "base/log.h"
#include "daemon/supervisor.h"
#include "wire/message.h"

namespace gatehoused {
namespace {

using base::Message;

// A zygote that has hung up has ended, or is about to.
constexpr Micros kLookAtDead = std::chrono::milliseconds(100);

// How long the first ticket of a queue has waited; it stays there, and its descriptor with it.
Micros longest_wait(int queue) {
  std::array<std::byte, wire::kTicketSize> bytes;
  wire::Ticket ticket;
  const ssize_t got = recv(queue, bytes.data(), bytes.size(), MSG_PEEK | MSG_DONTWAIT);
  if (got != static_cast<ssize_t>(bytes.size()) || !wire::decode(bytes, &ticket)) return Micros(0);
  return std::max(base::now() - Micros(ticket.sent_us), Micros(1));
}

// One that leaves has its own deadlines.
bool is_watched(const Worker& worker) { return worker.pid != 0 && worker.leaving_for.empty() && !worker.is_silent; }

}  // namespace

void Supervisor::act() {
  for (Brood& brood : broods_) advance(brood);
  std::erase_if(broods_, [&](const Brood& brood) { return !brood.has_zygote() && workers_.count(brood.id()) == 0; });
  if (!ending_) act_on_generations();
  kill_silent();
}

// What else happens with a deadlock is the worker's own to say and to do (watchdog.h).
void Supervisor::kill_silent() {
  const Micros deadlock(launch_.spec.deadlock_timeout), now = base::now();
  for (std::size_t slot = 0; slot < workers_.size(); ++slot) {
    Worker& worker = workers_[slot];
    if (!is_watched(worker)) continue;
    const Micros beat(slots_.beat_of(slot).load(std::memory_order_relaxed));
    worker.is_silent = worker.silence.look(beat, now, deadlock);
    if (const Brood* const brood = brood_of(worker.brood); worker.is_silent && brood != nullptr)
      brood->kill_one(worker.pid);
  }
}

void Supervisor::act_on_generations() {
  if (Brood* const next = coming()) {
    if (next->stage == Brood::Stage::kWarmingUp) {
      if (has_enough(*next)) take_over(*next);
    } else if (next->stage == Brood::Stage::kLoading &&
               load_deadline(launch_.spec, next->is_first(), next->loading_since).passed()) {
      base::log(Message::kLoadTimeout, "group '%s': script %s was not loaded within %.1f s; its process is killed",
                group(), next->importing.script.c_str(), seconds(base::now() - next->loading_since));
      give_up(*next, "loading it takes too long");
      next->release(base::Deadline::at(base::now()));
    }
  }
  if (coming() == nullptr && (serving() == nullptr || changes_.any()) && may_start(zygote_backoff_, base::now()))
    start_generation();
  for (Brood& brood : broods_)
    if (!brood.ending) fork_workers(brood);
  scale();
  relieve();
}

void Supervisor::end(Ending ending) {
  ending_ = true;
  const base::Deadline deadline = base::Deadline::after(time_to_finish(ending, launch_.spec) + kKillGrace);
  for (Brood& brood : broods_) {
    if (ending == Ending::kPrompt) {
      // One that holds no request yet is not worth waiting for.
      brood.release(workers_.count(brood.id()) == 0 ? base::Deadline::at(base::now()) : deadline);
    } else {
      brood.ending = true;
      // The queue's last tickets are served by the code there is.
      workers_.tell_all(brood.id(), {WorkerOrder::Kind::kServe, 0, changes_.latest()});
      if (deadline.when() < brood.kill_at.when()) brood.kill_at = deadline;
    }
  }
}

void Supervisor::start_generation() {
  Brood* const now = serving();
  LoadPlan plan = changes_.plan(launch_.imports, now != nullptr ? now->loaded : std::vector<ScriptVersion>(),
                                launch_.spec.preload, now != nullptr);
  // CPython cannot fork a process that has a pool of interpreters.
  // A service is what its scripts do: they are not loaded ahead.
  if (preload_unsafe_ || launch_.spec.interpreters > 1 || launch_.spec.is_service()) plan.before_fork = false;
  if (plan.is_retry)
    plan.not_before = base::Deadline::after(load_delay(changes_.failures()));
  else
    worker_backoff_ = {};  // other code, another chance
  base::Result<Brood> brood =
      Brood::hatch({&launch_, nullptr, &slots_, queues_.get(), -1, -1, -1}, std::move(plan), next_brood_++);
  if (brood) return broods_.push_back(std::move(brood).value());
  base::log(brood.error());
  start_failed_ = now == nullptr;
  zygote_backoff_ = after_death(zygote_backoff_, Micros(0), base::now(), kLongestStartDelay);
}

void Supervisor::fork_workers(Brood& brood) {
  for (std::size_t due = forks_due(census(brood), worker_backoff_, base::now()); due > 0; --due) {
    const std::optional<std::size_t> slot = workers_.free_slot();
    if (!slot) return;
    base::Result<std::pair<base::UniqueFd, base::UniqueFd>> line = base::socket_pair(SOCK_SEQPACKET);
    if (!line) base::log(line.error());
    slots_.clear(*slot);
    if (!line || !brood.order_fork(*slot, line->second.get())) {
      worker_backoff_ = after_death(worker_backoff_, Micros(0), base::now());
      return;
    }
    workers_[*slot] = {
        Worker::State::kForking, brood.id(), 0, base::now(), std::move(line->first), false, "", {}, false};
  }
}

// Enough workers of the new generation take tickets: the old ones may go.
void Supervisor::take_over(Brood& brood) {
  Brood* const old = serving();
  brood.stage = Brood::Stage::kServing;
  start_failed_ = false;
  changes_.attempt_succeeded(brood.loaded);
  zygote_backoff_ = {};
  if (succession_.valid()) {
    [[maybe_unused]] const ssize_t told = base::write_some(succession_.get(), "", 1);
    succession_.reset();
  }
  base::log(Message::kGenerationServes, "group '%s' serves by %zu new workers after %.3f s", group(),
            workers_.count_ready(brood.id()), seconds(base::now() - brood.loading_since));
  if (old == nullptr) return;
  old->ending = true;
  old->kill_at = base::Deadline::after(time_to_retire(launch_.spec) + kKillGrace);
  retire_all(*old);
}

// The generation to come has failed. What serves goes on; what failed is tried again when it changes, and after a
// while.
void Supervisor::give_up(Brood& brood, const std::string& why) {
  brood.ending = true;
  brood.kill_at = base::Deadline::after(time_to_retire(launch_.spec) + kKillGrace);
  retire_all(brood);
  if (!brood.importing.script.empty()) changes_.add_culprit(brood.importing);
  const bool first_time = changes_.failures() == 0;
  changes_.attempt_failed();
  if (brood.stage == Brood::Stage::kStarting)
    zygote_backoff_ = after_death(zygote_backoff_, Micros(0), base::now(), kLongestStartDelay);
  Brood* const now = serving();
  start_failed_ = now == nullptr;
  const double delay = seconds(load_delay(changes_.failures()));
  if (first_time)
    base::log(now != nullptr ? Message::kReloadFailed : Message::kFirstLoadFailed,
              "group '%s' does not get its new code: %s; %s; it is tried again when the script changes, and in %.0f s",
              group(), why.c_str(), now != nullptr ? "the old code serves on" : "requests get 503", delay);
  if (now != nullptr && !changes_.any_untried())
    workers_.tell_all(now->id(), {WorkerOrder::Kind::kServe, 0, changes_.failed()});
}

void Supervisor::retire(Worker& worker, WorkerOrder::Kind how) {
  if (worker.state == Worker::State::kNone || worker.state == Worker::State::kLeaving) return;
  tell(worker.line.get(), WorkerOrder{how, time_to_retire(launch_.spec).count(), {}});
}

void Supervisor::retire_all(const Brood& brood) {
  for (Worker& worker : workers_)
    if (worker.brood == brood.id()) retire(worker);
}

// Workers that want to be replaced go when as many as are wanted serve beside them.
void Supervisor::relieve() {
  Brood* const now = serving();
  if (now == nullptr || !has_enough(*now)) return;
  for (Worker& worker : workers_) {
    if (worker.brood != now->id() || !worker.wants_relief) continue;
    retire(worker);
    worker.wants_relief = false;
    worker.state = Worker::State::kLeaving;
  }
}

void Supervisor::scale() {
  Brood* const now = serving();
  if (!scaling_.is_active() || now == nullptr || base::now() < next_look_) return;
  next_look_ = base::now() + scaling_.interval();
  const std::size_t before = scaling_.wanted();
  const Load load{std::max(longest_wait(queues_.normal.get()), longest_wait(queues_.priority.get())),
                  workers_.count_ready(now->id()), workers_.count_busy_threads(now->id(), slots_)};
  scaling_.look(load, base::now());
  if (scaling_.wanted() > before) {
    base::log(Message::kScaled, "group '%s' gets a process more, %zu: a request has waited %.3f s", group(),
              scaling_.wanted(), seconds(load.longest_wait));
    fork_workers(*now);
  } else if (scaling_.wanted() < before) {
    base::log(Message::kScaled, "group '%s' gets a process less, %zu: %zu threads are busy", group(), scaling_.wanted(),
              load.busy_threads);
    if (Worker* const worker = workers_.most_dispensable(now->id(), slots_)) {
      retire(*worker, WorkerOrder::Kind::kDismiss);
      worker->state = Worker::State::kLeaving;
    }
  }
}

void Supervisor::advance(Brood& brood) {
  if (!brood.ending) return;
  if (workers_.count(brood.id()) == 0) brood.release(brood.kill_at);
  if (!brood.has_zygote() && workers_.count(brood.id()) == 0) {
    // What is left in its process group was started by applications.
    brood.kill_all();
  } else if (brood.kill_at.passed()) {
    brood.kill_all();
    // Whoever is not reaped by the second time was never there.
    if (brood.killed && !brood.has_zygote()) workers_.forget(brood.id(), Workers::Which::kAll);
    brood.killed = true;
    brood.kill_at = base::Deadline::after(kKillGrace);
  }
}

base::Deadline Supervisor::next_act() {
  base::Deadline next = base::Deadline::never();
  const auto consider = [&next](Micros when) {
    if (when < next.when()) next = base::Deadline::at(when);
  };
  for (const Brood& brood : broods_) {
    if (brood.ending) consider(brood.kill_at.when());
    if (brood.has_zygote() && brood.reports() < 0) consider(base::now() + kLookAtDead);
  }
  for (const Worker& worker : workers_)
    if (is_watched(worker)) consider(worker.silence.next());
  if (ending_) return next;
  for (const Brood& brood : broods_) {
    if (brood.ending) continue;
    if (const Census now = census(brood); now.zygote_up && now.taking < now.wanted && now.free_slots > 0)
      consider(next_fork(now, worker_backoff_));
    if (brood.stage == Brood::Stage::kLoading)
      consider(load_deadline(launch_.spec, brood.is_first(), brood.loading_since).when());
  }
  if (coming() == nullptr && (serving() == nullptr || changes_.any())) consider(zygote_backoff_.not_before);
  if (scaling_.is_active() && serving() != nullptr) consider(next_look_);
  return next;
}

Census Supervisor::census(const Brood& brood) const {
  Census census;
  census.ending = ending_ || brood.ending;
  census.wanted = scaling_.wanted();
  if (brood.stage == Brood::Stage::kWarmingUp && brood.needs_pilot() && workers_.count_ready(brood.id()) == 0)
    census.wanted = 1;
  census.zygote_up = brood.stage >= Brood::Stage::kWarmingUp;
  workers_.count_for(brood.id(), &census);
  return census;
}

Brood* Supervisor::serving() {
  const auto found = std::find_if(broods_.begin(), broods_.end(), [](const Brood& brood) {
    return !brood.ending && brood.stage == Brood::Stage::kServing;
  });
  return found == broods_.end() ? nullptr : &*found;
}

Brood* Supervisor::coming() {
  const auto found = std::find_if(broods_.begin(), broods_.end(), [](const Brood& brood) {
    return !brood.ending && brood.stage != Brood::Stage::kServing;
  });
  return found == broods_.end() ? nullptr : &*found;
}

Brood* Supervisor::brood_of(int id) {
  const auto found =
      std::find_if(broods_.begin(), broods_.end(), [id](const Brood& brood) { return brood.id() == id; });
  return found == broods_.end() ? nullptr : &*found;
}

// As many workers take tickets as are wanted, or as there are slots for.
bool Supervisor::has_enough(const Brood& brood) const {
  const std::size_t ready = workers_.count_ready(brood.id());
  const Census now = census(brood);
  return ready > 0 && ready >= std::min(now.wanted, now.taking + now.free_slots);
}

// Nothing serves, and what was tried has failed. While another attempt loads, requests wait for it. Where an older
// generation has the same queue, that one serves.
bool Supervisor::refusing() {
  if (!start_failed_ || ending_ || (launch_.has_elders && succession_.valid())) return false;
  const Brood* const next = coming();
  return next == nullptr || next->stage == Brood::Stage::kStarting;
}

}  // namespace gatehoused
