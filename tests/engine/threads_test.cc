// SPDX-License-Identifier: Apache-2.0

// Many threads, sub-interpreters, an application's own threads, and what stays behind.

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <mutex>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "tests/engine/fake_host.h"

#include <CppUTest/TestHarness.h>

using fake_host::Reply;
using fake_host::Site;

namespace {

void in_threads(int count, const std::function<void(int)>& work) {
  std::vector<std::thread> threads;
  for (int i = 0; i < count; ++i)
    threads.emplace_back([&work, i] {
      work(i);
      fake_host::engine().end_thread();
    });
  for (std::thread& thread : threads) thread.join();
}

}  // namespace

TEST_GROUP(Threads) { Site site; };

TEST(Threads, many_serve_at_once_and_answers_do_not_mix) {
  site.application(
      "import time\ntime.sleep(0.001)\nprint(environ['HTTP_ID'])\nstart_response('200 OK', [('X-Id', "
      "environ['HTTP_ID'])])\n"
      "yield environ['wsgi.input'].read()\nyield environ['HTTP_ID'].encode()");
  std::atomic<int> wrong = 0;
  in_threads(16, [&](int thread) {
    Site mine;
    mine.use_script_of(site);
    for (int i = 0; i < 50; ++i) {
      const std::string id = std::to_string(thread) + "-" + std::to_string(i);
      mine.environ = {{"HTTP_ID", id}};
      const Reply reply = mine.post("body of " + id + ":");
      wrong += reply.body != "body of " + id + ":" + id || reply.header("X-Id") != id || !reply.logged(id);
    }
  });
  LONGS_EQUAL(0, wrong);
}

TEST(Threads, blocking_reads_hold_up_nobody) {
  site.application("environ['wsgi.input'].read()\nstart_response('200 OK', [])\nreturn [b'']");
  std::atomic<bool> release = false, reading = false;
  site.before_read = [&] {
    reading = true;
    while (!release) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  };
  std::thread slow([&] {
    site.post("x");
    fake_host::engine().end_thread();
  });
  while (!reading) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  Site other;
  other.application("start_response('200 OK', [])\nreturn [b'quick']");
  STRCMP_EQUAL("quick", other.get().body.c_str());
  release = true;
  slow.join();
}

TEST(Threads, interpreters_have_modules_of_their_own) {
  site.application(
      "import json\njson.mark = getattr(json, 'mark', 0) + 1\nstart_response('200 OK', [])\n"
      "return [repr((json.mark, environ['mod_wsgi.application_group'], "
      "__import__('mod_wsgi').application_group)).encode()]");
  site.interpreter = site.application_group = "one";
  site.get();
  STRCMP_EQUAL("(2, 'one', 'one')", site.get().body.c_str());
  site.interpreter = site.application_group = "two";
  STRCMP_EQUAL("(1, 'two', 'two')", site.get().body.c_str());
}

TEST(Threads, interpreters_are_made_once_when_many_ask) {
  site.application("start_response('200 OK', [])\nreturn [repr(id(__import__('sys').modules)).encode()]");
  std::mutex mutex;
  std::vector<std::string> seen;
  in_threads(8, [&](int thread) {
    Site mine;
    mine.use_script_of(site);
    mine.interpreter = thread % 2 == 0 ? "even" : "odd";
    const Reply reply = mine.get();
    const std::lock_guard<std::mutex> lock(mutex);
    seen.push_back(std::to_string(thread % 2) + reply.body);
  });
  std::sort(seen.begin(), seen.end());
  seen.erase(std::unique(seen.begin(), seen.end()), seen.end());
  LONGS_EQUAL(2, seen.size());
}

TEST(Threads, exceptions_in_a_sub_interpreter_have_their_traceback) {
  site.application("raise ValueError('deep')");
  site.interpreter = "sub";
  const Reply reply = site.get();
  CHECK(reply.logged("(interpreter 'sub'): ValueError: deep"));
  CHECK(reply.logged("raise ValueError('deep')"));
}

TEST(Threads, threads_of_the_application_may_read_and_write_in_turns) {
  site.application(
      "import threading\n"
      "write = start_response('200 OK', [])\n"
      "source = environ['wsgi.input']\n"
      "def work():\n"
      "    while True:\n"
      "        data = source.read(10)\n"
      "        if not data: return\n"
      "        write(data)\n"
      "        environ['wsgi.errors'].write('line\\n')\n"
      "threads = [threading.Thread(target=work) for _ in range(8)]\n"
      "for t in threads: t.start()\n"
      "for t in threads: t.join()\n"
      "return []");
  const Reply reply = site.post(std::string(10000, 'x'));
  LONGS_EQUAL(GATEHOUSE_COMPLETE, reply.result);
  LONGS_EQUAL(10000, reply.body.size());
  LONGS_EQUAL(1000, reply.log.size());
}

TEST(Threads, a_finalizer_may_print_while_the_host_is_being_used) {
  site.application(
      "import gc\n"
      "class Cycle:\n"
      "    def __init__(self): self.me = self\n"
      "    def __del__(self): print('collected')\n"
      "gc.set_threshold(1)\n"
      "try:\n"
      "    for _ in range(50):\n"
      "        Cycle()\n"
      "        try: environ['wsgi.input'].read()\n"
      "        except OSError: pass\n"
      "finally:\n"
      "    gc.set_threshold(700)\n"
      "    gc.collect()\n"
      "start_response('200 OK', [])\n"
      "return [b'']");
  site.content_length = 5;
  site.read_error = "gone";
  const Reply reply = site.get();
  LONGS_EQUAL(GATEHOUSE_COMPLETE, reply.result);
  CHECK(reply.logged("collected"));
}

