// SPDX-License-Identifier: Apache-2.0
#include "daemon/supervisor.h"

#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "base/log.h"
#include "daemon/title.h"
#include "daemon/turn_away.h"

namespace gatehoused {
namespace {

using base::Message;

// Events of one kind that are handled before the others have their turn.
constexpr int kBurst = 64;

double seconds(Micros duration) { return static_cast<double>(duration.count()) / 1e6; }

// One LeavingNotice with the kernel's word for who sent it. False: none, or none that is whole.
bool receive_notice(int socket, LeavingNotice* notice, pid_t* sender, bool* any) {
  iovec piece{notice, sizeof *notice};
  // Room for the credentials only: descriptors that someone attaches are not received.
  union {
    cmsghdr header;
    char bytes[CMSG_SPACE(sizeof(ucred))];
  } control{};
  msghdr message{};
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  message.msg_control = control.bytes;
  message.msg_controllen = sizeof control.bytes;
  const ssize_t got = recvmsg(socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  *any = got >= 0;
  const cmsghdr* part = CMSG_FIRSTHDR(&message);
  if (got != sizeof *notice || part == nullptr || part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_CREDENTIALS)
    return false;
  ucred credentials;
  std::memcpy(&credentials, CMSG_DATA(part), sizeof credentials);
  *sender = credentials.pid;
  return true;
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

base::Result<Supervisor> Supervisor::create(const wire::Launch& launch, base::UniqueFd control, base::UniqueFd queue) {
  // Orphaned workers become children of the supervisor, so that it sees their end.
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  base::Result<SignalPipe> signals = SignalPipe::open({SIGTERM, SIGCHLD});
  if (!signals) return signals.error();
  // Ctrl-C and hang-up of a terminal are httpd's to act upon.
  for (int number : {SIGINT, SIGHUP, SIGPIPE}) signal(number, SIG_IGN);

  const std::size_t processes = static_cast<std::size_t>(std::max<std::int64_t>(launch.spec.processes, 1));
  const std::size_t threads = static_cast<std::size_t>(std::max<std::int64_t>(launch.spec.threads, 1));
  base::Result<SlotTable> slots = SlotTable::create(slots_for(processes), threads);
  if (!slots) return slots.error();
  base::Result<std::pair<base::UniqueFd, base::UniqueFd>> notices = base::socket_pair(SOCK_SEQPACKET);
  if (!notices) return notices.error();
  const int on = 1;
  if (setsockopt(notices->first.get(), SOL_SOCKET, SO_PASSCRED, &on, sizeof on) != 0)
    return base::os_error(Message::kSystemCall, "SO_PASSCRED failed");
  return Supervisor(launch, std::move(control), std::move(queue), std::move(signals).value(), std::move(slots).value(),
                    std::move(notices).value());
}

Supervisor::Supervisor(const wire::Launch& launch, base::UniqueFd control, base::UniqueFd queue, SignalPipe signals,
                       SlotTable slots, std::pair<base::UniqueFd, base::UniqueFd> notices)
    : launch_(launch),
      control_(std::move(control)),
      queue_(std::move(queue)),
      signals_(std::move(signals)),
      slots_(std::move(slots)),
      notices_(std::move(notices.first)),
      notify_(std::move(notices.second)),
      workers_(slots_.workers()) {}

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
  std::vector<pollfd> events = {{control_.get(), POLLIN, 0},
                                {signals_.fd(), POLLIN, 0},
                                {notices_.get(), POLLIN, 0},
                                {queue_ended_ ? -1 : queue_.get(), static_cast<short>(refusing() ? POLLIN : 0), 0}};
  const std::size_t fixed = events.size();
  for (const Brood& brood : broods_) events.push_back({brood.reports(), POLLIN, 0});
  if (poll(events.data(), events.size(), next_act().poll_timeout()) <= 0) return;

  // Reports first: they tell how a zygote's workers ended, before its own end is handled.
  for (std::size_t i = fixed; i < events.size(); ++i)
    if (events[i].revents != 0) on_reports(broods_[i - fixed]);
  if (events[2].revents != 0) on_notice();
  if (events[1].revents != 0) on_signals();
  if (events[3].revents != 0) on_queue();
  if (events[0].revents != 0) on_control();
}

void Supervisor::on_control() {
  char byte;
  const ssize_t got = base::read_some(control_.get(), &byte, 1);
  if (got == 1) {
    if (byte != kDrain || ending_) return;
    base::log(Message::kGroupEnding, "group '%s' serves what is left of its configuration", group());
    set_title(title_of_supervisor(launch_.spec) + ", draining");
    return;
  }
  control_.reset();
  end(Ending::kPrompt);
}

void Supervisor::on_signals() {
  while (const int number = signals_.take()) {
    if (number == SIGTERM) end(Ending::kPrompt);
  }
  int status = 0;
  for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) on_child_ended(pid, status);
}

void Supervisor::on_notice() {
  for (int i = 0; i < kBurst; ++i) {
    LeavingNotice notice{};
    pid_t sender = 0;
    bool any = false;
    const bool whole = receive_notice(notices_.get(), &notice, &sender, &any);
    if (!any) return;
    if (!whole || notice.slot >= workers_.size()) continue;
    Worker& worker = workers_[notice.slot];
    if (worker.pid == 0 && worker.state == Worker::State::kForking) worker.pid = sender;
    if (worker.pid == sender) on_worker_leaving(notice.slot);
  }
}

void Supervisor::on_queue() {
  for (int i = 0; refusing() && i < kBurst; ++i) {
    const std::string reason = "group '" + launch_.spec.name + "' cannot start; the server's error log says why";
    switch (turn_away_one(queue_.get(), reason)) {
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
  if (report.event == ZygoteEvent::kStarted) {
    brood.up = true;
    start_failed_ = false;
    base::log(Message::kGroupStarted, "group '%s' started Python in %.2f s", group(),
              seconds(base::now() - brood.started()));
    return;
  }
  if (report.slot >= workers_.size() || workers_[report.slot].brood != brood.id()) return;
  Worker& worker = workers_[report.slot];
  switch (report.event) {
    case ZygoteEvent::kForked:
      if (worker.state != Worker::State::kForking) return;
      worker.state = Worker::State::kTaking;
      worker.pid = report.pid;
      base::log(Message::kWorkerStarted, "worker %d of group '%s' started", static_cast<int>(worker.pid), group());
      return;
    case ZygoteEvent::kForkFailed:
      if (worker.state != Worker::State::kForking) return;
      worker = {};
      worker_backoff_ = after_death(worker_backoff_, Micros(0), base::now());
      base::log({Message::kForkFailed, report.status, "a worker of group '" + launch_.spec.name + "' was not forked"});
      return;
    case ZygoteEvent::kWorkerEnded:
      if (worker.state != Worker::State::kNone && worker.pid == report.pid) on_worker_ended(report.slot, report.status);
      return;
    default:
      return;
  }
}

void Supervisor::on_child_ended(pid_t pid, int status) {
  for (Brood& brood : broods_) {
    if (brood.has_zygote() && brood.zygote() == pid) return on_zygote_ended(brood, status);
  }
  // A worker whose zygote is gone. Other orphans of the applications are none of our concern.
  for (std::size_t slot = 0; slot < workers_.size(); ++slot) {
    if (workers_[slot].state != Worker::State::kNone && workers_[slot].pid == pid) return on_worker_ended(slot, status);
  }
}

void Supervisor::on_zygote_ended(Brood& brood, int status) {
  if (brood.reports() >= 0) on_reports(brood);
  brood.zygote_ended();
  for (Worker& worker : workers_)
    if (worker.brood == brood.id() && worker.state == Worker::State::kForking) worker = {};

  const bool logged = WIFEXITED(status) && WEXITSTATUS(status) == kStartFailed;
  if (!brood.released() && !logged) {
    base::log(Message::kZygoteDied, "the zygote %d of group '%s' %s after %.1f s", static_cast<int>(brood.zygote()),
              group(), (text_of_wait_status(status) + oom_.explain(status)).c_str(),
              seconds(base::now() - brood.started()));
  }
  if (!brood.up) start_failed_ = true;
  if (!brood.ending) {
    const Micros lived = brood.up ? base::now() - brood.started() : Micros(0);
    zygote_backoff_ = after_death(zygote_backoff_, lived, base::now());
  }
  brood.release(base::Deadline::after(time_to_finish(Ending::kPrompt, launch_.spec) + kKillGrace));
}

void Supervisor::on_worker_leaving(std::size_t slot) {
  Worker& worker = workers_[slot];
  if (worker.state != Worker::State::kTaking && worker.state != Worker::State::kForking) return;
  worker.state = Worker::State::kLeaving;
  if (ending_) return;
  worker_backoff_ = after_death(worker_backoff_, base::now() - worker.started, base::now());
  base::log(Message::kWorkerLeaving, "worker %d of group '%s' takes no more requests", static_cast<int>(worker.pid),
            group());
}

void Supervisor::on_worker_ended(std::size_t slot, int status) {
  on_notice();  // that it was leaving may have been said, and not yet been read
  Worker& worker = workers_[slot];
  const Micros lived = base::now() - worker.started;
  const Brood* brood = brood_of(worker.brood);
  const bool released = brood == nullptr || brood->released();
  const int pid = static_cast<int>(worker.pid);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0 && (worker.state == Worker::State::kLeaving || released)) {
    base::log(Message::kWorkerLeft, "worker %d of group '%s' left after %.1f s", pid, group(), seconds(lived));
  } else {
    const bool by_us = released && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
    base::log(by_us ? Message::kWorkerCutOff : Message::kWorkerDied,
              "worker %d of group '%s' %s after %.1f s; it held %s", pid, group(),
              (text_of_wait_status(status) + (by_us ? "" : oom_.explain(status))).c_str(), seconds(lived),
              requests_held(slots_.threads_of(slot)).c_str());
    if (worker.state != Worker::State::kLeaving) worker_backoff_ = after_death(worker_backoff_, lived, base::now());
  }
  worker = {};
}

// --- What is due

void Supervisor::act() {
  for (Brood& brood : broods_) advance(brood);
  std::erase_if(broods_, [&](const Brood& brood) { return !brood.has_zygote() && workers_of(brood) == 0; });
  if (!ending_ && current() == nullptr && may_start(zygote_backoff_, base::now())) start_zygote();
  fork_workers();
}

void Supervisor::end(Ending ending) {
  ending_ = true;
  const base::Deadline deadline = base::Deadline::after(time_to_finish(ending, launch_.spec) + kKillGrace);
  for (Brood& brood : broods_) {
    if (ending == Ending::kPrompt) {
      brood.release(deadline);
    } else {
      brood.ending = true;
      if (deadline.when() < brood.kill_at.when()) brood.kill_at = deadline;
    }
  }
}

void Supervisor::start_zygote() {
  base::Result<Brood> brood = Brood::hatch({&launch_, &slots_, queue_.get(), -1, -1, notify_.get(), -1}, next_brood_++);
  if (!brood) {
    base::log(brood.error());
    start_failed_ = true;
    zygote_backoff_ = after_death(zygote_backoff_, Micros(0), base::now());
    return;
  }
  broods_.push_back(std::move(brood).value());
}

void Supervisor::fork_workers() {
  std::size_t due = forks_due(census(), worker_backoff_, base::now());
  for (std::size_t slot = 0; due > 0 && slot < workers_.size(); ++slot) {
    if (workers_[slot].state != Worker::State::kNone) continue;
    slots_.clear(slot);
    if (!current()->order_fork(slot)) return;
    workers_[slot] = {Worker::State::kForking, current()->id(), 0, base::now()};
    --due;
  }
}

void Supervisor::advance(Brood& brood) {
  if (!brood.ending) return;
  if (workers_of(brood) == 0) brood.release(brood.kill_at);
  if (!brood.has_zygote() && workers_of(brood) == 0) {
    // What is left in its process group was started by applications.
    brood.kill_all();
  } else if (brood.kill_at.passed()) {
    brood.kill_all();
    // Whoever is not reaped by the second time was never there.
    if (brood.killed && !brood.has_zygote()) {
      for (Worker& worker : workers_)
        if (worker.brood == brood.id()) worker = {};
    }
    brood.killed = true;
    brood.kill_at = base::Deadline::after(kKillGrace);
  }
}

base::Deadline Supervisor::next_act() const {
  base::Deadline next = base::Deadline::never();
  const auto consider = [&next](Micros when) {
    if (when < next.when()) next = base::Deadline::at(when);
  };
  for (const Brood& brood : broods_)
    if (brood.ending) consider(brood.kill_at.when());
  if (ending_) return next;
  if (broods_.empty() || broods_.back().ending) {
    consider(zygote_backoff_.not_before);
  } else if (const Census now = census(); now.zygote_up && now.taking < now.wanted && now.free_slots > 0) {
    consider(worker_backoff_.not_before);
  }
  return next;
}

Census Supervisor::census() const {
  Census census;
  census.ending = ending_;
  census.wanted = static_cast<std::size_t>(std::max<std::int64_t>(launch_.spec.processes, 1));
  if (broods_.empty() || broods_.back().ending) return census;
  census.zygote_up = broods_.back().up;
  for (const Worker& worker : workers_) {
    if (worker.state == Worker::State::kNone) {
      ++census.free_slots;
    } else if (worker.brood == broods_.back().id() && worker.state != Worker::State::kLeaving) {
      ++census.taking;
    }
  }
  return census;
}

Brood* Supervisor::current() { return broods_.empty() || broods_.back().ending ? nullptr : &broods_.back(); }

Brood* Supervisor::brood_of(int id) {
  const auto found =
      std::find_if(broods_.begin(), broods_.end(), [id](const Brood& brood) { return brood.id() == id; });
  return found == broods_.end() ? nullptr : &*found;
}

std::size_t Supervisor::workers_of(const Brood& brood) const {
  return static_cast<std::size_t>(std::count_if(workers_.begin(), workers_.end(), [&](const Worker& worker) {
    return worker.state != Worker::State::kNone && worker.brood == brood.id();
  }));
}

bool Supervisor::refusing() const { return start_failed_ && (broods_.empty() || !broods_.back().up); }

}  // namespace gatehoused
