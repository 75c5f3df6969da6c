// SPDX-License-Identifier: Apache-2.0
#include "daemon/worker.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <memory>
#include <optional>
#include <string>

#include "base/bytes.h"
#include "base/log.h"
#include "base/posix.h"
#include "daemon/code_changes.h"
#include "daemon/imports.h"
#include "daemon/intake.h"
#include "daemon/log_filter.h"
#include "daemon/memory_maps.h"
#include "daemon/outbox.h"
#include "daemon/policy.h"
#include "daemon/privileges.h"
#include "daemon/resources.h"
#include "daemon/server_view.h"
#include "daemon/session.h"
#include "daemon/signal_pipe.h"
#include "daemon/title.h"
#include "daemon/watchdog.h"
#include "daemon/zygote.h"
#include "wsgi/python_settings.h"

namespace gatehoused {
namespace {

using base::Message;
using base::Micros;

// For atexit handlers and process_stopping callbacks when the requests have used up the time.
constexpr Micros kLeastTimeToStop = std::chrono::seconds(1);
// A channel that is kept and not used is closed after once to twice this time.
constexpr Micros kLookAtKept = std::chrono::seconds(5);
constexpr Micros kMemoryInterval = std::chrono::seconds(1);

// Python does not run in less.
constexpr std::size_t kLeastStack = 256u << 10;

// From 0 to 1.
double random_part() {
  std::uint32_t number = 0;
  if (getrandom(&number, sizeof number, GRND_NONBLOCK) != sizeof number) return 0;
  return static_cast<double>(number) / UINT32_MAX;
}

// Do several threads run Python at the same time?
bool runs_side_by_side(const wire::Launch& launch) {
  if (launch.spec.interpreters > 1) return true;
  const base::Result<wsgi::PythonSettings> settings =
      wsgi::decode_python_settings(base::as_bytes(launch.python_settings));
  return !settings ||
         std::any_of(settings->rules.begin(), settings->rules.end(), [](const wsgi::InterpreterRule& rule) {
           return (rule.setting == GATEHOUSE_OWN_GIL || rule.setting == GATEHOUSE_FREE_THREADING) && rule.number != 0;
         });
}

class Worker {
 public:
  explicit Worker(const WorkerInheritance& inheritance)
      : born_(inheritance), threads_(inheritance.slots.size()), courier_(threads_.size()) {}
  [[noreturn]] void run();

 private:
  struct Thread {
    Worker* worker = nullptr;
    std::size_t index = 0;
    std::atomic<int> channel = -1;  // of the ticket in hand
  };

  bool prepare();
  void load_imports();
  void set_stack_size(pthread_attr_t* attributes) const;
  bool start_threads();
  static void* on_thread_start(void* thread) noexcept;
  void serve(Thread& thread);
  void note_first_request();  // any thread
  void count_request();       // any thread
  void leave(Reason reason);  // any thread
  void on_signal(int number);
  void act(const Verdict& verdict, Micros now);
  [[noreturn]] void stop_at_once(Reason reason);
  void wait_for_end();
  void check_memory();
  void ask_for_relief(Reason reason);
  void hear_orders();
  void obey(const WorkerOrder& order);
  void hurry(Micros limit);
  void hurry(Reason reason) { hurry(time_to_leave(reason, born_.launch->spec)); }
  [[noreturn]] void finish();
  [[noreturn]] void cut_off();
  static void* on_stop_deadline(void* worker) noexcept;
  static void on_application_fork(void* worker) noexcept;

