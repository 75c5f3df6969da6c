// SPDX-License-Identifier: Apache-2.0
#include "daemon/supervisor.h"

#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
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
  queues.nudge = base::UniqueFd(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
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
  if (poll(events.data(), events.size(), next_act().poll_timeout()) <= 0) return reap();

  // Reports first: they tell how a zygote's workers ended, before its own end is handled.
  for (std::size_t i = fixed; i < lines; ++i)
    if (events[i].revents != 0) on_reports(broods_[i - fixed]);
  for (std::size_t i = lines; i < events.size(); ++i)
    if (events[i].revents != 0) on_line(slots[i - lines]);
  if (events[1].revents != 0) on_signals();
  reap();
  if (const int queues = events[2].revents | events[3].revents; queues != 0) on_queue((queues & ~POLLIN) != 0);
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
}

// Whether SIGCHLD has come or not: a debugger that lets go of this process may keep it.
void Supervisor::reap() {
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

void Supervisor::on_queue(bool hung_up) {
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
  // What the zygote has said meanwhile may have ended the refusals: then the tickets are the workers'.
  if (refusing() || !hung_up) return;
  // No httpd child is left. Workers see the same after the last ticket, and leave.
  queue_ended_ = true;
  end(Ending::kPeaceful);
}

void Supervisor::on_reports(Brood& brood) {
  for (int i = 0; i < kBurst; ++i) {
    ZygoteReport report{};
    const ssize_t got = base::receive_message(brood.reports(), std::as_writable_bytes(std::span(&report, 1)));
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
    zygote_backoff_ = after_death(zygote_backoff_, base::now() - brood.started(), base::now(), kLongestStartDelay);
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
  if (!left) death.how = text_of_wait_status(status);
  if (worker.is_silent)
    death.how += ", for it gave no sign of life within deadlock-timeout";
  else if (!left && !by_us)
    death.how += oom_.explain(status);
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

}  // namespace gatehoused