TEST(Threads, a_thread_that_reads_on_is_waited_for_and_then_refused) {
  site.application(
      "import threading, time\n"
      "source = environ['wsgi.input']\n"
      "def work():\n"
      "    try:\n"
      "        while True: source.read(1)\n"
      "    except RuntimeError as e: print('refused:', e)\n"
      "threading.Thread(target=work).start()\n"
      "time.sleep(0.05)\n"
      "start_response('200 OK', [])\n"
      "return [b'done']");
  site.before_read = [] { std::this_thread::sleep_for(std::chrono::milliseconds(20)); };
  fake_host::take_host_log();
  const Reply reply = site.post(std::string(100, 'x'));
  STRCMP_EQUAL("done", reply.body.c_str());
  std::string said;
  for (int i = 0; i < 100 && said.empty(); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
    site.before_read = nullptr;
    Site other;
    other.application("start_response('200 OK', [])\nreturn [b'']");
    other.get();
    for (const std::string& line : fake_host::take_host_log())
      if (line.starts_with("refused:")) said = line;
  }
  STRCMP_EQUAL("refused: wsgi.input.read() after its request has ended", said.c_str());
}

TEST(Threads, subprocesses_work) {
  site.application(
      "import subprocess, sys\nout = subprocess.run([sys.executable, '-c', 'print(40 + 2)'], capture_output=True)\n"
      "start_response('200 OK', [])\nreturn [out.stdout.strip() + out.stderr]");
  STRCMP_EQUAL("42", site.get().body.c_str());
  site.interpreter = "sub";
  STRCMP_EQUAL("42", site.get().body.c_str());
}

TEST(Threads, extension_modules_load) {
  site.application(
      "import math, _struct, zlib, decimal\nstart_response('200 OK', [])\nreturn "
      "[repr(decimal.Decimal(math.floor(2.5))).encode()]");
  STRCMP_EQUAL("Decimal('2')", site.get().body.c_str());
}

// What leaks grows in every round; what is made once, by CPython's specializer for one, grows in one of them.
// GATEHOUSE_LONG=1 in the environment: a hundred thousand of them. A debug build of CPython counts references, too.
TEST(Threads, ten_thousand_requests_leave_nothing_behind_in_any_interpreter) {
  const int count = std::getenv("GATEHOUSE_LONG") != nullptr ? 100'000 : 10'000;
  site.script(
      "import sys\n"
      "def application(environ, start_response):\n"
      "    if environ['PATH_INFO'] == '/count':\n"
      "        start_response('200 OK', [])\n"
      "        __import__('gc').collect()\n"
      "        total = getattr(sys, 'gettotalrefcount', int)()\n"
      "        return [f'{sys.getallocatedblocks()} {total}'.encode()]\n"
      "    kind = environ['HTTP_KIND']\n"
      "    data = environ['wsgi.input'].readline() + environ['wsgi.input'].read()\n"
      "    if kind == '0': raise ValueError('x')\n"
      "    write = start_response('200 OK', [('X-A', kind), ('Set-Cookie', 'a=' + kind)])\n"
      "    if kind == '1': return (b for b in (data, b'y'))\n"
      "    if kind == '2': write(data); return []\n"
      "    if kind == '3': return environ['wsgi.file_wrapper'](open(__file__, 'rb'))\n"
      "    if kind == '4': start_response('200 OK', [])\n"
      "    environ['wsgi.errors'].write('line')\n"
      "    return [data, data]\n");
  struct Held {
    long blocks, references, pages;
  };
  const auto held = [&] {
    site.environ = {{"PATH_INFO", "/count"}};
    site.content_length = 0;
    std::istringstream counts(site.get().body);
    std::ifstream memory("/proc/self/statm");
    Held all{};
    counts >> all.blocks >> all.references;
    memory >> all.pages >> all.pages;  // the second number: resident
    return all;
  };
  const auto serve = [&](int requests) {
    for (int i = 0; i < requests; ++i) {
      site.environ = {{"PATH_INFO", "/"}, {"HTTP_KIND", std::to_string(i % 6)}, {"HTTP_COOKIE", std::to_string(i)}};
      site.post("a\nb" + std::to_string(i));
    }
  };
  for (const char* interpreter : {"", "sub"}) {
    site.interpreter = interpreter;
    serve(3000);
    std::string grown;
    bool steady = false;
    for (int round = 0; round < 3 && !steady; ++round) {
      const Held before = held();
      serve(count / 2);
      const Held after = held();
      const Held more{after.blocks - before.blocks, after.references - before.references, after.pages - before.pages};
      grown += "blocks " + std::to_string(more.blocks) + ", references " + std::to_string(more.references) +
               ", pages " + std::to_string(more.pages) + "; ";
      steady = more.blocks < 200 && more.references < 200 && more.pages < 256;
    }
    CHECK_TEXT(steady, grown.c_str());
    if (std::getenv("GATEHOUSE_LONG") != nullptr) UT_PRINT(grown.c_str());
  }
}

TEST(Threads, threads_that_come_and_go_leave_nothing_behind) {
  site.application(
      "start_response('200 OK', [])\n__import__('gc').collect()\n"
      "return [repr(__import__('sys').getallocatedblocks()).encode()]");
  site.interpreter = "sub";
  const auto serve = [&](int count) {
    for (int i = 0; i < count; ++i) in_threads(1, [&](int) { site.get(); });
    return std::stol(site.get().body);
  };
  std::string grown;
  long least = 200;
  for (int round = 0; round < 3 && least >= 200; ++round) {
    const long before = serve(50);
    const long more = serve(500) - before;
    grown += " " + std::to_string(more);
    least = std::min(least, more);
  }
  CHECK_TEXT(least < 200, ("blocks grew by" + grown).c_str());
}
