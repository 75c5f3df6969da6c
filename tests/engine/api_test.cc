// SPDX-License-Identifier: Apache-2.0

// The names of modules mod_wsgi and apache, and what of environ speaks with the client.

#include <string>

#include "tests/engine/fake_host.h"
#include "tests/engine/scenarios.h"

#include <CppUTest/TestHarness.h>

using fake_host::Reply;
using fake_host::Site;

TEST_GROUP(Api) {
  Site site;

  Reply execute(const std::string& statements) {
    site.application("import apache, mod_wsgi\nanswer = ''\n" + statements +
                     "\nstart_response('200 OK', [])\nreturn [str(answer).encode()]");
    return site.get();
  }
  void says(const char* expected, const std::string& statements) {
    const Reply reply = execute(statements);
    STRCMP_EQUAL_TEXT(expected, reply.body.c_str(), reply.log.empty() ? "" : reply.log.back().c_str());
  }
};

TEST(Api, mod_wsgi_has_its_names) {
  says(
      "FileWrapper LogHandler RequestTimeout active_requests application_group event_callbacks maximum_processes "
      "process_group process_metrics request_data request_metrics server_metrics shutdown_callbacks signal_callbacks "
      "start_recording_metrics subscribe_events subscribe_fork subscribe_shutdown subscribe_signals "
      "threads_per_process version",
      "answer = ' '.join(n for n in dir(mod_wsgi) if not n.startswith('_') and n not in ('seen', 'status'))");
}

TEST(Api, apache_tells_of_the_httpd_that_serves) {
  says("(2, 4, 62) Apache/2.4.62 (Unix) event Jul 1 2025 16 25",
       "answer = ' '.join(map(str, (apache.version, apache.description, apache.mpm_name, apache.build_date,\n"
       "  apache.maximum_processes, apache.threads_per_process)))");
}

TEST(Api, mod_wsgi_tells_of_the_process) {
  says("(6, 0, 5) test-group group 2 5",
       "answer = ' '.join(map(str, (mod_wsgi.version, mod_wsgi.process_group, mod_wsgi.application_group,\n"
       "  mod_wsgi.maximum_processes, mod_wsgi.threads_per_process)))");
}

TEST(Api, an_unknown_name_is_an_attribute_error) {
  says("module 'mod_wsgi' has no attribute 'nothing'", "try: mod_wsgi.nothing\nexcept AttributeError as e: answer = e");
}

TEST(Api, an_installed_package_lends_its_submodules) {
  const fake_host::Printed printed = fake_host::in_own_process("companion-package");
  STRCMP_EQUAL("main (6, 0, 5) from the package\nsub (6, 0, 5) from the package\n", printed.text.c_str());
}

TEST(Api, log_records_have_the_level_of_their_own) {
  const Reply reply = execute(
      "import logging\n"
      "log = logging.getLogger('t'); log.propagate = False; log.setLevel(1)\n"
      "log.handlers[:] = [mod_wsgi.LogHandler()]\n"
      "for level in 10, 20, 30, 40, 50: log.log(level, 'level %d\\nsecond', level)");
  CHECK(reply.logged("level 30"));
  CHECK(reply.logged("level 50"));
  CHECK_FALSE(reply.logged("level 20"));
  CHECK(fake_host::contains(reply.notes, "level 20"));
  CHECK(fake_host::contains(reply.notes, "second"));
}

TEST(Api, each_line_of_a_record_tells_where_it_comes_from) {
  const Reply reply = execute(
      "import logging\n"
      "log = logging.getLogger('w'); log.propagate = False; log.handlers[:] = [mod_wsgi.LogHandler()]\n"
      "exec(compile('\\n\\nlog.error(\"one\\\\ntwo\")', '/srv/views.py', 'exec'))\n"
      "print('no record')");
  CHECK(reply.places == (std::vector<std::string>{"/srv/views.py:3", "/srv/views.py:3", ""}));
}

TEST(Api, a_record_that_nobody_wrote_has_no_place) {
  const Reply reply = execute(
      "import logging\n"
      "for told in {}, {'pathname': None}, {'pathname': 1, 'lineno': 'x'}, {'pathname': 'a.py', 'lineno': 1 << 70}:\n"
      "    mod_wsgi.LogHandler().handle(logging.makeLogRecord({'levelno': 40, 'msg': 'made', **told}))");
  LONGS_EQUAL(4, reply.log.size());
  CHECK(reply.places == (std::vector<std::string>{"", "", "", "a.py:0"}));
}

TEST(Api, what_log_level_drops_is_not_formatted) {
  site.log_level = GATEHOUSE_LOG_WARNING;
  const Reply reply = execute(
      "import logging\n"
      "class Loud:\n"
      "    def __str__(self): raise AssertionError('formatted')\n"
      "log = logging.getLogger('u'); log.propagate = False; log.setLevel(1)\n"
      "log.handlers[:] = [mod_wsgi.LogHandler()]\n"
      "log.info('%s', Loud())\n"
      "log.warning('kept')");
  LONGS_EQUAL(1, reply.log.size());
  STRCMP_EQUAL("kept", reply.log[0].c_str());
}

