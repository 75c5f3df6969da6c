// SPDX-License-Identifier: Apache-2.0
#include "daemon/supervisor.h"

#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <span>

#include "base/log.h"
#include "daemon/limits.h"
#include "daemon/title.h"
#include "daemon/turn_away.h"
#include "wire/message.h"

namespace gatehoused {
namespace {

using base::Message;

// Events of one kind that are handled before the others have their turn.
constexpr int kBurst = 64;
constexpr std::size_t kMostLoaded = 1024;

std::int64_t peak_memory_of(const rusage& usage) { return std::int64_t{usage.ru_maxrss} * 1024; }

double seconds(Micros duration) { return static_cast<double>(duration.count()) / 1e6; }

// How long the first ticket of a queue has waited; it stays there, and its descriptor with it.
Micros longest_wait(int queue) {
  std::array<std::byte, wire::kTicketSize> bytes;
  wire::Ticket ticket;
  const ssize_t got = recv(queue, bytes.data(), bytes.size(), MSG_PEEK | MSG_DONTWAIT);
  if (got != static_cast<ssize_t>(bytes.size()) || !wire::decode(bytes, &ticket)) return Micros(0);
  return std::max(base::now() - Micros(ticket.sent_us), Micros(1));
}

}  // namespace

std::string text_of_wait_status(int status) {
  if (WIFEXITED(status)) return "exited with status " + std::to_string(WEXITSTATUS(status));
  const int number = WTERMSIG(status);
  const char* name = sigabbrev_np(number);
  std::string text = "was killed by signal " + std::to_string(number);
  if (name != nullptr) text.append(" (SIG").append(name).append(")");
  if (WCOREDUMP(status)) text.append(", core dumped");
  return text;
}

base::Result<Supervisor> Supervisor::create(const wire::Launch& launch, base::UniqueFd control, QueueEnds queues,
                                            base::UniqueFd succession) {
  // Orphaned workers become children of the supervisor, so that it sees their end.
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  base::Result<SignalPipe> signals = SignalPipe::open({SIGTERM, SIGCHLD, SIGUSR1});
  if (!signals) return signals.error();
  // Ctrl-C and hang-up of a terminal are httpd's to act upon.
  for (int number : {SIGINT, SIGHUP, SIGPIPE}) signal(number, SIG_IGN);

  const std::size_t processes = static_cast<std::size_t>(std::max<std::int64_t>(launch.spec.max_processes(), 1));
  const std::size_t threads = static_cast<std::size_t>(std::max<std::int64_t>(launch.spec.threads, 1));
  base::Result<SlotTable> slots = SlotTable::create(slots_for(processes), threads);
  if (!slots) return slots.error();
  return Supervisor(launch, std::move(control), std::move(queues), std::move(succession), std::move(signals).value(),
                    std::move(slots).value());
}

Supervisor::Supervisor(const wire::Launch& launch, base::UniqueFd control, QueueEnds queues, base::UniqueFd succession,
                       SignalPipe signals, SlotTable slots)
    : launch_(launch),
      control_(std::move(control)),
      queues_(std::move(queues)),
      succession_(std::move(succession)),
      signals_(std::move(signals)),
      slots_(std::move(slots)),
      workers_(slots_.workers()),
      scaling_(launch.spec) {}

void Supervisor::run() {
  set_title(title_of_supervisor(launch_.spec));
  for (;;) {
    act();
    if (ending_ && broods_.empty()) break;
    wait_and_handle();
  }
  base::log(Message::kGroupEnding, "group '%s' has ended", group());
}

// --- What arrives

void Supervisor::wait_and_handle() {
  const auto tickets = static_cast<short>(refusing() ? POLLIN : 0);
  std::vector<pollfd> events = {{control_.get(), POLLIN, 0},
                                {signals_.fd(), POLLIN, 0},
                                {queue_ended_ ? -1 : queues_.normal.get(), tickets, 0},
                                {queue_ended_ || tickets == 0 ? -1 : queues_.priority.get(), tickets, 0},
                                {successor_.get(), POLLIN, 0}};
  const std::size_t fixed = events.size();
  for (const Brood& brood : broods_) events.push_back({brood.reports(), POLLIN, 0});
  // Only what is open: poll refuses more entries than RLIMIT_NOFILE, of whatever kind.
  const std::size_t lines = events.size();
  std::vector<std::size_t> slots;
  for (std::size_t slot = 0; slot < workers_.size(); ++slot) {
    if (!workers_[slot].line.valid()) continue;
    events.push_back({workers_[slot].line.get(), POLLIN, 0});
    slots.push_back(slot);
  }
  if (poll(events.data(), events.size(), next_act().poll_timeout()) <= 0) return;

  // Reports first: they tell how a zygote's workers ended, before its own end is handled.
  for (std::size_t i = fixed; i < lines; ++i)
    if (events[i].revents != 0) on_reports(broods_[i - fixed]);
  for (std::size_t i = lines; i < events.size(); ++i)
    if (events[i].revents != 0) on_line(slots[i - lines]);
  if (events[1].revents != 0) on_signals();
  if ((events[2].revents | events[3].revents) != 0) on_queue();
  if (events[4].revents != 0) on_successor();
  if (events[0].revents != 0) on_control();
}

void Supervisor::on_control() {
  char byte = 0;
  base::UniqueFd descriptor;
  const ssize_t got =
      base::receive_with_fd(control_.get(), std::as_writable_bytes(std::span(&byte, 1)), &descriptor, MSG_DONTWAIT);
  if (got < 0 && (errno == EAGAIN || errno == EBADMSG)) return;
  if (got <= 0) {
    control_.reset();
    return end(Ending::kPrompt);
  }
  if (ending_) return;
  if (byte == kHandOver) successor_ = std::move(descriptor);
  if (byte != kDrain) return;
  base::log(Message::kGroupEnding, "group '%s' serves what is left of its configuration", group());
  set_title(title_of_supervisor(launch_.spec) + ", draining");
}

// The end of the pipe without a byte: there is no successor after all, the queue's end will tell.
void Supervisor::on_successor() {
  int bytes = 0;
  const bool serves = ioctl(successor_.get(), FIONREAD, &bytes) == 0 && bytes > 0;
  successor_.reset();
  if (!serves || ending_) return;
  base::log(Message::kGroupEnding, "group '%s' has handed over to the new configuration", group());
  end(Ending::kPeaceful);
  for (Brood& brood : broods_) retire_all(brood);
}

void Supervisor::on_signals() {
  while (const int number = signals_.take()) {
    if (number == SIGTERM) end(Ending::kPrompt);
    if (number == SIGUSR1) tell_deaths();
  }
  int status = 0;
  rusage usage{};
  for (pid_t pid; (pid = wait4(-1, &status, WNOHANG, &usage)) > 0;) on_child_ended(pid, status, peak_memory_of(usage));
}

void Supervisor::on_line(std::size_t slot) {
  WorkerNotice notice;
  for (int i = 0; i < kBurst && workers_[slot].line.valid(); ++i) {
    switch (hear(workers_[slot].line.get(), &notice)) {
      case Heard::kMessage:
        on_notice(slot, notice);
        break;
      case Heard::kNothing:
        return;
      case Heard::kEnd:
        workers_[slot].line.reset();
    }
  }
}

void Supervisor::on_notice(std::size_t slot, const WorkerNotice& notice) {
  Worker& worker = workers_[slot];
  switch (notice.kind) {
    case WorkerNotice::Kind::kReady:
      if (worker.state == Worker::State::kForking || worker.state == Worker::State::kLoading)
        worker.state = Worker::State::kTaking;
      return;
    case WorkerNotice::Kind::kImportFailed:
      if (Brood* brood = brood_of(worker.brood)) brood->importing = {notice.change.script, notice.change.mtime_us};
      return;
    case WorkerNotice::Kind::kStale:
      return on_stale(slot, notice.change);
    case WorkerNotice::Kind::kRelief:
      worker.wants_relief = true;
      base::log(Message::kWorkerLeaving, "worker %d of group '%s' is to be replaced: %s", static_cast<int>(worker.pid),
                group(), base::escape_line(notice.reason, 64).c_str());
      return;
    case WorkerNotice::Kind::kLeaving:
      return on_worker_leaving(slot, notice.reason);
  }
}

void Supervisor::on_stale(std::size_t slot, const ScriptChange& change) {
  if (ending_) {
    tell(workers_[slot].line.get(), WorkerOrder{WorkerOrder::Kind::kServe, 0, {{change.script, change.mtime_us}}});
    return;
  }
  const Brood* const brood = brood_of(workers_[slot].brood);
  if (brood == nullptr || brood->ending) return;
  switch (changes_.notice(change)) {
    case Changes::Answer::kWait:
      return;
    case Changes::Answer::kServeOld:
      tell(workers_[slot].line.get(), WorkerOrder{WorkerOrder::Kind::kServe, 0, changes_.failed()});
      return;
    case Changes::Answer::kNews:
      base::log(Message::kCodeChanged, "group '%s': script %s has changed; its new code is loaded", group(),
                change.script.c_str());
      if (launch_.spec.reload != "rolling") workers_.tell_all(brood->id(), {WorkerOrder::Kind::kPause, 0, {}});
      // One that waits for its time was for older code.
      if (Brood* const next = coming(); next != nullptr && next->stage == Brood::Stage::kStarting)
        next->release(base::Deadline::at(base::now()));
  }
}

void Supervisor::on_queue() {
  for (int i = 0; refusing() && i < kBurst; ++i) {
    const std::string reason = "group '" + launch_.spec.name + "' cannot start; the server's error log says why";
    if (turn_away_one(queues_.priority.get(), reason) == TurnedAway::kOne) continue;
    switch (turn_away_one(queues_.normal.get(), reason)) {
      case TurnedAway::kOne:
        continue;
      case TurnedAway::kNone:
        return;
      case TurnedAway::kEnd:
        queue_ended_ = true;
        return end(Ending::kPrompt);
    }
  }
  if (refusing()) return;
  // No httpd child is left. Workers see the same after the last ticket, and leave.
  queue_ended_ = true;
  end(Ending::kPeaceful);
}

void Supervisor::on_reports(Brood& brood) {
  for (int i = 0; i < kBurst; ++i) {
    ZygoteReport report{};
    const ssize_t got = recv(brood.reports(), &report, sizeof report, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got <= 0) return brood.deafen();
    if (got == sizeof report) on_report(brood, report);
  }
}

void Supervisor::on_report(Brood& brood, const ZygoteReport& report) {
  const PlannedImport* const import = brood.import_at(report.slot);
  switch (report.event) {
    case ZygoteEvent::kStarted:
      base::log(Message::kGroupStarted, "group '%s' started Python in %.2f s", group(),
                seconds(base::now() - brood.started()));
      return;
    case ZygoteEvent::kLoading:
      if (brood.stage != Brood::Stage::kStarting) return;
      brood.stage = Brood::Stage::kLoading;
      brood.loading_since = base::now();
      return;
    case ZygoteEvent::kImporting:
      if (import != nullptr) brood.importing = {import->import.script, report.mtime_us};
      return;
    case ZygoteEvent::kImported:
      if (import != nullptr && brood.loaded.size() < kMostLoaded)
        brood.loaded.push_back({import->import.script, report.mtime_us});
      return;
    case ZygoteEvent::kImportFailed:
      return;
    case ZygoteEvent::kLoaded:
      if (brood.stage == Brood::Stage::kLoading) brood.stage = Brood::Stage::kWarmingUp;
      return;
    case ZygoteEvent::kForked:
    case ZygoteEvent::kForkFailed:
    case ZygoteEvent::kWorkerEnded:
      if (report.slot < workers_.size() && workers_[report.slot].brood == brood.id()) on_worker_report(report);
  }
}

void Supervisor::on_worker_report(const ZygoteReport& report) {
  Worker& worker = workers_[report.slot];
  if (worker.state == Worker::State::kNone) return;
  if (report.event == ZygoteEvent::kForked) {
    if (worker.pid != 0) return;
    worker.pid = report.pid;
    if (worker.state == Worker::State::kForking) worker.state = Worker::State::kLoading;
    base::log(Message::kWorkerStarted, "worker %d of group '%s' started", static_cast<int>(worker.pid), group());
  } else if (report.event == ZygoteEvent::kForkFailed) {
    if (worker.pid != 0) return;
    worker = {};
    worker_backoff_ = after_death(worker_backoff_, Micros(0), base::now());
    base::log({Message::kForkFailed, report.status, "a worker of group '" + launch_.spec.name + "' was not forked"});
  } else if (worker.pid == report.pid) {
    on_worker_ended(report.slot, report.status, report.peak_memory);
  }
}

void Supervisor::on_child_ended(pid_t pid, int status, std::int64_t peak_memory) {
  for (Brood& brood : broods_) {
    if (brood.has_zygote() && brood.zygote() == pid) return on_zygote_ended(brood, status);
  }
  // A worker whose zygote is gone. Other orphans of the applications are none of our concern.
  if (const std::optional<std::size_t> slot = workers_.find(pid)) on_worker_ended(*slot, status, peak_memory);
}

void Supervisor::on_zygote_ended(Brood& brood, int status) {
  if (brood.reports() >= 0) on_reports(brood);
  brood.zygote_ended();
  workers_.forget(brood.id(), Workers::Which::kUnborn);

  const int exit_status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  const bool logged = exit_status == kStartFailed || exit_status == kLoadFailed || exit_status == kUnforkable;
  if (!brood.released() && !logged) {
    base::log(Message::kZygoteDied, "the zygote %d of group '%s' %s after %.1f s", static_cast<int>(brood.zygote()),
              group(), (text_of_wait_status(status) + oom_.explain(status)).c_str(),
              seconds(base::now() - brood.started()));
  }
  if (brood.ending) {
    // As it was meant to be.
  } else if (exit_status == kUnforkable && !preload_unsafe_) {
    preload_unsafe_ = true;
    brood.release(base::Deadline::at(base::now()));
  } else if (brood.stage == Brood::Stage::kServing) {
    zygote_backoff_ = after_death(zygote_backoff_, base::now() - brood.started(), base::now());
  } else {
    give_up(brood, exit_status == kStartFailed ? "Python does not start" : "its scripts cannot be loaded");
  }
  brood.release(base::Deadline::after(time_to_finish(Ending::kPrompt, launch_.spec) + kKillGrace));
}

void Supervisor::on_worker_leaving(std::size_t slot, const std::string& reason) {
  Worker& worker = workers_[slot];
  if (worker.state == Worker::State::kNone || worker.state == Worker::State::kLeaving) return;
  const Brood* const brood = brood_of(worker.brood);
  worker.state = Worker::State::kLeaving;
  worker.leaving_for = base::escape_line(reason, 64);
  if (ending_ || brood == nullptr || brood->ending) return;
  if (!is_regular(reason)) worker_backoff_ = after_death(worker_backoff_, base::now() - worker.started, base::now());
  base::log(Message::kWorkerLeaving, "worker %d of group '%s' takes no more requests: %s", static_cast<int>(worker.pid),
            group(), worker.leaving_for.c_str());
}

void Supervisor::on_worker_ended(std::size_t slot, int status, std::int64_t peak_memory) {
  on_line(slot);  // what it has said last may not have been read yet
  Worker& worker = workers_[slot];
  const Micros lived = base::now() - worker.started;
  Brood* const brood = brood_of(worker.brood);
  const bool released = brood == nullptr || brood->released();
  const bool was_told = worker.state == Worker::State::kLeaving || released || brood->ending;
  const bool load_failed = WIFEXITED(status) && WEXITSTATUS(status) == kLoadFailed;
  const bool left = (WIFEXITED(status) && WEXITSTATUS(status) == 0 && was_told) || load_failed;
  const bool by_us = released && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
  Death death{static_cast<int>(worker.pid), "left", lived, peak_memory, requests_held(slots_.threads_of(slot))};
  if (left && !worker.leaving_for.empty()) death.how += " (" + worker.leaving_for + ")";
  if (!left) death.how = text_of_wait_status(status) + (by_us ? "" : oom_.explain(status));
  const std::string text = text_of(death, launch_.spec.name);
  base::log(left ? Message::kWorkerLeft : (by_us ? Message::kWorkerCutOff : Message::kWorkerDied), "%s", text.c_str());
  if (!left || is_of_watchdog(worker.leaving_for)) deaths_.add(text, base::wall_clock_us());
  if (!left && worker.state != Worker::State::kLeaving)
    worker_backoff_ = after_death(worker_backoff_, lived, base::now());
  const bool was_loading = worker.state == Worker::State::kLoading || worker.state == Worker::State::kForking;
  worker = {};
  if (was_loading && brood != nullptr && !brood->ending && brood->stage == Brood::Stage::kWarmingUp &&
      !brood->is_first())
    give_up(*brood, "a worker cannot load its scripts");
}

// SIGUSR1 asks for them.
void Supervisor::tell_deaths() const {
  const std::vector<std::string> lines = deaths_.list();
  base::log(Message::kDeathsTold, "group '%s' remembers %zu ends of workers%s", group(), lines.size(),
            lines.empty() ? "" : ", the latest last:");
  for (const std::string& line : lines) base::log(Message::kDeathsTold, "%s", line.c_str());
}

// --- What is due

void Supervisor::act() {
  for (Brood& brood : broods_) advance(brood);
  std::erase_if(broods_, [&](const Brood& brood) { return !brood.has_zygote() && workers_.count(brood.id()) == 0; });
  if (!ending_) act_on_generations();
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
  if (plan.is_retry) plan.not_before = base::Deadline::after(load_delay(changes_.failures()));
  base::Result<Brood> brood =
      Brood::hatch({&launch_, nullptr, &slots_, queues_.get(), -1, -1, -1}, std::move(plan), next_brood_++);
  if (brood) return broods_.push_back(std::move(brood).value());
  base::log(brood.error());
  start_failed_ = now == nullptr;
  zygote_backoff_ = after_death(zygote_backoff_, Micros(0), base::now());
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
    workers_[*slot] = {Worker::State::kForking, brood.id(), 0, base::now(), std::move(line->first), false, ""};
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
  if (brood.stage == Brood::Stage::kStarting) zygote_backoff_ = after_death(zygote_backoff_, Micros(0), base::now());
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
  for (const Brood& brood : broods_)
    if (brood.ending) consider(brood.kill_at.when());
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
