// SPDX-License-Identifier: Apache-2.0
#include "daemon/zygote.h"

#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <optional>

#include "base/bytes.h"
#include "base/log.h"
#include "daemon/imports.h"
#include "daemon/log_filter.h"
#include "daemon/policy.h"
#include "daemon/privileges.h"
#include "daemon/resources.h"
#include "daemon/server_view.h"
#include "daemon/service.h"
#include "daemon/signal_pipe.h"
#include "daemon/title.h"
#include "daemon/worker.h"
#include "wsgi/engine_loader.h"
#include "wsgi/python_settings.h"

namespace gatehoused {
namespace {

using base::Message;

const char* string_or_null(const std::string& text) { return text.empty() ? nullptr : text.c_str(); }

gatehouse_python python_of(const wire::Launch& launch) {
  const wire::GroupSpec& spec = launch.spec;
  gatehouse_python python{};
  python.size = sizeof python;
  python.executable = string_or_null(launch.python_executable);
  python.home = string_or_null(launch.python_home_prefix);
  python.python_path = string_or_null(spec.python_path);
  python.working_directory = string_or_null(spec.home);
  python.process_group = spec.name.c_str();
  python.processes = static_cast<std::int32_t>(spec.processes);
  python.threads = static_cast<std::int32_t>(spec.threads);
  python.interpreters = static_cast<std::int32_t>(spec.interpreters);
  return python;
}

// Texts are the launch's.
gatehouse_server server_of(const wire::Launch& launch) {
  return {sizeof(gatehouse_server),
          static_cast<std::int32_t>(launch.mpm_processes),
          static_cast<std::int32_t>(launch.mpm_threads),
          launch.server_version.c_str(),
          launch.server_description.c_str(),
          launch.server_build_date.c_str(),
          launch.mpm_name.c_str()};
}

// How often files are looked at that a failed attempt waits for.
constexpr base::Micros kWatchInterval = std::chrono::milliseconds(50);

class Zygote {
 public:
  explicit Zygote(const ZygoteInheritance& inheritance)
      : inheritance_(inheritance), workers_(inheritance.slots->workers(), 0) {}

  base::Status start();
  // Loads what the plan says to load before the fork; ends the process when that fails.
  void load();
  [[noreturn]] void serve();

 private:
  const wire::Launch& launch() const { return *inheritance_.launch; }
  base::Status open_engine();
  const LoadPlan& plan() const { return *inheritance_.plan; }
  void report(ZygoteEvent event, std::size_t slot = 0, pid_t pid = 0, int status = 0, std::int64_t mtime_us = 0);
  void tell(const ZygoteReport& report);
  void await_plan();
  bool is_changed() const;
  Loaded load_one(std::size_t place);
  void take_command();
  void fork_worker(std::size_t slot, base::UniqueFd line);
  void reap();
  void end();
  bool has_workers() const {
    return std::any_of(workers_.begin(), workers_.end(), [](pid_t pid) { return pid != 0; });
  }
  void signal_workers(int number);