TEST(Api, a_record_that_cannot_be_formatted_goes_to_handle_error) {
  says("['handled ZeroDivisionError']",
       "import logging, sys\n"
       "said = []\n"
       "class Handler(mod_wsgi.LogHandler):\n"
       "    def handleError(self, record): said.append('handled ' + sys.exc_info()[0].__name__)\n"
       "class Bad:\n"
       "    def __str__(self): 1 / 0\n"
       "log = logging.getLogger('v'); log.propagate = False; log.handlers[:] = [Handler()]\n"
       "log.error('%s', Bad())\n"
       "answer = said");
}

TEST(Api, log_handler_is_a_class_like_any_other) {
  says("True mod_wsgi.LogHandler True",
       "import logging, mod_wsgi\n"
       "from mod_wsgi import LogHandler\n"
       "answer = (f'{issubclass(LogHandler, logging.Handler)} {LogHandler.__module__}.{LogHandler.__qualname__} '\n"
       "          f'{LogHandler is mod_wsgi.LogHandler}')");
}

TEST(Api, early_hints_are_sent_before_the_head) {
  const Reply reply = execute("environ['wsgi.early_hints']([('Link', '</a.css>; rel=preload'), ('X-A', 'b')])");
  LONGS_EQUAL(1, reply.interims.size());
  STRCMP_EQUAL("103 Link: </a.css>; rel=preload, X-A: b", reply.interims[0].c_str());
  CHECK(reply.steps[1] == "interim");
  LONGS_EQUAL(GATEHOUSE_COMPLETE, reply.result);
}

TEST(Api, the_rules_for_headers_hold_for_hints) {
  for (const char* bad : {"[('A', 'b\\r\\nC: d')]", "[('', 'x')]", "[('Connection', 'close')]",
                          "[('Content-Length', '3')]", "[('A', 1)]", "'Link'", "[('A',)]"}) {
    const Reply reply = execute("try: environ['wsgi.early_hints'](" + std::string(bad) +
                                ")\nexcept (TypeError, ValueError): answer = 'refused'");
    STRCMP_EQUAL_TEXT("refused", reply.body.c_str(), bad);
    LONGS_EQUAL(0, reply.interims.size());
  }
}

TEST(Api, nothing_is_hinted_after_the_head) {
  site.application(
      "write = start_response('200 OK', [])\n"
      "write(b'x')\n"
      "try: environ['wsgi.early_hints']([])\n"
      "except RuntimeError as e: write(str(e).encode())\n"
      "return []");
  const Reply reply = site.get();
  STRCMP_EQUAL("xwsgi.early_hints() after the response has begun", reply.body.c_str());
  LONGS_EQUAL(0, reply.interims.size());
}

TEST(Api, hints_to_a_client_that_is_gone_raise_an_os_error) {
  site.gone_at_interim = true;
  const Reply reply = execute("environ['wsgi.early_hints']([])");
  LONGS_EQUAL(GATEHOUSE_ABORTED, reply.result);
  LONGS_EQUAL(0, reply.log.size());
}

TEST(Api, applications_can_ask_whether_the_client_is_gone) {
  says("False", "answer = environ['gatehouse.client_disconnected']()");
  site.client_gone = true;
  says("True", "answer = environ['gatehouse.client_disconnected']()");
}

TEST(Api, both_callables_end_with_their_request) {
  execute("import builtins\nbuiltins.kept = [environ['wsgi.early_hints'], environ['gatehouse.client_disconnected']]");
  says("wsgi.early_hints() after its request has ended gatehouse.client_disconnected() after its request has ended",
       "said = []\n"
       "for call, arguments in zip(kept, (([],), ())):\n"
       "    try: call(*arguments)\n"
       "    except RuntimeError as e: said.append(str(e))\n"
       "answer = ' '.join(said)");
}

TEST(Api, a_host_without_them_has_none) {
  site.knows_client = false;
  says("False False", "answer = f\"{'wsgi.early_hints' in environ} {'gatehouse.client_disconnected' in environ}\"");
}

TEST(Api, the_scoreboard_is_told) {
  says(
      "[{'process_num': 0, 'pid': 100, 'generation': 3, 'quiescing': False, 'workers': [{'thread_num': 0, "
      "'generation': 3, 'status': 'W', 'access_count': 5, 'bytes_served': 600, 'start_time': 2.0, 'stop_time': 3.0, "
      "'last_used': 4.0, 'client': '192.0.2.1', 'request': 'GET / HTTP/1.1', 'vhost': 'shop:80'}]}, "
      "['current_time', 'processes', 'restart_time', 'running_generation', 'running_time', 'server_limit', "
      "'thread_limit']]",
      "m = mod_wsgi.server_metrics()\nanswer = [m['processes'][0], sorted(m)]");
}