  const WorkerInheritance born_;
  const wire::GroupSpec spec_ = with_jitter(born_.launch->spec, random_part());
  gatehouse_host host_{};
  std::unique_ptr<Intake> intake_;
  std::optional<CodeChanges> changes_;
  std::optional<SignalPipe> signals_;
  base::UniqueFd wake_;  // eventfd: leave() was called, or the last thread has ended
  std::vector<Thread> threads_;
  Courier courier_;
  MemoryMaps maps_;
  std::atomic<std::size_t> running_ = 0;
  std::atomic<bool> leaving_ = false;
  std::atomic<Reason> reason_ = Reason::kShutdown;
  Progress progress_;
  std::optional<Watchdog> watchdog_;
  std::atomic<std::int64_t> served_ = 0;  // with maximum-requests= only
  std::atomic<bool> has_served_all_ = false;
  std::atomic<bool> is_application_child_ = false;
  base::Deadline deadline_ = base::Deadline::never();
  bool line_ended_ = false;
  Reason relief_reason_ = Reason::kScriptReload;  // of what it asked the supervisor for, if it did
  Micros next_memory_check_{};
};

bool Worker::prepare() {
  base::Result<SignalPipe> signals = SignalPipe::open({SIGTERM, SIGINT, SIGUSR1, SIGXCPU, SIGHUP, SIGUSR2});
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);

