// SPDX-License-Identifier: Apache-2.0

// What endangers a process that embeds CPython: extension modules that call back, imports in many interpreters at once,
// threads that are still there at the end. Each hangs, or ends the process, where it goes wrong.

#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <mutex>
#include <thread>
#include <vector>

#include "tests/engine/fake_host.h"
#include "tests/engine/scenarios.h"

namespace fake_host {
namespace {

constexpr unsigned kHangs = 120;  // seconds after which a scenario that hangs is ended

// A thread serves several interpreters in turn, whose application is called back from C by the ctypes type that is
// the argument. A callback sees the modules of its own interpreter.
int callbacks(const std::string& type) {
  alarm(kHangs);
  Site site;
  if (start(ordinary()) != 0) return 1;
  site.application(
      "import ctypes, sys\n"
      "seen = []\n"
      "def called(number):\n"
      "    import sys as here\n"
      "    seen.append(here is sys)\n"
      "    return number + 1\n"
      "number = ctypes." +
      type +
      "(ctypes.c_int, ctypes.c_int)(called)(41)\n"
      "start_response('200 OK', [])\n"
      "return [b'%d %r' % (number, all(seen))]");
  std::thread([&] {
    for (const char* interpreter : {"", "one", "", "two", "one"}) {
      site.interpreter = interpreter;
      std::printf("'%s': %s\n", interpreter, site.get().body.c_str());
    }
    engine().end_thread();
  }).join();
  return 0;
}

// As many threads as the argument says ask at once for an interpreter each, which has yet to be made and imports what
// is known to share state in C. "own" behind the number gives each a lock of its own.
int imports_at_once(const std::string& argument) {
  alarm(kHangs);
  Site site;
  gatehouse_python python = ordinary();
  const gatehouse_rule own = {GATEHOUSE_OWN_GIL, 1, nullptr, nullptr, nullptr};
  python.rules = &own;
  python.rules_count = argument.ends_with("own") ? 1 : 0;
  python.write_bytecode = 1;
  if (start(python) != 0) return 1;
  site.script(
      "import datetime, decimal, json, sqlite3, ssl\n"
      "def application(environ, start_response):\n"
      "    start_response('200 OK', [])\n"
      "    day = datetime.datetime.fromisoformat('2026-11-26').date() + datetime.timedelta(days=1)\n"
      "    text = json.dumps([str(day), str(decimal.Decimal('1.10') * 3)])\n"
      "    number = sqlite3.connect(':memory:').execute('select 40 + 2').fetchone()[0]\n"
      "    return [f'{text} {number} {ssl.create_default_context().verify_mode.name}'.encode()]\n");
  const int interpreters = std::stoi(argument);
  std::atomic<int> ready = 0;
  std::mutex mutex;
  std::map<std::string, int> answers;
  std::vector<std::thread> threads;
  for (int number = 0; number < interpreters; ++number)
    threads.emplace_back([&, number] {
      Site mine;
      mine.use_script_of(site);
      mine.interpreter = "number " + std::to_string(number);
      for (++ready; ready < interpreters;) std::this_thread::yield();
      const Reply reply = mine.get();
      {
        const std::lock_guard<std::mutex> held(mutex);
        const bool refused = reply.result == GATEHOUSE_FAILED && reply.outcome_status == 500 && !reply.log.empty();
        ++answers[refused ? reply.log[0].substr(reply.log[0].rfind("): ") + 3) : reply.body];
      }
      engine().end_thread();
    });
  for (std::thread& thread : threads) thread.join();
  for (const auto& [answer, count] : answers) std::printf("%d x %s\n", count, answer.c_str());
  return 0;
}

// An application that leaves work behind in the way of the argument, in the main interpreter and in another one; then
// the process ends as hosts end it.
int work_left_behind(const std::string& way) {
  alarm(kHangs);
  Site site;
  if (start(ordinary()) != 0) return 1;
  site.script(
      "import ctypes, threading, time\n"
      "from concurrent.futures import ThreadPoolExecutor\n"
      "from multiprocessing.pool import ThreadPool\n"
      "stop = threading.Event()\n"
      "begun = threading.Barrier(3)\n"
      "keep = []\n"
      "def spins():\n"
      "    begun.wait()\n"
      "    while True: sum(range(100))\n"
      "def waits():\n"
      "    begun.wait()\n"
      "    time.sleep(3600)\n"
      "def ends_when_told():\n"
      "    begun.wait()\n"
      "    while threading.main_thread().is_alive() and not stop.wait(0.01): pass\n"
      "def two(target, daemon):\n"
      "    for _ in range(2): threading.Thread(target=target, daemon=daemon).start()\n"
      "def pool(kind):\n"
      "    keep.append(kind(2))\n"
      "    keep[0].map(abs, range(10))\n"
      "    for _ in range(2): threading.Thread(target=begun.wait).start()\n"
      "def foreign():\n"
      "    called = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p)(lambda _: spins())\n"
      "    keep.append(called)\n"
      "    for _ in range(2): ctypes.CDLL(None).pthread_create(ctypes.byref(ctypes.c_ulong()), None, called, None)\n"
      "ways = {\n"
      "    'daemon threads that compute': lambda: two(spins, True),\n"
      "    'daemon threads that wait': lambda: two(waits, True),\n"
      "    'threads that are told': lambda: (threading._register_atexit(stop.set), two(ends_when_told, False)),\n"
      "    'a ThreadPool': lambda: pool(ThreadPool),\n"
      "    'a ThreadPoolExecutor': lambda: pool(ThreadPoolExecutor),\n"
      "    'threads of C code': foreign}\n"
      "def application(environ, start_response):\n"
      "    ways['" +
      way +
      "']()\n"
      "    begun.wait()\n"
      "    start_response('200 OK', [])\n"
      "    return [b'begun']\n");
  for (const char* interpreter : {"", "sub"}) {
    site.interpreter = interpreter;
    std::printf("%s\n", site.get().body.c_str());
  }
  engine().stop("done");
  std::printf("stopped\n");
  return 0;
}

}  // namespace

const std::map<std::string, Scenario>& embedding_scenarios() {
  static const std::map<std::string, Scenario> all = {
      {"callbacks", callbacks}, {"imports-at-once", imports_at_once}, {"work-left-behind", work_left_behind}};
  return all;
}

}  // namespace fake_host
