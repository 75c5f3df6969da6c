// SPDX-License-Identifier: Apache-2.0

// What subscribers of mod_wsgi's events are told.

#include <csignal>
#include <string>

#include "tests/engine/fake_host.h"
#include "tests/engine/scenarios.h"

#include <CppUTest/TestHarness.h>

using fake_host::Reply;
using fake_host::Site;
using fake_host::take_host_log;

TEST_GROUP(Events) {
  Site site;

  void setup() override { take_host_log(); }
  void teardown() override {
    execute("for l in mod_wsgi.event_callbacks, mod_wsgi.shutdown_callbacks, mod_wsgi.signal_callbacks: l.clear()");
  }
  // Statements of an application, which may give `answer`.
  Reply execute(const std::string& statements) {
    site.application("import mod_wsgi\nanswer = ''\n" + statements +
                     "\nstart_response('200 OK', [])\nreturn [str(answer).encode()]");
    return site.get();
  }
};

TEST(Events, a_subscription_gives_its_callback_back) {
  STRCMP_EQUAL("[True, True, True]",
               execute("f = lambda name, **kw: None\n"
                       "answer = [s(f) is f for s in (mod_wsgi.subscribe_events, mod_wsgi.subscribe_shutdown, "
                       "mod_wsgi.subscribe_signals)]")
                   .body.c_str());
}

TEST(Events, only_what_can_be_called_may_subscribe) {
  STRCMP_EQUAL("a subscriber must be callable, not int",
               execute("try: mod_wsgi.subscribe_events(3)\nexcept TypeError as e: answer = e").body.c_str());
}

TEST(Events, signals_reach_both_kinds_of_subscribers) {
  execute(
      "seen = mod_wsgi.seen = []\n"
      "mod_wsgi.subscribe_events(lambda name, **kw: seen.append(('all', name, kw)))\n"
      "mod_wsgi.subscribe_signals(lambda name, **kw: seen.append(('own', name, kw)))");
  fake_host::engine().publish_signal(SIGUSR2);
  const Reply reply = execute("answer = [s for s in mod_wsgi.seen if s[1] == 'process_signal']");
  STRCMP_EQUAL(
      "[('all', 'process_signal', {'signame': 'SIGUSR2', 'signum': 12}), "
      "('own', 'process_signal', {'signame': 'SIGUSR2', 'signum': 12})]",
      reply.body.c_str());
}

TEST(Events, each_interpreter_has_subscribers_of_its_own) {
  execute("mod_wsgi.subscribe_signals(lambda name, **kw: None)");
  site.interpreter = "other";
  STRCMP_EQUAL("0", execute("answer = len(mod_wsgi.signal_callbacks)").body.c_str());
  site.interpreter = "";
}

TEST(Events, a_returned_dict_is_merged_for_those_who_come_later) {
  execute(
      "mod_wsgi.subscribe_signals(lambda name, **kw: {'signum': 1, 'more': 2})\n"
      "mod_wsgi.subscribe_signals(lambda name, **kw: setattr(mod_wsgi, 'seen', kw))");
  fake_host::engine().publish_signal(SIGHUP);
  STRCMP_EQUAL("{'signame': 'SIGHUP', 'signum': 1, 'more': 2}", execute("answer = mod_wsgi.seen").body.c_str());
}

TEST(Events, an_exception_of_a_subscriber_is_logged_and_ignored) {
  execute(
      "def bad(name, **kw): raise SystemExit('no')\n"
      "mod_wsgi.subscribe_signals(bad)\n"
      "mod_wsgi.subscribe_signals(lambda name, **kw: setattr(mod_wsgi, 'seen', name))");
  fake_host::engine().publish_signal(SIGHUP);
  const auto log = take_host_log();
  CHECK(fake_host::contains(log, "GH0640: a subscriber of event process_signal, <function application.<locals>.bad"));
  CHECK(fake_host::contains(log, "SystemExit: no"));
  STRCMP_EQUAL("process_signal", execute("answer = mod_wsgi.seen").body.c_str());
}

TEST(Events, the_stop_of_the_process_is_told_in_every_interpreter) {
  const fake_host::Printed printed = fake_host::in_own_process("stop-events");
  LONGS_EQUAL_TEXT(0, printed.status, printed.text.c_str());
  STRCMP_EQUAL(
      "events sub process_stopping {'shutdown_reason': 'maximum_requests'}\n"
      "shutdown sub process_stopping {'shutdown_reason': 'maximum_requests'}\n"
      "atexit sub\n"
      "events main process_stopping {'shutdown_reason': 'maximum_requests'}\n"
      "shutdown main process_stopping {'shutdown_reason': 'maximum_requests'}\n"
      "atexit main\n",
      printed.text.c_str());
}

TEST(Events, signals_that_never_come_are_told_of) {
  const fake_host::Printed printed = fake_host::in_own_process("embedded-signals");
  STRCMP_CONTAINS("GH0641: mod_wsgi.subscribe_signals(<built-in function print>) has no effect here",
                  printed.text.c_str());
  STRCMP_CONTAINS("0 subscribers", printed.text.c_str());
}