  if (!begin_as_child(born_, this, on_application_fork, &host_)) return false;
  base::Result<std::unique_ptr<Intake>> intake =
      Intake::create(born_.queues, threads_.size() > 1 && !runs_side_by_side(*born_.launch));
  wake_ = base::UniqueFd(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!signals || !intake || !wake_.valid()) {
    base::log(Message::kOutOfDescriptors, "a worker of group '%s' could not begin", born_.launch->spec.name.c_str());
    return false;
  }
  signals_.emplace(std::move(signals).value());
  intake_ = std::move(intake).value();
  changes_.emplace(born_.line, intake_.get(), born_.launch->spec.reload == "rolling");
  return true;
}

// Before any ticket: what lives in a sub-interpreter cannot be forked, and what left threads behind neither.
void Worker::load_imports() {
  if (born_.plan->is_retry) host_.log = on_repeated_engine_log;
  for (const PlannedImport& planned : born_.plan->imports) {
    if (born_.plan->is_loaded_ahead(planned)) continue;
    std::int64_t mtime = 0;
    if (load_import(*born_.engine, born_.launch->spec.name, planned, &mtime) == Loaded::kYes || !planned.required)
      continue;
    tell(born_.line, WorkerNotice{WorkerNotice::Kind::kImportFailed, "", {planned.import.script, mtime, "", "", ""}});
    _exit(kLoadFailed);
  }
  host_.log = on_engine_log;
}

// stack-size=, in whole pages.
void Worker::set_stack_size(pthread_attr_t* attributes) const {
  const auto wanted = static_cast<std::size_t>(born_.launch->spec.stack_size);
  if (wanted == 0) return;
  constexpr std::size_t kPage = 4096;
  pthread_attr_setstacksize(attributes, std::max(kLeastStack, (wanted + kPage - 1) / kPage * kPage));
}

bool Worker::start_threads() {
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  set_stack_size(&attributes);
  running_.store(threads_.size());
  for (std::size_t i = 0; i < threads_.size(); ++i) {
    threads_[i].worker = this;
    threads_[i].index = i;
    pthread_t thread;
    const int failure = pthread_create(&thread, &attributes, on_thread_start, &threads_[i]);
    if (failure != 0) {
      base::log(
          {Message::kForkFailed, failure,
           "group '" + born_.launch->spec.name + "' could not start thread " + std::to_string(i + 1) + " of a worker"});
      running_.fetch_sub(threads_.size() - i);
      return false;
    }
  }
  return true;
}

void* Worker::on_thread_start(void* argument) noexcept {
  Thread& thread = *static_cast<Thread*>(argument);
  Worker& worker = *thread.worker;
  worker.serve(thread);
  worker.born_.engine->end_thread();
  if (worker.running_.fetch_sub(1) == 1) eventfd_write(worker.wake_.get(), 1);
  return nullptr;
}

void Worker::serve(Thread& thread) {
  const SessionContext context{.engine = born_.engine,
                               .launch = born_.launch,
                               .slot = &born_.slots[thread.index],
                               .thread_id = static_cast<std::int32_t>(thread.index) + 1,
                               .intake = intake_.get(),
                               .worker = static_cast<std::uint16_t>(born_.slot),
                               .changed = &*changes_,
                               .progress = &progress_,
                               .maps = &maps_};
  KeptChannels& kept = intake_->kept();
  SessionBuffers buffers(courier_.box(thread.index));
  wire::Ticket ticket;
  int channel = -1;
  Served served = Served::kDone;
  for (Intake::Taken taken = intake_->take(&ticket, &channel); taken != Intake::Taken::kEnd;) {
    hold(*context.slot, base::now());
    note_first_request();
    if (taken == Intake::Taken::kTicket) {
      thread.channel.store(channel, std::memory_order_release);
      served = serve_ticket(context, ticket, channel, &buffers);
      thread.channel.store(-1, std::memory_order_release);
    } else {
      served = serve_next(context, channel, &buffers);
    }
    let_go(*context.slot);
    // An application that forked and let the child return: it is not ours to serve with.
    if (is_application_child_.load()) _exit(0);
    if (served != Served::kStale) count_request();
    if (served != Served::kKept) {
      kept.close(channel);
    } else if (!kept.finish(channel)) {
      taken = Intake::Taken::kNext;  // the next request has come meanwhile
      continue;
    }
    taken = intake_->take(&ticket, &channel);
  }
  leave(Reason::kQueueEnded);
}

void Worker::note_first_request() {
  if (born_.launch->spec.startup_timeout <= 0 || progress_.first_taken_us.load(std::memory_order_relaxed) != 0) return;
  progress_.first_taken_us.store(base::now().count(), std::memory_order_relaxed);
  eventfd_write(wake_.get(), 1);
}

void Worker::count_request() {
  const std::int64_t most = spec_.maximum_requests;
  if (most == 0 || served_.fetch_add(1, std::memory_order_relaxed) + 1 != most) return;
  // One that is to serve a single request must not serve a second one meanwhile.
  if (most == 1) return leave(Reason::kMaximumRequests);
  has_served_all_.store(true);
  eventfd_write(wake_.get(), 1);
}

void Worker::leave(Reason reason) {
  if (leaving_.exchange(true)) return;
  reason_.store(reason);
  intake_->close();
  tell(born_.line, WorkerNotice{WorkerNotice::Kind::kLeaving, name_of(reason), {}});
  born_.engine->announce(GATEHOUSE_ENDS_SOON, name_of(reason));
  eventfd_write(wake_.get(), 1);
}

void Worker::obey(const WorkerOrder& order) {
  if (order.kind == WorkerOrder::Kind::kRetire || order.kind == WorkerOrder::Kind::kDismiss) {
    hurry(Micros(order.limit_us));
    return leave(order.kind == WorkerOrder::Kind::kDismiss ? Reason::kScaleDown : relief_reason_);
  }
  changes_->obey(order);
}

// Its replacement is ready before it stops taking tickets; without a supervisor there is none. Main thread only.
void Worker::ask_for_relief(Reason reason) {
  if (relief_reason_ != Reason::kScriptReload) return;
  relief_reason_ = reason;
  if (!tell(born_.line, WorkerNotice{WorkerNotice::Kind::kRelief, name_of(reason), {}})) leave(reason);
}

void Worker::check_memory() {
  const std::int64_t limit = born_.launch->spec.maximum_memory;
  if (leaving_.load() || base::now() < next_memory_check_) return;
  next_memory_check_ = base::now() + kMemoryInterval;
  const std::int64_t resident = base::resident_memory();
  if (resident <= limit) return;
  base::log(Message::kWorkerTooLarge, "worker %d of group '%s' has %lld bytes of resident memory, more than %lld",
            static_cast<int>(getpid()), born_.launch->spec.name.c_str(), static_cast<long long>(resident),
            static_cast<long long>(limit));
  next_memory_check_ = Micros::max();
  ask_for_relief(Reason::kMaximumMemory);
}

void Worker::hear_orders() {
  WorkerOrder order;
  for (;;) {
    switch (hear(born_.line, &order)) {
      case Heard::kMessage:
        obey(order);
        break;
      case Heard::kNothing:
        return;
      case Heard::kEnd:
        line_ended_ = true;  // the leash tells what to do
        return;
    }
  }
}

void Worker::hurry(Micros limit) {
  const base::Deadline deadline = base::Deadline::after(limit);
  if (deadline_.when() > deadline.when()) deadline_ = deadline;
}

void Worker::on_signal(int number) {
  switch (number) {
    case SIGHUP:
    case SIGUSR2:
      return watchdog_->publish_signal(number);
    case SIGUSR1:
      return leave(born_.launch->spec.eviction_timeout > 0 ? Reason::kEviction : Reason::kGraceful);
    case SIGXCPU:
      return leave(Reason::kCpuTime);
    default:
      hurry(Reason::kShutdown);
      return leave(Reason::kShutdown);
  }
}

// What the watchdog wants.
void Worker::act(const Verdict& verdict, Micros now) {
  switch (verdict.step) {
    case Step::kNothing:
      return;
    case Step::kInterrupt:
      base::log(Message::kRequestInterrupted, "worker %d of group '%s' has a request that takes too long: %s",
                static_cast<int>(getpid()), born_.launch->spec.name.c_str(),
                requests_held(born_.slots.subspan(verdict.thread, 1)).c_str());
      return watchdog_->interrupt(verdict.thread, now);
    case Step::kRetire:
      return ask_for_relief(verdict.reason);
    case Step::kLeave:
      return leave(verdict.reason);
    case Step::kStop:
      leave(verdict.reason);
      return stop_at_once(verdict.reason);
  }
}

void Worker::stop_at_once(Reason reason) {
  base::log(Message::kWorkerStopped, "worker %d of group '%s' ends at once (%s); it held %s",
            static_cast<int>(getpid()), born_.launch->spec.name.c_str(), name_of(reason),
            requests_held(born_.slots).c_str());
  watchdog_->tell_stacks(reason == Reason::kDeadlock);
  if (reason == Reason::kDeadlock) {
    born_.engine->announce(GATEHOUSE_ENDS_NOW, name_of(reason));
    _exit(0);
  }
  hurry(Reason::kShutdown);
  finish();
}

void Worker::wait_for_end() {
  bool leash_held = true;
  Micros next_look_at_kept = base::now() + kLookAtKept;
  if (born_.launch->spec.maximum_memory == 0) next_memory_check_ = Micros::max();
  while (running_.load() > 0 && !deadline_.passed()) {
    if (has_served_all_.exchange(false)) ask_for_relief(Reason::kMaximumRequests);
    const Micros now = base::now();
    const Verdict verdict = watchdog_->look(now, relief_reason_ != Reason::kScriptReload, leaving_.load());
    act(verdict, now);
    if (leaving_.load()) hurry(reason_.load());
    const Micros judged = verdict.step != Step::kNothing ? now : verdict.next;
    const base::Deadline wake =
        base::Deadline::at(std::min({deadline_.when(), judged, next_look_at_kept, next_memory_check_}));
    pollfd events[] = {{signals_->fd(), POLLIN, 0},
                       {wake_.get(), POLLIN, 0},
                       {leash_held ? born_.leash : -1, 0, 0},
                       {line_ended_ ? -1 : born_.line, POLLIN, 0},
                       {watchdog_->lock().overdue(), POLLIN, 0}};
    poll(events, std::size(events), wake.poll_timeout());
    if (base::now() >= next_look_at_kept) {
      next_look_at_kept = base::now() + kLookAtKept;
      intake_->kept().close_unused();
      maps_.close_unused();
    }
    check_memory();
    while (const int number = signals_->take()) on_signal(number);
    if (leash_held && events[2].revents != 0) {
      leash_held = false;
      hurry(Reason::kShutdown);
      leave(Reason::kShutdown);
    }
    if (events[3].revents != 0) hear_orders();
    if (events[4].revents != 0) watchdog_->lock().on_overdue();
    eventfd_t ignored;
    eventfd_read(wake_.get(), &ignored);
    if (leaving_.load()) hurry(reason_.load());
  }
}

void Worker::cut_off() {
  base::log(Message::kWorkerCutOff, "worker %d of group '%s' ends without waiting any longer (%s); it held %s",
            static_cast<int>(getpid()), born_.launch->spec.name.c_str(), name_of(reason_.load()),
            requests_held(born_.slots).c_str());
  if (reason_.load() == Reason::kShutdown) {
    born_.engine->announce(GATEHOUSE_ENDS_NOW, name_of(Reason::kShutdown));
    _exit(0);  // or be killed
  }
  watchdog_->tell_stacks(false);
  deadline_ = base::Deadline::after(time_to_leave(Reason::kShutdown, born_.launch->spec));
  finish();
}

void* Worker::on_stop_deadline(void* argument) noexcept {
  const Worker& worker = *static_cast<Worker*>(argument);
  const base::Deadline deadline =
      base::Deadline::after(std::max(worker.deadline_.when() - base::now(), kLeastTimeToStop));
  while (!deadline.passed()) poll(nullptr, 0, deadline.poll_timeout());
  base::log(Message::kWorkerCutOff, "worker %d of group '%s': an atexit or process_stopping function did not return",
            static_cast<int>(getpid()), worker.born_.launch->spec.name.c_str());
  _exit(0);
}

void Worker::finish() {
  hurry(kLeavingLimit);
  pthread_t watchdog;
  pthread_create(&watchdog, nullptr, on_stop_deadline, this);
  born_.engine->stop(name_of(reason_.load()));
  _exit(0);
}

void Worker::on_application_fork(void* argument) noexcept {
  Worker& worker = *static_cast<Worker*>(argument);
  worker.is_application_child_.store(true);
  restore_default_signals();
  worker.intake_->close_after_fork();
  worker.courier_.forget();
  worker.maps_.forget();
  // Numbers that a request uses stay taken, so that what the child opens cannot be mistaken for them.
  for (Thread& thread : worker.threads_) {
    const int channel = thread.channel.load(std::memory_order_acquire);
    if (channel >= 0) dup2(worker.intake_->dead_end(), channel);
  }
  close(worker.born_.leash);
  close(worker.born_.line);
}

void Worker::run() {
  if (!prepare()) _exit(1);
  load_imports();
  tell(born_.line, WorkerNotice{WorkerNotice::Kind::kReady, "", {}});
  watchdog_.emplace(spec_, *born_.engine, born_.slots, *born_.beat, progress_,
                    spec_.max_processes() > 1 ? intake_.get() : nullptr);
  watchdog_->start();
  if (!start_threads()) leave(Reason::kShutdown);
  wait_for_end();
  if (running_.load() > 0) cut_off();
  finish();
}

}  // namespace

bool begin_as_child(const WorkerInheritance& born, void* context, void (*on_application_fork)(void*),
                    gatehouse_host* host) {
  host->size = sizeof *host;
  host->context = context;
  host->log = on_engine_log;
  host->after_application_fork = on_application_fork;
  host->server = born.server;
  host->visit_server = server_view();
  host->log_level = static_cast<std::int32_t>(born.launch->log_level);
  born.engine->after_fork_child(host);
  set_title(title_of_worker(born.launch->spec));
  if (!end_with_parent(born.zygote)) return false;
  limit_cpu_time(born.launch->spec);
  return true;
}

void run_worker(const WorkerInheritance& inheritance) {
  // Never destroyed: threads may outlive this function's reason to end.
  Worker* worker = new Worker(inheritance);
  worker->run();
}

}  // namespace gatehoused
