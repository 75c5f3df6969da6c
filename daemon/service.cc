// SPDX-License-Identifier: Apache-2.0
#include "daemon/service.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>

#include "base/log.h"
#include "daemon/imports.h"
#include "daemon/limits.h"
#include "daemon/orders.h"
#include "daemon/policy.h"
#include "daemon/signal_pipe.h"

namespace gatehoused {
namespace {

using base::Deadline;
using base::Message;

void on_early_end(int) noexcept { _exit(0); }

class Service {
 public:
  explicit Service(const WorkerInheritance& inheritance) : born_(inheritance) {}
  [[noreturn]] void run();

 private:
  bool prepare();
  void run_scripts();
  void leave();
  static void* on_watch_start(void* service) noexcept;
  Deadline await_end(int done);
  static void on_application_fork(void* service) noexcept;

  const WorkerInheritance born_;
  const wire::GroupSpec& spec_ = born_.launch->spec;
  gatehouse_host host_{};
  base::UniqueFd done_;  // eventfd: the scripts have returned
};

// All of its signals are blocked still, and the zygote's handlers are of no use here.
bool Service::prepare() {
  restore_default_signals();
  // Until Python has handlers for them, there is nothing to be ended in order.
  for (const int number : {SIGTERM, SIGINT, SIGUSR1, SIGXCPU}) signal(number, on_early_end);
  done_ = base::UniqueFd(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  return begin_as_child(born_, this, on_application_fork, &host_) && done_.valid();
}

void Service::run_scripts() {
  std::int64_t mtime = 0;
  for (const bool is_main : {false, true})
    for (const PlannedImport& planned : born_.plan->imports)
      if (planned.import.interpreter.empty() == is_main)
        load_import(*born_.engine, spec_.name, planned, &mtime, is_main ? GATEHOUSE_SERVICE : 0);
}

// Until the process is to end: by when it must.
Deadline Service::await_end(int done) {
  for (;;) {
    pollfd events[] = {{born_.leash, 0, 0}, {born_.line, POLLIN, 0}, {done, POLLIN, 0}};
    if (poll(events, 3, -1) < 0) continue;
    if (events[0].revents != 0 || events[2].revents != 0)
      return Deadline::after(time_to_finish(Ending::kPrompt, spec_));
    WorkerOrder order;
    const Heard heard = hear(born_.line, &order);
    // The leash tells what to do then.
    if (heard == Heard::kEnd)
      return base::wait_for(born_.leash, 0, Deadline::never()), Deadline::after(time_to_finish(Ending::kPrompt, spec_));
    if (heard == Heard::kMessage &&
        (order.kind == WorkerOrder::Kind::kRetire || order.kind == WorkerOrder::Kind::kDismiss))
      return Deadline::after(Micros(order.limit_us));
  }
}

void* Service::on_watch_start(void* argument) noexcept {
  Service& service = *static_cast<Service*>(argument);
  const Deadline deadline = service.await_end(service.done_.get());
  kill(getpid(), SIGTERM);
  while (!deadline.passed()) poll(nullptr, 0, deadline.poll_timeout());
  base::log(Message::kWorkerCutOff, "service %d of group '%s' ends without waiting any longer",
            static_cast<int>(getpid()), service.spec_.name.c_str());
  _exit(0);
}

void Service::leave() {
  tell(born_.line, WorkerNotice{WorkerNotice::Kind::kLeaving, name_of(Reason::kServiceEnded), {}});
}

void Service::on_application_fork(void* argument) noexcept {
  const Service& service = *static_cast<Service*>(argument);
  close(service.born_.leash);
  close(service.born_.line);
}

void Service::run() {
  if (!prepare()) _exit(1);
  tell(born_.line, WorkerNotice{WorkerNotice::Kind::kReady, "", {}});
  sigset_t none;
  sigemptyset(&none);
  if (born_.plan->imports.empty()) {
    sigprocmask(SIG_SETMASK, &none, nullptr);
    await_end(-1);
    leave();
    _exit(0);
  }
  // With every signal blocked: they are the main thread's.
  pthread_t watch;
  const int failure = pthread_create(&watch, nullptr, on_watch_start, this);
  if (failure != 0) {
    base::log({Message::kForkFailed, failure, "group '" + spec_.name + "' could not start a thread"});
    _exit(1);
  }
  sigprocmask(SIG_SETMASK, &none, nullptr);
  run_scripts();
  leave();
  signal(SIGTERM, SIG_IGN);  // the end is on its way
  eventfd_write(done_.get(), 1);
  born_.engine->stop(name_of(Reason::kServiceEnded));
  _exit(0);
}

}  // namespace

void run_service(const WorkerInheritance& inheritance) {
  // Never destroyed, as a worker.
  Service* service = new Service(inheritance);
  service->run();
}

}  // namespace gatehoused
