// SPDX-License-Identifier: Apache-2.0

// Loading scripts, noticing changes, and scripts that cannot be loaded.

#include <sys/stat.h>

#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "tests/engine/fake_host.h"

#include <CppUTest/TestHarness.h>

using fake_host::Reply;
using fake_host::Site;

TEST_GROUP(Script) {
  Site site;

  void answering(const std::string& word) {
    site.application("start_response('200 OK', [])\nreturn [b'" + word + "']");
  }
  Reply failing(const std::string& text) {
    site.script(text);
    return site.get();
  }
  int lines_with(const Reply& reply, std::string_view part) {
    int count = 0;
    for (const std::string& line : reply.log) count += line.find(part) != std::string::npos;
    return count;
  }
};

TEST(Script, has_a_synthetic_name_and_its_file) {
  site.script(
      "def application(environ, start_response):\n  start_response('200 OK', [])\n"
      "  return [repr((__name__[:10], len(__name__), __file__, __name__ in __import__('sys').modules, "
      "__mtime__)).encode()]\n");
  STRCMP_EQUAL(("('_mod_wsgi_', 42, '" + site.path("app.wsgi") + "', True, 1700000001000000)").c_str(),
               site.get().body.c_str());
}

TEST(Script, is_named_by_the_md5_of_its_path) {
  site.script(
      "import hashlib\ndef application(environ, start_response):\n  start_response('200 OK', [])\n"
      "  return [repr(__name__[10:] == hashlib.md5(__file__.encode()).hexdigest()).encode()]\n");
  STRCMP_EQUAL("True", site.get().body.c_str());
}

TEST(Script, is_loaded_once) {
  site.script(
      "count = 0\ndef application(environ, start_response):\n  global count\n  count += 1\n"
      "  start_response('200 OK', [])\n  return [b'%d' % count]\n");
  site.get();
  STRCMP_EQUAL("2", site.get().body.c_str());
}

TEST(Script, honours_its_coding_line) {
  site.script(
      "# -*- coding: latin-1 -*-\nword = '\xe9'\ndef application(environ, start_response):\n"
      "  start_response('200 OK', [])\n  return [word.encode('utf-8')]\n");
  STRCMP_EQUAL("\xc3\xa9", site.get().body.c_str());
}

TEST(Script, another_callable_can_be_named) {
  site.script("def other(environ, start_response):\n  start_response('200 OK', [])\n  return [b'other']\n");
  site.callable = "other";
  STRCMP_EQUAL("other", site.get().body.c_str());
}

TEST(Script, a_change_is_ignored_without_reloading) {
  site.target_flags = 0;
  answering("one");
  site.get();
  answering("two");
  STRCMP_EQUAL("one", site.get().body.c_str());
}

TEST(Script, a_change_is_loaded_with_reloading) {
  answering("one");
  STRCMP_EQUAL("one", site.get().body.c_str());
  answering("two");
  const Reply reply = site.get();
  STRCMP_EQUAL("two", reply.body.c_str());
  CHECK(fake_host::contains(reply.notes, "GH0607: reloading script"));
  LONGS_EQUAL(0, site.get().notes.size());
}

TEST(Script, a_change_is_declined_and_nothing_touched) {
  site.target_flags = GATEHOUSE_RELOAD | GATEHOUSE_DECLINE_STALE;
  answering("one");
  LONGS_EQUAL(GATEHOUSE_COMPLETE, site.get().result);
  answering("two");
  const Reply reply = site.get();
  LONGS_EQUAL(GATEHOUSE_DECLINED, reply.result);
  LONGS_EQUAL(0, reply.steps.size());
  LONGS_EQUAL(0, reply.log.size());
  site.target_flags = 0;
  STRCMP_EQUAL("one", site.get().body.c_str());
}

TEST(Script, the_hosts_time_spares_a_look_at_the_file) {
  answering("one");
  site.get();
  answering("two");
  site.mtime_us = 1'700'000'001'000'000;  // of the first: the host saw no change
  STRCMP_EQUAL("one", site.get().body.c_str());
  site.mtime_us = 1'700'000'002'000'000;
  STRCMP_EQUAL("two", site.get().body.c_str());
}

