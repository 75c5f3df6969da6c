// SPDX-License-Identifier: Apache-2.0
#include "module/daemon_spawn.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <list>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/posix.h"
#include "module/config.h"
#include "module/launch.h"
#include "module/respawn.h"
#include "module/scoreboard_page.h"
#include "wire/group_spec.h"
#include "wsgi/engine_loader.h"

namespace httpd {
namespace {

using namespace std::chrono_literals;
using base::Message;
using base::UniqueFd;

constexpr base::Micros kUnlimited = 5s;  // how long a group without shutdown-timeout may hold up httpd's stop
// Said on the control socket (daemon/supervisor.h).
constexpr char kDrain = 'D', kHandOver = 'S';
// Where gatehoused expects its descriptors.
enum Place : int {
  kControlPlace = 3,
  kQueuePlace = 4,
  kSuccessionPlace = 5,
  kPriorityPlace = 6,
  kServerPlace = 7,
  kPlaces = 8
};

// Both ends of a queue.
struct Queue {
  UniqueFd read, write;
};

// One gatehoused and what the parent holds for it. Lives in the process's pool until it has ended.
struct Supervisor {
  std::string name;         // of its group
  std::string launch;       // encoded
  std::string identity;     // of its options: generations that have the same share one queue
  std::int64_t queue = 0;   // tells queues apart
  base::Micros shutdown;    // how long the group may take to stop
  UniqueFd log;             // its standard error: the ErrorLog of the server that defines the group
  UniqueFd control;         // end-of-file: stop
  Queue normal, priority;   // invalid once the generation is old, or has handed them to the next
  UniqueFd server;          // memory that shows the scoreboard, read-only; invalid without server-metrics=On
  UniqueFd served, serves;  // pipe: the supervisor writes to the second when it serves; older ones read the first
  apr_proc_t process{};     // pid 0: not running
  base::Micros started{};
  RespawnDelay delay;
  bool current = true;  // of the generation in force: started again when it ends by itself
};

// The parent's record of all supervisors, of every generation. Static, because it outlives each configuration.
struct Brood {
  pid_t parent = 0;  // the process that these are children of; forked children leave them alone
  std::list<Supervisor> supervisors;
  bool forking_supervisor = false;
};
constinit Brood* brood = nullptr;

bool is_parent() { return brood != nullptr && brood->parent == getpid(); }

// Whatever httpd forks (its children, mod_cgid's daemon) must not keep a supervisor's control socket open: its
// end-of-file says that the parent is gone. Nor has it any business at the read end of a queue.
void on_forked() noexcept {
  if (brood == nullptr || brood->forking_supervisor) return;
  for (Supervisor& supervisor : brood->supervisors) {
    supervisor.control.reset();
    supervisor.normal.read.reset();
    supervisor.priority.read.reset();
    supervisor.served.reset();
    supervisor.serves.reset();
    supervisor.log.reset();
    supervisor.server.reset();
  }
}

// --- fork and exec

// Between fork and exec only what signal-safety(7) allows is called.
struct Program {
  const char* file;
  char* const* arguments;
  char* const* environment;
};

[[noreturn]] void become_gatehoused(const Program& program, int (&descriptors)[kPlaces], base::Micros delay,
                                    int failure) {
  setsid();
  sigset_t none;
  sigemptyset(&none);
  for (const int number : {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGCHLD, SIGPIPE, SIGUSR1, SIGUSR2, SIGWINCH, SIGXCPU})
    signal(number, SIG_DFL);
  sigprocmask(SIG_SETMASK, &none, nullptr);

  if (delay > base::Micros::zero()) {
    // Nothing but the end of the control socket can arrive: httpd stops, or wants this generation no more.
    pollfd control = {descriptors[kControlPlace], 0, 0};
    const auto milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(delay).count();
    if (poll(&control, 1, static_cast<int>(milliseconds)) != 0) _exit(0);
  }
  // First out of the way of the places, then to them: dup2 leaves no close-on-exec flag.
  for (int& descriptor : descriptors) {
    descriptor = fcntl(descriptor, F_DUPFD_CLOEXEC, kPlaces + 1);
    if (descriptor < 0) _exit(71);
  }
  failure = fcntl(failure, F_DUPFD_CLOEXEC, kPlaces + 1);
  for (int place = 0; place < kPlaces; ++place) dup2(descriptors[place], place);
  close_range(kPlaces, ~0u, CLOSE_RANGE_CLOEXEC);
  execve(program.file, program.arguments, program.environment);
  const int error = errno;
  static_cast<void>(!write(failure, &error, sizeof error));
  _exit(71);
}

base::Result<std::string> find_gatehoused() {
  std::string places;
  for (const std::string& directory : wsgi::engine_directories()) {
    std::string file = directory + "/gatehoused";
    if (access(file.c_str(), X_OK) == 0) return file;
    places.append(places.empty() ? "" : ", ").append(directory);
  }
  return base::Error{Message::kSupervisorStart, 0, "there is no program gatehoused in " + places};
}

// Waits until the child has become gatehoused; the errno of an exec that failed, 0 otherwise. A child that delays
// its exec is not waited for.
int exec_error(int failure, base::Micros delay) {
  if (delay > base::Micros::zero()) return 0;
  int error = 0;
  return base::read_some(failure, &error, sizeof error) == sizeof error ? error : 0;
}

// All of it waits in the socket until gatehoused reads it, which it does not yet: it must find room there.
bool send_launch(int control, const std::string& launch) {
  std::string message;
  base::ByteWriter writer(&message);
  writer.u32(static_cast<std::uint32_t>(launch.size()));
  writer.text(launch);
  // The kernel doubles the size for what it keeps beside the bytes.
  const int size = static_cast<int>(std::max<std::size_t>(message.size(), 128u << 10));
  if (setsockopt(control, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size) != 0)
    setsockopt(control, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
  for (std::size_t sent = 0; sent < message.size();) {
    const ssize_t count = send(control, message.data() + sent, message.size() - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return false;
    sent += static_cast<std::size_t>(count);
  }
  return true;
}

void on_supervisor_ended(int reason, void* data, int status) noexcept;

base::Status start(Supervisor* supervisor, base::Micros delay) {
  const base::Result<std::string> file = find_gatehoused();
  if (!file) return file.error();
  auto control = base::socket_pair(SOCK_STREAM);
  if (!control) return control.error();
  int failure[2];
  if (pipe2(failure, O_CLOEXEC) != 0) return base::os_error(Message::kSupervisorStart, "no pipe could be made");
  const UniqueFd failure_read(failure[0]);
  UniqueFd failure_write(failure[1]);
  const UniqueFd null(open("/dev/null", O_RDWR | O_CLOEXEC));

  char name[] = "gatehoused", role[] = "supervise";
  char* const arguments[] = {name, role, nullptr};
  char* const environment[] = {nullptr};  // gatehoused builds its group's from the launch
  const Program program = {file.value().c_str(), arguments, environment};
  const Queue& priority = supervisor->priority;
  int descriptors[kPlaces] = {null.get(),
                              supervisor->log.get(),
                              supervisor->log.get(),
                              control->second.get(),
                              supervisor->normal.read.get(),
                              supervisor->serves.get(),
                              priority.read.valid() ? priority.read.get() : null.get(),
                              supervisor->server.valid() ? supervisor->server.get() : null.get()};
  if (!send_launch(control->first.get(), supervisor->launch))
    return base::os_error(Message::kSupervisorStart,
                          "the options of process group " + supervisor->name + " could not be handed over");

  brood->forking_supervisor = true;
  const pid_t pid = fork();
  if (pid != 0) brood->forking_supervisor = false;
  if (pid < 0)
    return base::os_error(Message::kSupervisorStart, "process group " + supervisor->name + " could not be started");
  if (pid == 0) {
    control->first.reset();
    become_gatehoused(program, descriptors, delay, failure_write.get());
  }
  failure_write.reset();
  supervisor->control = std::move(control->first);
  supervisor->process = {};
  supervisor->process.pid = pid;
  supervisor->started = base::now();
  apr_proc_other_child_register(&supervisor->process, on_supervisor_ended, supervisor, nullptr,
                                ap_server_conf->process->pool);
  if (const int error = exec_error(failure_read.get(), delay); error != 0)
    return base::Error{Message::kSupervisorStart, error, file.value() + " could not be executed"};
  return base::ok();
}

// --- When a supervisor ends

void forget(Supervisor* supervisor) {
  brood->supervisors.remove_if([&](const Supervisor& other) { return &other == supervisor; });
}

void start_again(Supervisor* supervisor) {
  const base::Micros delay = supervisor->delay.next(base::now() - supervisor->started);
  if (supervisor->process.pid != 0)
    log_server(ap_server_conf, Message::kSupervisorEnded,
               "the supervisor of process group \"%s\" (pid %d) ended by itself; it is started again in %.0f s",
               supervisor->name.c_str(), static_cast<int>(supervisor->process.pid),
               std::chrono::duration<double>(delay).count());
  supervisor->process.pid = 0;
  supervisor->control.reset();
  if (const base::Status again = start(supervisor, delay); !again) log_server(ap_server_conf, again.error());
}

// Called by httpd for a registered child; after a restart for those of old generations, too.
void on_supervisor_ended(int reason, void* data, int /*status*/) noexcept {
  if (reason != APR_OC_REASON_DEATH && reason != APR_OC_REASON_LOST) return;
  auto* supervisor = static_cast<Supervisor*>(data);
  apr_proc_other_child_unregister(supervisor);
  if (supervisor->current) {
    start_again(supervisor);
  } else {
    forget(supervisor);
  }
}

// --- The end of a generation, and of httpd

void drain_current() {
  for (Supervisor& supervisor : brood->supervisors) {
    if (!supervisor.current) continue;
    supervisor.current = false;
    // Before the queue's ends are closed: workers that see its end must be expected to leave.
    static_cast<void>(send(supervisor.control.get(), &kDrain, 1, MSG_NOSIGNAL));
  }
}

// Log level, generation and imports may differ between generations that follow each other on one queue.
std::string identity_of(wire::Launch launch) {
  launch.generation = 0;
  launch.log_level = 0;
  launch.imports.clear();
  launch.has_elders = false;
  return wire::encode(launch);
}

bool has_heir(const Supervisor& elder) {
  const DaemonGroup* heir = configuration()->find_group(elder.name);
  return elder.process.pid != 0 && heir != nullptr && identity_of(heir->launch) == elder.identity;
}

// The generation that serves the group with just these options, if there is one.
Supervisor* find_elder(const Supervisor& heir) {
  for (auto elder = brood->supervisors.rbegin(); elder != brood->supervisors.rend(); ++elder) {
    if (!elder->current && elder->normal.write.valid() && elder->name == heir.name && elder->identity == heir.identity)
      return &*elder;
  }
  return nullptr;
}

// All that serve the heir's queue go on until it does; then they leave.
void announce(const Supervisor& heir) {
  for (Supervisor& elder : brood->supervisors) {
    if (elder.current || elder.queue != heir.queue) continue;
    base::send_with_fd(elder.control.get(), std::as_bytes(std::span(&kHandOver, 1)), heir.served.get(), MSG_DONTWAIT);
  }
}

bool has_ended(Supervisor& supervisor) {
  if (supervisor.process.pid == 0) return true;
  if (waitpid(supervisor.process.pid, nullptr, WNOHANG) == 0) return false;
  supervisor.process.pid = 0;
  return true;
}

void kill_late(Supervisor& supervisor, const server_rec* server) {
  log_server(server, Message::kSupervisorKilled,
             "process group \"%s\" did not end within its shutdown-timeout and was killed", supervisor.name.c_str());
  kill(-supervisor.process.pid, SIGKILL);
  kill(supervisor.process.pid, SIGKILL);
  waitpid(supervisor.process.pid, nullptr, 0);
}

// server: whose log tells of late groups; NULL when the configuration is gone.
void stop_all(const server_rec* server) {
  base::Micros longest = 0s;
  for (Supervisor& supervisor : brood->supervisors) {
    apr_proc_other_child_unregister(&supervisor);
    supervisor.current = false;
    shutdown(supervisor.control.get(), SHUT_RDWR);  // also where a forked process holds a copy
    supervisor.control.reset();
    longest = std::max(longest, supervisor.shutdown);
  }
  const base::Deadline deadline = base::Deadline::after(longest + 1s);
  std::list<Supervisor>& left = brood->supervisors;
  left.remove_if(has_ended);
  while (!left.empty() && !deadline.passed()) {
    usleep(5000);
    left.remove_if(has_ended);
  }
  for (Supervisor& supervisor : left) kill_late(supervisor, server);
  left.clear();
}

apr_status_t on_configuration_gone(void* /*data*/) noexcept {
  if (!is_parent()) return APR_SUCCESS;
  if (ap_state_query(AP_SQ_MAIN_STATE) == AP_SQ_MS_EXITING) {
    stop_all(ap_server_conf);
  } else {
    drain_current();
  }
  return APR_SUCCESS;
}

// A configuration that turned out bad at a restart leaves old generations, and nobody else to stop them.
apr_status_t on_process_gone(void* /*data*/) noexcept {
  if (!is_parent()) return APR_SUCCESS;
  stop_all(nullptr);
  delete std::exchange(brood, nullptr);
  return APR_SUCCESS;
}

// --- Starting a generation

UniqueFd log_of(const server_rec* server) {
  apr_os_file_t descriptor = STDERR_FILENO;
  if (server->error_log != nullptr) apr_os_file_get(&descriptor, server->error_log);
  return UniqueFd(fcntl(descriptor, F_DUPFD_CLOEXEC, 0));
}

base::Status make_queue(Queue* queue) {
  auto ends = base::socket_pair(SOCK_SEQPACKET);
  if (!ends) return ends.error();
  queue->write = std::move(ends->first);
  queue->read = std::move(ends->second);
  return base::ok();
}

base::Status make_queues(Supervisor* supervisor, bool has_priority_lane) {
  static constinit std::int64_t queues = 0;
  supervisor->queue = ++queues;
  if (const base::Status made = make_queue(&supervisor->normal); !made) return made;
  return has_priority_lane ? make_queue(&supervisor->priority) : base::ok();
}

apr_status_t on_counts_gone(void* counts) noexcept {
  // In a child its threads may use them to the end.
  if (is_parent()) delete static_cast<WaitingCounts*>(counts);
  return APR_SUCCESS;
}

// For queue-fairness=. Without memory for them nobody is refused.
void make_counts(DaemonGroup* group) {
  if (group->spec.queue_fairness == "none") return;
  group->waiting = WaitingCounts::create(static_cast<std::size_t>(mpm_query(AP_MPMQ_HARD_LIMIT_DAEMONS, 1)));
  if (group->waiting != nullptr)
    apr_pool_cleanup_register(configuration()->pool, group->waiting, on_counts_gone, apr_pool_cleanup_null);
}

apr_status_t on_page_gone(void* page) noexcept {
  if (is_parent()) delete static_cast<ScoreboardPage*>(page);
  return APR_SUCCESS;
}

// For server-metrics=On.
base::Status show_scoreboard(UniqueFd* to) {
  ScoreboardPage*& page = configuration()->scoreboard_page;
  if (page == nullptr) {
    base::Result<ScoreboardPage*> made = ScoreboardPage::create();
    if (!made) return made.error();
    page = made.value();
    apr_pool_cleanup_register(configuration()->pool, page, on_page_gone, apr_pool_cleanup_null);
  }
  *to = UniqueFd(fcntl(page->descriptor(), F_DUPFD_CLOEXEC, 0));
  return base::ok();
}

base::Status start_group(DaemonGroup* group) {
  int serves[2];
  if (pipe2(serves, O_CLOEXEC) != 0) return base::os_error(Message::kSupervisorStart, "no pipe could be made");
  Supervisor& supervisor = brood->supervisors.emplace_back();
  supervisor.name = group->spec.name;
  supervisor.identity = identity_of(group->launch);
  supervisor.shutdown = group->spec.shutdown_timeout > 0 ? base::Micros(group->spec.shutdown_timeout) : kUnlimited;
  supervisor.log = log_of(group->servers.front());
  supervisor.served = UniqueFd(serves[0]);
  supervisor.serves = UniqueFd(serves[1]);
  if (group->spec.server_metrics) {
    if (const base::Status shown = show_scoreboard(&supervisor.server); !shown) return shown;
  }
  Supervisor* const elder = find_elder(supervisor);
  group->launch.has_elders = elder != nullptr;
  supervisor.launch = wire::encode(group->launch);
  if (elder != nullptr) {
    supervisor.queue = elder->queue;
    supervisor.normal = std::move(elder->normal);
    supervisor.priority = std::move(elder->priority);
    announce(supervisor);
  } else if (const base::Status made = make_queues(&supervisor, group->launch.has_priority_lane); !made) {
    return made;
  }
  group->queue.normal = supervisor.normal.write.get();
  group->queue.priority = supervisor.priority.write.get();
  group->queue.is_tiny = !limit_queue(group->queue.normal, group->spec.queue_size);
  if (group->launch.has_priority_lane) limit_queue(group->queue.priority, group->spec.queue_size);
  make_counts(group);
  return start(&supervisor, base::Micros::zero());
}

void prepare_brood(process_rec* process) {
  if (brood != nullptr) return;
  brood = new Brood;
  brood->parent = getpid();
  pthread_atfork(nullptr, nullptr, on_forked);
  apr_pool_cleanup_register(process->pool, nullptr, on_process_gone, apr_pool_cleanup_null);
}

}  // namespace

void close_old_queues() {
  if (!is_parent()) return;
  for (Supervisor& supervisor : brood->supervisors) {
    if (supervisor.current || has_heir(supervisor)) continue;
    supervisor.normal = {};
    supervisor.priority = {};
    supervisor.served.reset();
    supervisor.serves.reset();
  }
}

bool start_groups(server_rec* main_server) {
  static constinit std::int64_t generation = 0;
  ++generation;
  if (configuration()->groups.empty()) return true;
  prepare_brood(main_server->process);
  apr_pool_cleanup_register(configuration()->pool, nullptr, on_configuration_gone, apr_pool_cleanup_null);
  bool all_started = true;
  for (DaemonGroup* group : configuration()->groups) {
    group->launch.generation = generation;
    if (const base::Status started = start_group(group); !started) {
      log_server(main_server, started.error());
      all_started = false;
    }
  }
  return all_started;
}

void revive_groups() {
  if (!is_parent()) return;
  if (ScoreboardPage* page = configuration()->scoreboard_page) page->refresh();
  for (Supervisor& supervisor : brood->supervisors)
    if (supervisor.current && supervisor.process.pid == 0) start_again(&supervisor);
}

}  // namespace httpd