TEST(Events, a_request_is_told_of_from_start_to_end) {
  site.environ = {{"REQUEST_METHOD", "POST"}, {"mod_wsgi.request_id", "id1"}, {"mod_wsgi.server_pid", "77"}};
  site.script(
      "import mod_wsgi\n"
      "seen = mod_wsgi.seen = []\n"
      "mod_wsgi.subscribe_events(lambda name, **kw: seen.append((name, kw)))\n"
      "def application(environ, start_response):\n"
      "    mod_wsgi.request_data()['mine'] = mod_wsgi.active_requests['id1'] is mod_wsgi.request_data()\n"
      "    environ['wsgi.input'].read()\n"
      "    start_response('404 Not Found', [('A', 'b')])\n"
      "    yield b'abc'\n"
      "    yield b'de'\n");
  site.get();
  site.post("12345");
  site.content_length = 0;
  site.body_pieces.clear();
  // The first request subscribed; the second one's are of interest.
  const Reply reply = execute(
      "seen = mod_wsgi.seen[:]\n"
      "start = max(i for i, e in enumerate(seen[:-1]) if e[0] == 'request_started')\n"
      "(a, started), (b, response), (c, finished) = seen[start:start + 3]\n"
      "answer = [a, b, c, started['thread_id'], started['server_pid'], started['request_start'],\n"
      "  started['daemon_connects'], started['daemon_restarts'], started['callable_object'],\n"
      "  started['request_environ']['REQUEST_METHOD'], started['application_object'].__name__,\n"
      "  response['response_status'], response['response_headers'], response['exception_info'],\n"
      "  finished['request_id'], finished['input_length'], finished['input_reads'], finished['output_length'],\n"
      "  finished['output_writes'], finished['status'], finished['request_data'],\n"
      "  finished['application_finish'] >= started['application_start'] > 1e9, finished['cpu_time'] >= 0,\n"
      "  sorted(finished)]");
  STRCMP_EQUAL(
      "['request_started', 'response_started', 'request_finished', 7, 77, 1.5, 2, 1, 'application', 'POST', "
      "'application', '404 Not Found', [('A', 'b')], None, 'id1', 5, 1, 5, 2, 404, {'mine': True}, True, True, "
      "['application_finish', 'application_start', 'application_time', 'cpu_system_time', 'cpu_time', "
      "'cpu_user_time', 'daemon_start', 'gil_wait_count', 'gil_wait_time', 'input_length', 'input_reads', "
      "'input_time', 'output_length', 'output_time', 'output_writes', 'queue_start', 'request_data', 'request_id', "
      "'request_start', 'server_pid', 'status', 'thread_id']]",
      reply.body.c_str());
}

TEST(Events, a_subscriber_may_replace_the_application) {
  execute(
      "def other(environ, start_response):\n"
      "    start_response('200 OK', [])\n"
      "    return [b'other']\n"
      "def replace(name, **kw):\n"
      "    if name != 'request_started': return\n"
      "    mod_wsgi.event_callbacks.remove(replace)\n"
      "    return {'application_object': other}\n"
      "mod_wsgi.subscribe_events(replace)");
  STRCMP_EQUAL("other", execute("answer = 'own'").body.c_str());
}

TEST(Events, an_exception_of_the_application_is_told) {
  execute(
      "def keep(name, **kw):\n"
      "    if name == 'request_exception': mod_wsgi.seen = kw['exception_info']\n"
      "    if name == 'request_finished': mod_wsgi.status = kw['status']\n"
      "mod_wsgi.subscribe_events(keep)");
  execute("raise ValueError('bad')");
  STRCMP_EQUAL("ValueError bad traceback 500",
               execute("t, v, tb = mod_wsgi.seen\n"
                       "answer = f'{t.__name__} {v} {type(tb).__name__} {mod_wsgi.status}'")
                   .body.c_str());
}

TEST(Events, active_requests_are_those_under_way) {
  site.environ = {{"mod_wsgi.request_id", "id2"}};
  STRCMP_EQUAL("{'id2': {'a': 1}}",
               execute("mod_wsgi.request_data()['a'] = 1\nanswer = dict(mod_wsgi.active_requests)").body.c_str());
  site.environ = {};
  STRCMP_EQUAL("{}", execute("answer = mod_wsgi.active_requests").body.c_str());
}

TEST(Events, there_is_no_request_data_outside_of_requests) {
  STRCMP_EQUAL("no active request in this thread", execute("import threading\n"
                                                           "said = []\n"
                                                           "def ask():\n"
                                                           "    try: mod_wsgi.request_data()\n"
                                                           "    except RuntimeError as e: said.append(str(e))\n"
                                                           "t = threading.Thread(target=ask); t.start(); t.join()\n"
                                                           "answer = said[0]")
                                                       .body.c_str());
}

TEST(Events, a_request_timeout_is_answered_with_504) {
  const Reply reply = execute("raise mod_wsgi.RequestTimeout('too long')");
  LONGS_EQUAL(GATEHOUSE_FAILED, reply.result);
  LONGS_EQUAL(504, reply.outcome_status);
  STRCMP_EQUAL("(<class 'BaseException'>,)", execute("answer = mod_wsgi.RequestTimeout.__bases__").body.c_str());
}
