// SPDX-License-Identifier: Apache-2.0

// Threads that run Python at the same time: what the GIL kept apart has to be kept apart by us. The tests hold with a
// GIL as well; GATEHOUSE_FREE_THREADING=1 in the environment takes it away where the engine is of a free-threaded
// build.

#include <atomic>
#include <cstdio>
#include <functional>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "tests/engine/fake_host.h"

#include <CppUTest/TestHarness.h>

using fake_host::Reply;
using fake_host::Site;

namespace {

constexpr int kThreads = 8;

}  // namespace

TEST_GROUP(FreeThreading) {
  Site site;

  void setup() override { fake_host::take_host_log(); }

  // Each thread has a site of its own, which sends to the script of the common one.
  void in_threads(const std::function<void(Site&, int)>& work) {
    std::vector<std::thread> threads;
    std::atomic<int> ready = 0;
    for (int i = 0; i < kThreads; ++i)
      threads.emplace_back([&, i] {
        Site mine;
        mine.use_script_of(site);
        mine.thread_id = i + 1;
        ++ready;
        while (ready < kThreads) std::this_thread::yield();
        work(mine, i);
        fake_host::engine().end_thread();
      });
    for (std::thread& thread : threads) thread.join();
  }

  std::string text_of(std::string_view script) {
    site.application(script);
    const Reply reply = site.get();
    return reply.result == GATEHOUSE_COMPLETE ? reply.body : "(failed)";
  }
};

TEST(FreeThreading, the_gil_is_there_unless_it_is_off) {
  const std::string is_enabled = text_of(
      "import sys, ssl, json, sqlite3, decimal, zlib\n"
      "start_response('200 OK', [])\n"
      "return [str(getattr(sys, '_is_gil_enabled', lambda: True)()).encode()]");
  STRCMP_EQUAL(fake_host::is_free_threading() ? "False" : "True", is_enabled.c_str());
}

TEST(FreeThreading, environs_of_many_shapes_do_not_mix) {
  site.application(
      "start_response('200 OK', [])\n"
      "own = sorted((k, v) for k, v in environ.items() if k.startswith(('HTTP_', 'SERVER_', 'X_')))\n"
      "return ['\\n'.join(k + '=' + v for k, v in own).encode('latin-1')]");
  std::atomic<int> wrong = 0;
  in_threads([&](Site& mine, int thread) {
    for (int i = 0; i < 300; ++i) {
      std::map<std::string, std::string> wanted;
      wanted["SERVER_NAME"] = "host" + std::to_string(i % 3);  // a value that is kept
      wanted["HTTP_ID"] = std::to_string(thread) + "-" + std::to_string(i);
      for (int j = 0; j < i % 7; ++j) wanted["HTTP_A" + std::to_string((thread + j) % 9)] = std::to_string(i + j);
      if (i % 5 == 0) wanted["X_NEW_" + std::to_string(thread) + "_" + std::to_string(i)] = "\xe9";
      mine.environ.assign(wanted.begin(), wanted.end());
      mine.request_flags = i % 2 == 0 ? GATEHOUSE_MULTITHREAD : GATEHOUSE_MULTITHREAD | GATEHOUSE_HTTPS;
      std::string body;
      for (const auto& [name, value] : wanted)
        body.append(body.empty() ? "" : "\n").append(name).append("=").append(value);
      wrong += mine.get().body != body;
    }
  });
  LONGS_EQUAL(0, wrong);
}

