// SPDX-License-Identifier: Apache-2.0

// Requests that are stopped from outside, and what is told of threads that hang.

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <string>
#include <thread>

#include "tests/engine/fake_host.h"
#include "tests/engine/scenarios.h"

#include <CppUTest/TestHarness.h>

using fake_host::Reply;
using fake_host::Site;

namespace {

void wait_a_little() { std::this_thread::sleep_for(std::chrono::milliseconds(1)); }

}  // namespace

TEST_GROUP(Interruption) {
  Site site;
  std::uint64_t next_number = 1000;
  std::atomic<bool> inside = true;  // the application is where it can be interrupted

  void setup() override { fake_host::take_host_log(); }

  // The reply of a request that is interrupted as soon as it can be.
  Reply interrupted() {
    const std::uint64_t number = site.number = ++next_number;
    Reply reply;
    std::atomic<bool> done = false;
    std::thread thread([&] {
      reply = site.get();
      fake_host::engine().end_thread();
      done = true;
    });
    while (!done && (!inside || fake_host::engine().interrupt(number) == 0)) wait_a_little();
    thread.join();
    fake_host::engine().end_thread();
    return reply;
  }
};

TEST(Interruption, a_request_without_a_head_is_504) {
  site.application("while True: pass");
  const Reply reply = interrupted();
  LONGS_EQUAL(GATEHOUSE_FAILED, reply.result);
  LONGS_EQUAL(504, reply.outcome_status);
  CHECK(reply.logged("mod_wsgi.RequestTimeout"));
}

TEST(Interruption, a_response_that_has_begun_is_cut) {
  site.application("start_response('200 OK', [])\nyield b'begun'\nwhile True: pass");
  const Reply reply = interrupted();
  LONGS_EQUAL(GATEHOUSE_TRUNCATED, reply.result);
}

TEST(Interruption, works_in_a_sub_interpreter) {
  site.interpreter = "interrupted";
  site.application("while True: pass");
  LONGS_EQUAL(504, interrupted().outcome_status);
}

TEST(Interruption, an_application_may_catch_it_and_answer) {
  inside = false;
  site.before_read = [this] { inside = true; };
  site.content_length = 1;
  site.body_pieces = {"x"};
  site.application(
      "import mod_wsgi\n"
      "try:\n"
      "    environ['wsgi.input'].read()\n"
      "    while True: pass\n"
      "except mod_wsgi.RequestTimeout as e: text = type(e).__name__\n"
      "start_response('200 OK', [])\n"
      "return [text.encode()]");
  STRCMP_EQUAL("RequestTimeout", interrupted().body.c_str());
}

TEST(Interruption, is_no_ordinary_exception) {
  inside = false;
  site.before_read = [this] { inside = true; };
  site.content_length = 1;
  site.body_pieces = {"x"};
  site.application(
      "try:\n"
      "    environ['wsgi.input'].read()\n"
      "    while True: pass\n"
      "except Exception: start_response('200 OK', [])\n"
      "return [b'caught']");
  LONGS_EQUAL(504, interrupted().outcome_status);
}

TEST(Interruption, close_is_called) {
  site.application(
      "class Result:\n"
      "    def __iter__(self): return self\n"
      "    def __next__(self):\n"
      "        while True: pass\n"
      "    def close(self): print('closed')\n"
      "start_response('200 OK', [])\n"
      "return Result()");
  const Reply reply = interrupted();
  LONGS_EQUAL(504, reply.outcome_status);
  CHECK(reply.logged("closed"));
}

TEST(Interruption, the_stack_of_the_thread_is_logged_first) {
  site.application("def deep_inside():\n    while True: pass\ndeep_inside()");
  const Reply reply = interrupted();
  CHECK(reply.logged("in deep_inside"));       // the exception's traceback
  if (fake_host::is_free_threading()) return;  // a thread that runs on has no stack to be looked at
  const auto lines = fake_host::take_host_log();
  CHECK(fake_host::contains(lines, "GH0670: thread "));
  CHECK(fake_host::contains(lines, "in deep_inside"));
}

TEST(Interruption, a_request_that_is_over_is_not_found) {
  site.application("start_response('200 OK', [])\nreturn [b'']");
  site.number = 77;
  site.get();
  LONGS_EQUAL(0, fake_host::engine().interrupt(77));
}

TEST(Interruption, a_request_without_a_number_cannot_be_interrupted) {
  LONGS_EQUAL(0, fake_host::engine().interrupt(0));
}

TEST(Interruption, never_lands_in_another_request) {
  // Short requests, and interruptions that come at any moment of them, often too late.
  site.application("import time\nstart_response('200 OK', [])\nfor i in range(5): time.sleep(0)\nreturn [b'whole']");
  Site victim;
  victim.application(
      "import time\nstart_response('200 OK', [])\nfor i in range(20): time.sleep(0)\nreturn [b'untouched']");
  std::atomic<std::uint64_t> current = 0;
  std::atomic<bool> done = false;
  int hit = 0, wrong = 0;
  std::thread thread([&] {
    const int races = std::getenv("GATEHOUSE_LONG") != nullptr ? 100'000 : 200;
    for (int i = 0; i < races || (hit == 0 && i < 20'000); ++i) {
      site.number = 1'000'000 + static_cast<std::uint64_t>(i);
      current = site.number;
      const Reply reply = site.get();
      hit += reply.result == GATEHOUSE_FAILED && reply.outcome_status == 504;
      wrong += victim.get().body != "untouched";
    }
    fake_host::engine().end_thread();
    done = true;
  });
  while (!done) fake_host::engine().interrupt(current);
  thread.join();
  fake_host::engine().end_thread();
  LONGS_EQUAL(0, wrong);
  CHECK_TEXT(hit > 0, "no request was ever interrupted");
}

TEST(Interruption, stacks_of_all_threads_are_told) {
  site.application(
      "import threading\n"
      "entered, go = threading.Event(), threading.Event()\n"
      "def waits_for_the_test(): entered.set(); go.wait()\n"
      "thread = threading.Thread(target=waits_for_the_test)\n"
      "thread.start()\n"
      "entered.wait()\n"
      "environ['wsgi.input'].read()\n"
      "go.set()\n"
      "thread.join()\n"
      "start_response('200 OK', [])\n"
      "return [b'']");
  site.before_read = [] {
    std::thread teller([] {
      fake_host::engine().stacks();
      fake_host::engine().end_thread();
    });
    teller.join();
  };
  site.post("x");
  CHECK(fake_host::contains(fake_host::take_host_log(), "in waits_for_the_test"));
}

TEST(Interruption, a_process_that_hangs_tells_its_stacks_too) {
  const fake_host::Printed printed = fake_host::in_own_process("stacks-of-hung");
  LONGS_EQUAL_TEXT(0, printed.status, printed.text.c_str());
  STRCMP_CONTAINS("GH0670: ", printed.text.c_str());
  STRCMP_CONTAINS("in never_returns", printed.text.c_str());
}

TEST(Interruption, a_probe_returns_while_nothing_hangs) {
  site.interpreter = "probed";
  site.application("start_response('200 OK', [])\nreturn [b'']");
  site.get();
  fake_host::engine().probe();
  fake_host::engine().end_thread();
}