TEST(Script, a_time_older_than_what_is_loaded_is_no_change) {
  site.target_flags = GATEHOUSE_RELOAD | GATEHOUSE_DECLINE_STALE;
  answering("one");
  answering("two");
  site.get();
  site.mtime_us = 1'700'000'001'000'000;  // the request waited while the file changed
  LONGS_EQUAL(GATEHOUSE_COMPLETE, site.get().result);
}

TEST(Script, reload_required_is_asked_with_the_path) {
  site.script(
      "calls = []\ndef reload_required(path):\n  print('asked', path)\n  return len(calls) > 1\n"
      "def application(environ, start_response):\n  calls.append(1)\n  start_response('200 OK', [])\n"
      "  return [b'%d' % len(calls)]\n");
  STRCMP_EQUAL("1", site.get().body.c_str());
  const Reply second = site.get();
  STRCMP_EQUAL("2", second.body.c_str());
  CHECK(second.logged("asked " + site.path("app.wsgi")));
  STRCMP_EQUAL("1", site.get().body.c_str());
}

TEST(Script, an_exception_in_reload_required_is_logged_and_ignored) {
  site.script(
      "def reload_required(path): 1 / 0\n"
      "def application(environ, start_response):\n  start_response('200 OK', [])\n  return [b'']\n");
  site.get();
  const Reply reply = site.get();
  LONGS_EQUAL(GATEHOUSE_COMPLETE, reply.result);
  CHECK(reply.logged("GH0608: "));
}

TEST(Script, a_syntax_error_is_500_with_file_and_line) {
  const Reply reply = failing("x = 1\nif:\n");
  LONGS_EQUAL(GATEHOUSE_FAILED, reply.result);
  LONGS_EQUAL(500, reply.outcome_status);
  LONGS_EQUAL(0, reply.count("entered"));
  CHECK(reply.logged("GH0603: script " + site.path("app.wsgi") + " (interpreter '') does not compile: correct " +
                     site.path("app.wsgi") + " line 2: SyntaxError"));
}

TEST(Script, a_null_byte_is_500) { LONGS_EQUAL(GATEHOUSE_FAILED, failing(std::string("x = 1\n\0y", 8)).result); }

TEST(Script, an_exception_at_import_is_500_with_its_traceback_each_time) {
  for (int i = 0; i < 2; ++i) {
    const Reply reply = failing("def broken():\n  raise ValueError('at import')\nbroken()\n");
    LONGS_EQUAL(GATEHOUSE_FAILED, reply.result);
    CHECK(reply.logged("GH0604: script " + site.path("app.wsgi")));
    LONGS_EQUAL(1, lines_with(reply, "Traceback (most recent call last)"));
    CHECK(reply.logged("raise ValueError('at import')"));
  }
}

TEST(Script, a_missing_module_is_500_with_the_search_path) {
  const Reply reply = failing("import no_such_module_here\n");
  CHECK(reply.logged("needs a module that is not on sys.path, which is ['"));
  CHECK(reply.logged("ModuleNotFoundError: No module named 'no_such_module_here'"));
}

TEST(Script, sys_exit_at_import_is_500) {
  const Reply reply = failing("import sys\nsys.exit(0)\n");
  LONGS_EQUAL(GATEHOUSE_FAILED, reply.result);
  CHECK(reply.logged("GH0605: "));
}

TEST(Script, a_failed_import_leaves_nothing_and_is_tried_again) {
  failing("import sys\nleft = 1\n1 / 0\n");
  site.script(
      "import sys\ndef application(environ, start_response):\n  start_response('200 OK', [])\n"
      "  return [repr('left' in globals()).encode()]\n");
  STRCMP_EQUAL("False", site.get().body.c_str());
}

TEST(Script, a_failed_reload_serves_nothing_old) {
  answering("one");
  site.get();
  LONGS_EQUAL(GATEHOUSE_FAILED, failing("1 / 0\n").result);
  answering("three");
  STRCMP_EQUAL("three", site.get().body.c_str());
}

