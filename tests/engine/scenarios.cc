// SPDX-License-Identifier: Apache-2.0
#include "tests/engine/scenarios.h"

#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <functional>
#include <iterator>
#include <map>
#include <set>
#include <thread>
#include <utility>

#include "tests/engine/fake_host.h"

namespace fake_host {
namespace {

int bad_home(const std::string&) {
  Site site;
  gatehouse_python python = ordinary();
  python.home = site.folder().c_str();
  start(python);
  return 0;
}

int bad_executable(const std::string&) {
  gatehouse_python python = ordinary();
  python.executable = "/nowhere/bin/python3";
  start(python);
  return 0;
}

int environment_of_other_version(const std::string&) {
  Site site;
  site.write_file("pyvenv.cfg", "home = /nowhere\nversion = 2.5.0\n");
  site.write_file("python", "");
  const std::string executable = site.path("python");
  if (system(("chmod +x " + executable).c_str()) != 0) return 1;
  gatehouse_python python = ordinary();
  python.executable = executable.c_str();
  start(python);
  return 0;
}

int settings(const std::string&) {
  Site site;
  signal(SIGINT, SIG_IGN);
  const std::string extra = site.path("extra"), home = site.path("home");
  if (system(("mkdir " + extra + " " + home).c_str()) != 0) return 1;
  site.write_file("extra/more.pth", home + "/../linked\n");
  if (system(("mkdir " + site.path("linked")).c_str()) != 0) return 1;
  gatehouse_python python = ordinary();
  const char* warnings[] = {"error::UserWarning"};
  python.python_path = extra.c_str();
  python.working_directory = home.c_str();
  python.optimize = 2;
  python.write_bytecode = 0;
  python.hash_seed = "0";
  python.warnings = warnings;
  python.warnings_count = 1;
  if (start(python) != 0) return 1;
  site.application(
      "import signal, sys\n"
      "start_response('200 OK', [])\n"
      "names = [p.rsplit('/', 1)[1] for p in sys.path[:3]]\n"
      "return [repr((sys.argv, names, sys.flags.optimize, sys.dont_write_bytecode, sys.flags.hash_randomization,\n"
      "              sys.warnoptions, sys.flags.isolated)).encode()]");
  std::printf("%s\n", site.get().body.c_str());
  site.application("import signal\nstart_response('200 OK', [])\nreturn [b'']");
  site.get();
  site.interpreter = "sub";
  site.get();
  std::printf("SIGINT is %s\n", signal(SIGINT, SIG_DFL) == SIG_IGN ? "as it was" : "changed");
  return 0;
}

// Argument: a virtual environment that has a module only_here.
int environment(const std::string& folder) {
  Site site;
  const std::string executable = folder + "/bin/python";
  gatehouse_python python = ordinary();
  python.executable = executable.c_str();
  if (start(python) != 0) return 1;
  site.application(
      "import sys, only_here\nstart_response('200 OK', [])\n"
      "return [repr((sys.prefix != sys.base_prefix, sys.executable)).encode()]");
  std::printf("%s\n", site.get().body.c_str());
  return 0;
}

// A worker whose GIL is held by a call that does not return, as a broken extension module would: its stacks are told
// all the same.
int stacks_of_hung(const std::string&) {
  Site site;
  if (start(ordinary()) != 0) return 1;
  engine().before_fork();
  const pid_t child = fork();
  if (child != 0) {
    engine().after_fork_parent();
    int status = 1;
    waitpid(child, &status, 0);
    return status;
  }
  engine().after_fork_child(&host());
  site.application(
      "import ctypes\n"
      "def never_returns(): ctypes.PyDLL(None).sleep(60)\n"
      "print('entered')\n"
      "never_returns()");
  std::thread([&site] { site.get(); }).detach();
  std::atomic<bool> probed = false;
  while (true) {
    std::thread probe([&probed] {
      probed = false;
      engine().probe();
      probed = true;
    });
    probe.detach();
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    if (!probed) break;
  }
  engine().stacks_of_hung();
  for (const std::string& line : take_host_log()) std::printf("%s\n", line.c_str());
  std::fflush(stdout);
  _exit(0);
}

// An application forks: the child is told, the parent is not. Afterwards the child would answer, too.
int application_fork(const std::string&) {
  Site site;
  if (start(ordinary()) != 0) return 1;
  site.application(
      "import os\npid = os.fork()\nif pid: os.waitpid(pid, 0)\nelse: raise SystemExit\n"
      "start_response('200 OK', [])\nreturn [b'']");
  const Reply reply = site.get();
  std::printf("%s told %d\n", reply.result == GATEHOUSE_COMPLETE ? "parent" : "child", application_forks());
  return 0;
}

// A signal for the child comes before the host has taken its handler back there.
// The same while other threads wait for the GIL, and more of them for a place to do so: none of these is in the child.
int application_fork_beside_a_queue(const std::string&) {
  Site site;
  if (start(ordinary()) != 0) return 1;
  site.application(
      "import ctypes, os, sys\n"
      "if 'forks' not in environ:\n"
      "    start_response('200 OK', [])\n"
      "    return [b'answered']\n"
      "sys.setswitchinterval(60)  # nobody asks for the GIL\n"
      "ctypes.PyDLL(None).usleep(500000)\n"
      "pid = os.fork()\nif pid: os.waitpid(pid, 0)\nelse: raise SystemExit\n"
      "start_response('200 OK', [])\nreturn [b'']");
  std::atomic<int> answered = 0;
  std::vector<std::thread> waiting;
  for (int i = 0; i < 5; ++i)
    waiting.emplace_back([&] {
      std::this_thread::sleep_for(std::chrono::milliseconds(200));
      Site mine;
      mine.use_script_of(site);
      if (mine.get().body == "answered") ++answered;
      engine().end_thread();
    });
  site.environ.push_back({"forks", "1"});
  const bool is_parent = site.get().result == GATEHOUSE_COMPLETE;
  site.environ.pop_back();
  if (!is_parent) {
    alarm(10);  // or hang
    std::printf("child %s\n", site.get().body.c_str());
    std::fflush(stdout);
    _exit(0);
  }
  for (std::thread& thread : waiting) thread.join();
  std::printf("parent %d\n", answered.load());
  return 0;
}

void on_signalled_fork(void*) {
  raise(SIGTERM);
  signal(SIGTERM, SIG_DFL);
}
int signal_during_application_fork(const std::string&) {
  Site site;
  const gatehouse_python python = ordinary();
  gatehouse_host own = host();
  own.after_application_fork = on_signalled_fork;
  gatehouse_error error = {};
  signal(SIGTERM,
         [](int) { [[maybe_unused]] const ssize_t written = write(STDOUT_FILENO, "the parent's handler\n", 21); });
  if (engine().start(&python, &own, &error) != 0) return 1;
  site.application(
      "import os\npid = os.fork()\nif not pid: os._exit(0)\nended = os.waitpid(pid, 0)[1]\n"
      "start_response('200 OK', [])\nreturn [str(ended).encode()]");
  std::printf("ended by %s\n", site.get().body.c_str());
  std::fflush(stdout);
  raise(SIGTERM);
  return 0;
}

// An application forks beside a sub-interpreter: CPython may hang in the child, which must have been told by then.
int application_fork_beside_interpreters(const std::string&) {
  Site site;
  if (start(ordinary()) != 0) return 1;
  site.application("start_response('200 OK', [])\nreturn [b'']");
  site.interpreter = "sub";
  site.get();
  site.interpreter = "";
  site.application(
      "import os, signal, time\npid = os.fork()\nif not pid: os._exit(0)\ntime.sleep(0.3)\n"
      "os.kill(pid, signal.SIGKILL)\nos.waitpid(pid, 0)\nstart_response('200 OK', [])\nreturn [b'']");
  std::printf("result %u\n", site.get().result);
  for (const std::string& line : take_host_log()) std::printf("%s\n", line.c_str());
  return 0;
}

// What a zygote does: start, fork, serve in the child.
int load_ahead(const std::string&) {
  Site site;
  if (start(ordinary()) != 0) return 1;
  site.write_file("ahead.wsgi",
                  "import threading\n"
                  "threading.Thread(target=threading.Event().wait, name='poller', daemon=True).start()\n"
                  "def application(environ, start_response): pass\n");
  const std::string script = site.path("ahead.wsgi");
  char names[8];
  std::printf("%d threads\n", engine().name_threads(names, sizeof names));
  for (const std::string callable : {"application", "absent", ""}) {
    gatehouse_target target = {};
    target.size = sizeof target;
    target.script = {script.data(), script.size()};
    target.callable = {callable.data(), callable.size()};
    gatehouse_error error = {};
    error.size = sizeof error;
    const int loaded = engine().load(&target, &error);
    std::printf("'%s' %d %u %s\n", callable.c_str(), loaded, error.message, error.text);
  }
  const int count = engine().name_threads(names, sizeof names);
  std::printf("%d threads: %s\n", count, names);
  return 0;
}

int fork_workers(const std::string&) {
  Site site;
  if (start(ordinary()) != 0) return 1;
  site.application(
      "import random, threading\nstart_response('200 OK', [])\n"
      "return [b'%d %s' % (random.getrandbits(64), threading.current_thread().name.encode()[:0])]");
  std::string bodies[2];
  for (std::string& body : bodies) {
    int ends[2];
    if (pipe(ends) != 0) return 1;
    engine().before_fork();
    const pid_t child = fork();
    if (child == 0) {
      engine().after_fork_child(&host());
      Reply reply;
      std::thread worker([&] {
        reply = site.get();
        site.interpreter = "sub";
        if (site.get().result != GATEHOUSE_COMPLETE) _exit(1);
        engine().end_thread();
      });
      worker.join();
      engine().stop("done");
      if (write(ends[1], reply.body.data(), reply.body.size()) < 0) _exit(1);
      _exit(reply.result == GATEHOUSE_COMPLETE && application_forks() == 0 ? 0 : 1);
    }
    engine().after_fork_parent();
    int status = 0;
    waitpid(child, &status, 0);
    char buffer[256];
    const ssize_t size = read(ends[0], buffer, sizeof buffer);
    body.assign(buffer, size > 0 ? static_cast<std::size_t>(size) : 0);
    std::printf("child %d\n", status);
  }
  std::printf("%s\n", bodies[0] != bodies[1] ? "random differs" : "random is the same");
  std::printf("parent %u\n", site.get().result);
  return 0;
}

// Rules for all interpreters, and for one of them.
int rules(const std::string&) {
  Site site;
  const gatehouse_rule all[] = {{GATEHOUSE_SWITCH_INTERVAL, 250'000, nullptr, nullptr, nullptr},
                                {GATEHOUSE_PYTHON_PATH, 0, "/tmp/all", nullptr, nullptr},
                                {GATEHOUSE_PYTHON_PATH, 0, "/tmp/sub", "g", "sub"},
                                {GATEHOUSE_RESTRICT_STDIN, 1, nullptr, "g", "sub"},
                                {GATEHOUSE_RESTRICT_SIGNAL, 0, nullptr, "another", nullptr}};
  gatehouse_python python = ordinary();
  python.rules = all;
  python.rules_count = std::size(all);
  if (start(python) != 0) return 1;
  site.application(
      "import signal, sys\n"
      "try: stdin = sys.stdin.name\n"
      "except OSError as error: stdin = str(error)\n"
      "ours = signal.signal(signal.SIGUSR1, print) is print\n"
      "start_response('200 OK', [])\n"
      "return [repr((sys.getswitchinterval(), sys.path[:2], stdin, ours)).encode()]");
  for (const char* interpreter : {"", "sub"}) {
    site.interpreter = interpreter;
    std::printf("%s\n", site.get().body.c_str());
  }
  return 0;
}

// Each of two interpreters of a pool serves its own threads; the main one serves none.
int pool(const std::string&) {
  Site site;
  gatehouse_python python = ordinary();
  python.interpreters = 2;
  if (start(python) != 0) return 1;
  site.application(
      "import sys\nsys.count = getattr(sys, 'count', 0) + 1\nstart_response('200 OK', [])\n"
      "return [b'%d' % sys.count]");
  for (const int thread : {1, 2, 3, 1}) {
    std::thread([&] {
      site.thread_id = thread;
      std::printf("thread %d: %s\n", thread, site.get().body.c_str());
      engine().end_thread();
    }).join();
  }
  engine().stop("done");
  return 0;
}

// A collector's end of telemetry: kinds and process numbers of what came.
class Collector {
 public:
  explicit Collector(const std::string& path) : socket_(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    bind(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address);
    thread_ = std::thread([this] {
      unsigned char datagram[8192];
      while (recv(socket_, datagram, sizeof datagram, 0) >= 24) {
        kinds_.insert(datagram[5]);
        pid_t pid;
        std::memcpy(&pid, datagram + 8, sizeof pid);
        pids_.insert(pid);
      }
    });
  }
  // Ends it.
  void stop() {
    shutdown(socket_, SHUT_RDWR);
    thread_.join();
  }
  const std::set<int>& kinds() const { return kinds_; }
  const std::set<pid_t>& pids() const { return pids_; }

 private:
  const int socket_;
  std::thread thread_;
  std::set<int> kinds_;
  std::set<pid_t> pids_;
};

int telemetry(const std::string&) {
  Site site;
  const std::string path = site.path("telemetry");
  Collector collector(path);
  gatehouse_python python = ordinary();
  const gatehouse_telemetry all = {sizeof all, 0, path.c_str(), 100'000, 0, 1, 1};
  python.telemetry = &all;
  if (start(python) != 0) return 1;
  for (const char* interpreter : {"", "sub"}) {
    site.interpreter = interpreter;
    site.application("import gc, time\ngc.collect()\ntime.sleep(0.3)\nstart_response('200 OK', [])\nreturn [b'']");
    site.get();
  }
  engine().announce(GATEHOUSE_ENDS_SOON, "done");
  engine().stop("done");
  collector.stop();
  const char* separator = "";
  for (const int kind : collector.kinds()) std::printf("%s%d", std::exchange(separator, " "), kind);
  std::printf("\n");
  return collector.pids() == std::set{getpid()} ? 0 : 1;
}

int telemetry_of_fork(const std::string&) {
  Site site;
  const std::string path = site.path("telemetry");
  Collector collector(path);
  gatehouse_python python = ordinary();
  const gatehouse_telemetry all = {sizeof all, 0, path.c_str(), 50'000, 0, 0, 1};
  python.telemetry = &all;
  if (start(python) != 0) return 1;
  site.application(
      "import os, time\npid = os.fork()\n"
      "if pid: os.waitpid(pid, 0)\nelse: time.sleep(0.3)\n"
      "start_response('200 OK', [])\nreturn [b'']");
  site.get();
  if (application_forks() > 0) {
    engine().announce(GATEHOUSE_ENDS_NOW, "child");
    _exit(0);
  }
  collector.stop();
  std::printf("%s\n", collector.pids() == std::set{getpid()} ? "one process" : "several");
  std::fflush(stdout);
  _exit(0);
}

int stop(const std::string&) {
  Site site;
  if (start(ordinary()) != 0) return 1;
  site.application(
      "import atexit, sys, threading, time\n"
      "atexit.register(print, 'atexit ran in', __name__[:10])\n"
      "atexit.register(lambda: 1 / 0)\n"
      "def work():\n"
      "    time.sleep(0.2)\n"
      "    print('thread ended')\n"
      "threading.Thread(target=work).start()\n"
      "sys.stdout.write('') \n"
      "start_response('200 OK', [])\n"
      "return [b'x']");
  site.get();
  // A sub-interpreter that another thread made, as the threads of a worker do: the stop must not wait for it.
  site.interpreter = "sub";
  std::atomic<bool> served = false, stopped = false;
  std::thread worker([&] {
    site.get();
    served = true;
    while (!stopped) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  });
  while (!served) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  engine().stop("test");
  stopped = true;
  worker.join();
  for (const std::string& line : take_host_log()) std::printf("%s\n", line.c_str());
  return 0;
}

int stop_events(const std::string&) {
  Site site;
  if (start(ordinary()) != 0) return 1;
  for (const char* name : {"", "sub"}) {
    site.interpreter = name;
    site.application(
        "import atexit, mod_wsgi, os\n"
        "who = mod_wsgi.application_group or 'main'\n"
        "def tell(*words): os.write(1, (' '.join(map(str, words)) + '\\n').encode())\n"
        "mod_wsgi.subscribe_shutdown(lambda name, **kw: tell('shutdown', who, name, kw))\n"
        "mod_wsgi.subscribe_events(lambda name, **kw: name.startswith('process') and tell('events', who, name, kw))\n"
        "atexit.register(tell, 'atexit', who)\n"
        "start_response('200 OK', [])\n"
        "return [b'x']");
    site.application_group = name;
    site.get();
  }
  engine().stop("maximum_requests");
  return 0;
}

int companion_package(const std::string&) {
  Site site;
  const std::string folder = site.path("lib");
  if (system(("mkdir -p " + folder + "/mod_wsgi").c_str()) != 0) return 1;
  site.write_file("lib/mod_wsgi/__init__.py", "raise SystemError('the package itself is not imported')\n");
  site.write_file("lib/mod_wsgi/extra.py", "value = 'from the package'\n");
  gatehouse_python python = ordinary();
  python.python_path = folder.c_str();
  if (start(python) != 0) return 1;
  site.application(
      "import mod_wsgi, mod_wsgi.extra\n"
      "start_response('200 OK', [])\n"
      "return [f'{mod_wsgi.version} {mod_wsgi.extra.value}'.encode()]");
  for (const char* name : {"", "sub"}) {
    site.interpreter = name;
    std::printf("%s %s\n", *name != '\0' ? name : "main", site.get().body.c_str());
  }
  return 0;
}

int embedded_signals(const std::string&) {
  Site site;
  gatehouse_python python = ordinary();
  python.process_group = "";
  if (start(python) != 0) return 1;
  site.application(
      "import mod_wsgi\n"
      "mod_wsgi.subscribe_signals(print)\n"
      "start_response('200 OK', [])\n"
      "return [b'%d subscribers' % len(mod_wsgi.signal_callbacks)]");
  const Reply reply = site.get();
  for (const std::string& line : reply.notes) std::printf("%s\n", line.c_str());
  std::printf("%s\n", reply.body.c_str());
  return 0;
}

const std::map<std::string, std::function<int(const std::string&)>>& scenarios() {
  static const std::map<std::string, std::function<int(const std::string&)>> all = {
      {"bad-home", bad_home},
      {"bad-executable", bad_executable},
      {"environment-of-other-version", environment_of_other_version},
      {"settings", settings},
      {"environment", environment},
      {"application-fork", application_fork},
      {"application-fork-beside-a-queue", application_fork_beside_a_queue},
      {"application-fork-beside-interpreters", application_fork_beside_interpreters},
      {"signal-during-application-fork", signal_during_application_fork},
      {"stacks-of-hung", stacks_of_hung},
      {"fork-workers", fork_workers},
      {"load-ahead", load_ahead},
      {"rules", rules},
      {"telemetry", telemetry},
      {"telemetry_of_fork", telemetry_of_fork},
      {"pool", pool},
      {"stop", stop},
      {"companion-package", companion_package},
      {"stop-events", stop_events},
      {"embedded-signals", embedded_signals}};
  return all;
}

}  // namespace

gatehouse_python ordinary() {
  gatehouse_python python = {};
  python.size = sizeof python;
  python.process_group = "g";
  python.processes = 1;
  python.threads = 1;
  add_ordinary_rules(&python);
  return python;
}

int start(const gatehouse_python& python) {
  gatehouse_error error = {};
  error.size = sizeof error;
  const int started = engine().start(&python, &host(), &error);
  if (started != 0) std::printf("refused %u: %s\n", error.message, error.text);
  return started;
}

int run_scenario(const std::string& name, const std::string& argument) {
  const auto found = scenarios().find(name);
  const auto embedding = embedding_scenarios().find(name);
  int status = 2;
  if (found != scenarios().end()) status = found->second(argument);
  if (embedding != embedding_scenarios().end()) status = embedding->second(argument);
  std::fflush(stdout);
  _exit(status);
}

Printed in_own_process(const std::string& name, const std::string& argument) {
  char self[4096];
  const ssize_t size = readlink("/proc/self/exe", self, sizeof self - 1);
  if (size < 0) return {-1, ""};
  const std::string command =
      std::string(self, static_cast<std::size_t>(size)) + " --scenario " + name + " '" + argument + "' 2>&1";
  FILE* output = popen(command.c_str(), "r");
  if (output == nullptr) return {-1, ""};
  Printed printed{0, {}};
  char buffer[4096];
  for (std::size_t got; (got = fread(buffer, 1, sizeof buffer, output)) > 0;) printed.text.append(buffer, got);
  printed.status = pclose(output);
  return printed;
}

}  // namespace fake_host