TEST(FreeThreading, uploads_and_written_blocks_do_not_mix) {
  site.application(
      "write = start_response('200 OK', [('X-Id', environ['HTTP_ID'])])\n"
      "for line in environ['wsgi.input']: write(line)\n"
      "print(environ['HTTP_ID'], file=environ['wsgi.errors'])\n"
      "return [environ['HTTP_ID'].encode()]");
  std::atomic<int> wrong = 0;
  in_threads([&](Site& mine, int thread) {
    for (int i = 0; i < 100; ++i) {
      const std::string id = std::to_string(thread) + "-" + std::to_string(i);
      mine.environ = {{"HTTP_ID", id}};
      const std::string body = "first " + id + "\n" + std::string(10'000, 'x') + "\nlast\n";
      const Reply reply = mine.post(body);
      wrong += reply.body != body + id || reply.header("X-Id") != id || reply.log != std::vector<std::string>{id};
    }
  });
  LONGS_EQUAL(0, wrong);
}

TEST(FreeThreading, threads_of_a_request_share_its_objects_until_it_ends) {
  site.application(
      "import threading\n"
      "write = start_response('200 OK', [])\n"
      "source, errors, calls = environ['wsgi.input'], environ['wsgi.errors'], []\n"
      "def work():\n"
      "    try:\n"
      "        while True:\n"
      "            errors.write('ab\\ncd')\n"
      "            write(source.read(1) or b'.')\n"
      "            environ['gatehouse.client_disconnected']()\n"
      "            errors.flush()\n"
      "            start_response('200 OK', [('X-A', 'b')])\n"
      "    except (RuntimeError, AssertionError) as e: calls.append(type(e))\n"
      "threads = [threading.Thread(target=work) for _ in range(4)]\n"
      "for t in threads: t.start()\n"
      "return [b'x' * 100]");
  std::atomic<int> wrong = 0;
  in_threads([&](Site& mine, int) {
    for (int i = 0; i < 40; ++i) {
      const Reply reply = mine.post(std::string(200, 'y'));
      wrong += reply.result != GATEHOUSE_COMPLETE || reply.heads != 1;
      for (const std::string& line : reply.log) wrong += line.find_first_not_of("abcd") != std::string::npos;
    }
  });
  LONGS_EQUAL(0, wrong);
}

TEST(FreeThreading, threads_without_a_request_share_the_standard_streams) {
  site.application(
      "import sys, threading\n"
      "def work(n):\n"
      "    for _ in range(200): print('line', 'of', n)\n"
      "def flood(n):\n"
      "    for _ in range(200): sys.stdout.write('\\xe9' * 10 + '\\n')\n"
      "threads = [threading.Thread(target=f, args=(n,)) for n in range(4) for f in (work, flood)]\n"
      "for t in threads: t.start()\n"
      "for t in threads: t.join()\n"
      "start_response('200 OK', [])\n"
      "return [b'']");
  LONGS_EQUAL(GATEHOUSE_COMPLETE, site.get().result);
  std::size_t bytes = 0;
  for (const std::string& line : fake_host::take_host_log()) bytes += line.size();
  // Lines of several threads may run into each other, as on any stream; nothing is lost. é is two bytes.
  LONGS_EQUAL(4 * 200 * (std::string("line of 0").size() + 20), bytes);
}

TEST(FreeThreading, errors_are_logged_where_they_belong) {
  site.application("raise ValueError('of ' + environ['HTTP_ID'])");
  std::atomic<int> wrong = 0;
  in_threads([&](Site& mine, int thread) {
    for (int i = 0; i < 100; ++i) {
      const std::string id = std::to_string(thread) + "-" + std::to_string(i);
      mine.environ = {{"HTTP_ID", id}};
      const Reply reply = mine.get();
      wrong += reply.result != GATEHOUSE_FAILED || !reply.logged("ValueError: of " + id);
    }
  });
  LONGS_EQUAL(0, wrong);
}

TEST(FreeThreading, a_script_is_loaded_once_however_many_want_it) {
  site.script(
      "import time\n"
      "print('loaded')\n"
      "time.sleep(0.01)\n"
      "def application(environ, start_response):\n"
      "    start_response('200 OK', [])\n"
      "    return [b'served']\n");
  std::atomic<int> loads = 0, wrong = 0;
  in_threads([&](Site& mine, int) {
    const Reply reply = mine.get();
    wrong += reply.body != "served";
    loads += reply.logged("loaded") ? 1 : 0;
  });
  LONGS_EQUAL(0, wrong);
  LONGS_EQUAL(1, loads);
}

TEST(FreeThreading, a_script_that_changes_is_loaded_once_while_it_serves) {
  // Beside the script, so that it comes in its place whole.
  const auto write_version = [this](int number) {
    site.script_name = "next.wsgi";
    site.script(
        "print('loaded')\n"
        "def application(environ, start_response):\n"
        "    start_response('200 OK', [])\n"
        "    return [b'" +
        std::to_string(number) + "']\n");
    site.script_name = "app.wsgi";
    LONGS_EQUAL(0, std::rename(site.path("next.wsgi").c_str(), site.path("app.wsgi").c_str()));
  };
  constexpr int kVersions = 20;
  write_version(0);
  std::atomic<int> written = 0, loads = 0, wrong = 0;
  in_threads([&](Site& mine, int thread) {
    for (int version = 0; version < kVersions; version = written) {
      if (thread == 0) {
        write_version(version + 1);
        written = version + 1;
      }
      for (int i = 0; i < 5; ++i) {
        const int least = written;
        const Reply reply = mine.get();
        wrong += reply.result != GATEHOUSE_COMPLETE || std::stoi("0" + reply.body) < least;
        loads += reply.logged("loaded") ? 1 : 0;
      }
    }
  });
  LONGS_EQUAL(0, wrong);
  CHECK(loads >= 2 && loads <= kVersions + 1);
  STRCMP_EQUAL(std::to_string(kVersions).c_str(), site.get().body.c_str());
}

TEST(FreeThreading, a_timeout_stops_the_request_that_it_is_for_and_no_other) {
  site.application(
      "import mod_wsgi\n"
      "if environ['HTTP_KIND'] == 'slow':\n"
      "    while True: pass\n"
      "for _ in range(2000): pass\n"
      "start_response('200 OK', [])\n"
      "return [b'quick']");
  std::atomic<std::uint64_t> next = 500'000'000, slow_number = 0;
  std::atomic<bool> done = false;
  std::atomic<int> wrong = 0, stopped = 0;
  std::thread interrupter([&] {
    while (!done) {
      // Of those that are under way and of those that have just ended.
      for (std::uint64_t number = next, i = 0; i < 2 * kThreads; ++i)
        if ((number - i) % 10 == 0) fake_host::engine().interrupt(number - i);
      if (const std::uint64_t number = slow_number) fake_host::engine().interrupt(number);
    }
    fake_host::engine().end_thread();
  });
  in_threads([&](Site& mine, int thread) {
    for (int i = 0; i < 200; ++i) {
      const std::uint64_t number = mine.number = ++next;
      const bool is_slow = thread == 0 && i % 20 == 0;
      mine.environ = {{"HTTP_KIND", is_slow ? "slow" : "quick"}};
      if (is_slow) slow_number = number;
      const Reply reply = mine.get();
      if (is_slow) slow_number = 0;
      const bool was_stopped = reply.result == GATEHOUSE_FAILED && reply.outcome_status == 504;
      stopped += was_stopped;
      const bool may_be_stopped = is_slow || number % 10 == 0;
      wrong += was_stopped ? !may_be_stopped : (is_slow || reply.body != "quick");
    }
  });
  done = true;
  interrupter.join();
  LONGS_EQUAL(0, wrong);
  CHECK(stopped >= 10);
}

TEST(FreeThreading, metrics_count_every_request) {
  site.application(
      "import mod_wsgi\n"
      "mod_wsgi.start_recording_metrics()\n"
      "if environ['PATH_INFO'] == '/read':\n"
      "    m = mod_wsgi.request_metrics()\n"
      "    text = f\"{m['request_count']} {m['input_bytes']} {m['output_bytes']} {m['status_2xx']}\"\n"
      "    start_response('200 OK', [])\n"
      "    return [text.encode()]\n"
      "environ['wsgi.input'].read()\n"
      "start_response('200 OK', [])\n"
      "return [b'12345']");
  const auto read = [&] {
    site.environ = {{"PATH_INFO", "/read"}};
    site.content_length = 0;
    return site.get().body;
  };
  read();
  const std::size_t own = read().size();
  const std::string before = read();
  STRCMP_CONTAINS("1 0 ", before.c_str());
  CHECK(own > 0);
  in_threads([&](Site& mine, int) {
    for (int i = 0; i < 200; ++i) {
      mine.environ = {{"PATH_INFO", "/"}};
      mine.post("abc");
    }
  });
  constexpr int kAll = kThreads * 200;
  // And the request that read before.
  const std::string wanted = std::to_string(kAll + 1) + " " + std::to_string(kAll * 3) + " " +
                             std::to_string(kAll * 5 + static_cast<int>(before.size())) + " " +
                             std::to_string(kAll + 1);
  STRCMP_EQUAL(wanted.c_str(), read().c_str());
}

TEST(FreeThreading, subscribers_hear_of_every_request) {
  site.script(
      "import mod_wsgi\n"
      "heard = []\n"
      "@mod_wsgi.subscribe_events\n"
      "def hear(name, **payload): heard.append((name, payload.get('status')))\n"
      "def application(environ, start_response):\n"
      "    if environ['PATH_INFO'] == '/end': mod_wsgi.event_callbacks.remove(hear)\n"
      "    started = len([n for n, s in heard if n == 'request_started'])\n"
      "    finished = len([n for n, s in heard if n == 'request_finished' and s == 200])\n"
      "    start_response('200 OK', [])\n"
      "    return [f'{started} {finished}'.encode()]\n");
  STRCMP_EQUAL("1 0", site.get().body.c_str());
  in_threads([&](Site& mine, int) {
    for (int i = 0; i < 50; ++i) mine.get();
  });
  site.environ = {{"PATH_INFO", "/end"}};
  STRCMP_EQUAL("402 401", site.get().body.c_str());
}

TEST(FreeThreading, requests_in_sub_interpreters_do_not_mix_either) {
  site.application(
      "start_response('200 OK', [])\n"
      "return [(environ['HTTP_ID'] + __import__('mod_wsgi').application_group).encode()]");
  std::atomic<int> wrong = 0;
  in_threads([&](Site& mine, int thread) {
    mine.interpreter = mine.application_group = thread % 2 == 0 ? "free-even" : "free-odd";
    for (int i = 0; i < 100; ++i) {
      mine.environ = {{"HTTP_ID", std::to_string(i)}};
      wrong += mine.get().body != std::to_string(i) + mine.interpreter;
    }
  });
  LONGS_EQUAL(0, wrong);
}