TEST(Script, an_extension_that_refuses_the_interpreter_is_named) {
  const Reply reply = failing("raise ImportError('module _x does not support loading in subinterpreters')\n");
  CHECK(
      reply.logged("GH0604: script " + site.path("app.wsgi") + " (interpreter '') needs extension module _x, which "));
}

TEST(Script, the_cause_of_a_failed_import_is_looked_for_behind_the_exception) {
  const Reply reply = failing(
      "try:\n  raise ImportError('cannot load module more than once per process')\n"
      "except ImportError as error:\n  raise ImportError('please read this') from error\n");
  CHECK(reply.logged("needs an extension module, which another interpreter of this process has loaded"));
}

TEST(Script, a_missing_callable_is_500_and_names_those_there_are) {
  const Reply reply = failing("import sys\ndef app(e, s): pass\ndef _hidden(): pass\nclass Other: pass\nnumber = 3\n");
  LONGS_EQUAL(GATEHOUSE_FAILED, reply.result);
  LONGS_EQUAL(500, reply.outcome_status);
  CHECK(reply.logged("GH0606: script " + site.path("app.wsgi") +
                     " has no callable 'application'; it defines app, Other; "));
  CHECK(failing("application = 3\n").logged("has 'application', but it is no callable: it is of type int"));
}

TEST(Script, a_missing_file_is_500) {
  site.script_name = "nothing.wsgi";
  const Reply reply = site.get();
  LONGS_EQUAL(GATEHOUSE_FAILED, reply.result);
  CHECK(reply.logged("GH0602: script " + site.path("nothing.wsgi") + " cannot be read: No such file or directory"));
}

TEST(Script, what_it_prints_while_it_is_loaded_is_logged) {
  CHECK(failing("print('loading', end='')\n").logged("loading"));
}

TEST(Script, can_be_loaded_ahead) {
  answering("one");
  gatehouse_error error = {};
  LONGS_EQUAL(0, site.load(&error));
  LONGS_EQUAL(0, site.get().notes.size());
}

TEST(Script, loading_ahead_tells_what_is_wrong) {
  site.script("raise ValueError('no')\n");
  fake_host::take_host_log();
  gatehouse_error error = {};
  LONGS_EQUAL(-1, site.load(&error));
  STRCMP_CONTAINS("ValueError: no", error.text);
  STRCMP_CONTAINS(site.path("app.wsgi").c_str(), error.text);
  CHECK(fake_host::contains(fake_host::take_host_log(), "raise ValueError('no')"));
}

TEST(Script, a_slow_import_does_not_hold_up_another_script) {
  site.script("import time\ntime.sleep(1)\ndef application(e, s): s('200 OK', [])\n");
  Site other;
  other.application("start_response('200 OK', [])\nreturn [b'quick']");
  std::atomic<bool> slow_done = false;
  std::thread slow([&] {
    site.get();
    slow_done = true;
    fake_host::engine().end_thread();
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  STRCMP_EQUAL("quick", other.get().body.c_str());
  CHECK(!slow_done);
  slow.join();
}

TEST(Script, threads_share_one_import) {
  site.script(
      "import time\ntime.sleep(0.3)\nprint('imported')\ndef application(e, s):\n  s('200 OK', [])\n  return [b'x']\n");
  std::atomic<int> imports = 0, served = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i)
    threads.emplace_back([&] {
      const Reply reply = site.get();
      imports += reply.logged("imported");
      served += reply.body == "x";
      fake_host::engine().end_thread();
    });
  for (std::thread& thread : threads) thread.join();
  LONGS_EQUAL(1, imports);
  LONGS_EQUAL(8, served);
}

TEST(Script, threads_share_one_failure) {
  site.script("import time\ntime.sleep(0.3)\n1 / 0\n");
  std::atomic<int> tracebacks = 0, failed = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i)
    threads.emplace_back([&] {
      const Reply reply = site.get();
      tracebacks += reply.logged("Traceback");
      failed += reply.result == GATEHOUSE_FAILED;
      fake_host::engine().end_thread();
    });
  for (std::thread& thread : threads) thread.join();
  LONGS_EQUAL(1, tracebacks);
  LONGS_EQUAL(8, failed);
}