  const ZygoteInheritance& inheritance_;
  const gatehouse_engine_table* engine_ = nullptr;
  gatehouse_server server_{};
  gatehouse_host host_{};  // of this process: engine and zygote live equally long
  base::UniqueFd command_;
  std::optional<SignalPipe> signals_;
  std::vector<pid_t> workers_;  // by slot, 0: none
  bool ending_ = false;
  base::Deadline kill_at_ = base::Deadline::never();
};

base::Status Zygote::open_engine() {
  base::Result<const gatehouse_engine_table*> engine = wsgi::open_engine(launch().engine);
  if (!engine) return engine.error();
  engine_ = engine.value();
  return base::ok();
}

base::Status Zygote::start() {
  setsid();
  close_all_but({inheritance_.queues.normal, inheritance_.queues.priority, inheritance_.queues.nudge,
                 inheritance_.command, inheritance_.leash});
  command_ = base::UniqueFd(inheritance_.command);
  set_title(title_of_zygote(launch().spec));
  limit_group(launch().spec);
  // An engine, and what it is linked to, is root's own and need not lie below chroot=.
  if (!launch().spec.chroot.empty()) {
    if (base::Status opened = open_engine(); !opened) return opened;
  }
  if (base::Status dropped = drop_privileges(launch(), inheritance_.supervisor); !dropped) return dropped;
  if (base::Status entered = enter_environment(launch()); !entered) return entered;
  if (base::Status entered = enter_home(launch()); !entered) return entered;

  if (engine_ == nullptr) {
    if (base::Status opened = open_engine(); !opened) return opened;
  }
  host_.size = sizeof host_;
  host_.log = plan().is_retry ? on_repeated_engine_log : on_engine_log;
  server_ = server_of(launch());
  host_.server = &server_;
  host_.visit_server = server_view();
  host_.log_level = static_cast<std::int32_t>(launch().log_level);
  const base::Result<wsgi::PythonSettings> settings =
      wsgi::decode_python_settings(base::as_bytes(launch().python_settings));
  if (!settings) return settings.error();
  gatehouse_python python = python_of(launch());
  const wsgi::PythonSettingsView view(settings.value(), true);
  view.fill(&python);
  gatehouse_error error{};
  error.size = sizeof error;
  if (engine_->start(&python, &host_, &error) != 0) return base::Error{Message::kGroupStartFailed, 0, error.text};
  return base::ok();
}

void Zygote::report(ZygoteEvent event, std::size_t slot, pid_t pid, int status, std::int64_t mtime_us) {
  const ZygoteReport message{event, static_cast<std::uint32_t>(slot), pid, status, mtime_us, 0};
  tell(message);
}

// When nobody listens any more, the leash says so.
void Zygote::tell(const ZygoteReport& report) {
  [[maybe_unused]] const ssize_t sent = send(command_.get(), &report, sizeof report, MSG_NOSIGNAL);
}

bool Zygote::is_changed() const {
  return std::any_of(plan().watched.begin(), plan().watched.end(),
                     [](const ScriptVersion& version) { return mtime_of(version.script) != version.mtime_us; });
}

// The files are looked at here and not by the supervisor, which may be root and does not enter an application's
// directories.
void Zygote::await_plan() {
  while (!plan().not_before.passed()) {
    if (is_changed()) {
      host_.log = on_engine_log;
      return;
    }
    const base::Micros next = std::min(plan().not_before.when(), base::now() + kWatchInterval);
    if (base::wait_for(inheritance_.leash, 0, base::Deadline::at(next)) != 0) _exit(0);
  }
}

Loaded Zygote::load_one(std::size_t place) {
  const PlannedImport& planned = plan().imports[place];
  std::int64_t mtime = mtime_of(planned.import.script);
  report(ZygoteEvent::kImporting, place, 0, 0, mtime);
  const Loaded loaded = load_import(*engine_, launch().spec.name, planned, &mtime);
  if (loaded == Loaded::kYes) report(ZygoteEvent::kImported, place, 0, 0, mtime);
  if (loaded == Loaded::kNo || planned.required) {
    if (loaded != Loaded::kYes) report(ZygoteEvent::kImportFailed, place, 0, 0, mtime);
  }
  return loaded;
}

void Zygote::load() {
  await_plan();
  report(ZygoteEvent::kLoading);
  std::size_t applications = 0, failed = 0;
  for (std::size_t i = 0; i < plan().imports.size(); ++i) {
    const PlannedImport& planned = plan().imports[i];
    const bool is_application = planned.import.kind == wire::Import::Kind::kApplication;
    applications += is_application;
    if (!plan().is_loaded_ahead(planned)) continue;
    const Loaded loaded = load_one(i);
    if (loaded != Loaded::kYes && planned.required) _exit(kLoadFailed);
    failed += is_application && loaded == Loaded::kNo;
  }
  if (plan().needs_one && failed > 0 && failed == applications) _exit(kLoadFailed);
  host_.log = on_engine_log;
  const Company company = company_of_this_process(*engine_);
  if (!company.any()) return report(ZygoteEvent::kLoaded);
  base::log(plan().before_fork ? Message::kPreloadUnsafe : Message::kForkWithThreads,
            "group '%s': %s left %d threads and %d processes running%s%s%s; %s", launch().spec.name.c_str(),
            plan().before_fork ? "loading its scripts" : "Python's start (sitecustomize, a .pth file)", company.threads,
            company.children, company.names.empty() ? "" : " (", company.names.c_str(),
            company.names.empty() ? "" : ")",
            plan().before_fork ? "each worker loads them for itself" : "workers are forked without them");
  if (plan().before_fork) _exit(kUnforkable);
  report(ZygoteEvent::kLoaded);
}

void Zygote::fork_worker(std::size_t slot, base::UniqueFd line) {
  engine_->before_fork();
  const pid_t self = getpid();
  // Until the worker has a signal pipe of its own, what it gets would arrive in this one's, or nowhere.
  sigset_t all, before;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, &before);
  const pid_t pid = fork();
  if (pid == 0) {
    command_.reset();
    signals_.reset();
    const WorkerInheritance born{inheritance_.launch,
                                 inheritance_.plan,
                                 engine_,
                                 &server_,
                                 inheritance_.slots->threads_of(slot),
                                 &inheritance_.slots->beat_of(slot),
                                 static_cast<std::uint32_t>(slot),
                                 inheritance_.queues,
                                 inheritance_.leash,
                                 line.release(),
                                 self};
    launch().spec.is_service() ? run_service(born) : run_worker(born);
  }
  const int failure = errno;
  sigprocmask(SIG_SETMASK, &before, nullptr);
  engine_->after_fork_parent();
  if (pid < 0) return report(ZygoteEvent::kForkFailed, slot, 0, failure);
  workers_[slot] = pid;
  report(ZygoteEvent::kForked, slot, pid);
}

void Zygote::take_command() {
  ForkOrder order{};
  base::UniqueFd line;
  const ssize_t got =
      base::receive_with_fd(command_.get(), std::as_writable_bytes(std::span(&order, 1)), &line, MSG_DONTWAIT);
  if (got == 0) return end();
  if (got != sizeof order || !line.valid() || order.slot >= workers_.size() || workers_[order.slot] != 0) return;
  fork_worker(order.slot, std::move(line));
}

void Zygote::reap() {
  int status = 0;
  rusage usage{};
  for (pid_t pid; (pid = wait4(-1, &status, WNOHANG, &usage)) > 0;) {
    const auto worker = std::find(workers_.begin(), workers_.end(), pid);
    if (worker == workers_.end()) continue;
    *worker = 0;
    const auto slot = static_cast<std::uint32_t>(worker - workers_.begin());
    tell({ZygoteEvent::kWorkerEnded, slot, pid, status, 0, std::int64_t{usage.ru_maxrss} * 1024});
  }
}

void Zygote::signal_workers(int number) {
  for (pid_t pid : workers_)
    if (pid != 0) kill(pid, number);
}

void Zygote::end() {
  if (ending_) return;
  ending_ = true;
  kill_at_ = base::Deadline::after(time_to_finish(Ending::kPrompt, launch().spec) + kKillGrace);
}

void Zygote::serve() {
  base::Result<SignalPipe> signals = SignalPipe::open({SIGCHLD, SIGTERM});
  if (!signals) {
    base::log(signals.error());
    _exit(kStartFailed);
  }
  signals_.emplace(std::move(signals).value());
  while (!ending_ || has_workers()) {
    pollfd events[] = {{signals_->fd(), POLLIN, 0},
                       {ending_ ? -1 : inheritance_.leash, POLLIN, 0},
                       {ending_ ? -1 : command_.get(), POLLIN, 0}};
    poll(events, 3, kill_at_.poll_timeout());
    while (const int number = signals_->take()) {
      if (number != SIGTERM) continue;
      signal_workers(SIGTERM);
      end();
    }
    reap();
    if (events[1].revents != 0) end();
    if (!ending_ && events[2].revents != 0) take_command();
    if (kill_at_.passed()) {
      signal_workers(SIGKILL);
      kill_at_ = base::Deadline::never();
    }
  }
  _exit(0);
}

}  // namespace

void close_all_but(std::vector<int> kept) {
  std::sort(kept.begin(), kept.end());
  unsigned first = 3;
  for (int fd : kept) {
    if (fd < static_cast<int>(first)) continue;
    if (static_cast<unsigned>(fd) > first) close_range(first, static_cast<unsigned>(fd) - 1, 0);
    first = static_cast<unsigned>(fd) + 1;
  }
  close_range(first, UINT_MAX, 0);
}

void run_zygote(const ZygoteInheritance& inheritance) {
  Zygote zygote(inheritance);
  if (base::Status started = zygote.start(); !started) {
    base::Error error = started.error();
    error.what = "group '" + inheritance.launch->spec.name + "': " + error.what;
    base::log(error);
    _exit(kStartFailed);
  }
  zygote.load();
  zygote.serve();
}

}  // namespace gatehoused
