// SPDX-License-Identifier: Apache-2.0

// Functions of a script beside the application.

#include <string>
#include <vector>

#include "tests/engine/fake_host.h"

#include <CppUTest/TestHarness.h>

using fake_host::Reply;
using fake_host::Site;

TEST_GROUP(Call) {
  Site site;

  // What f(environ) gives when it returns a Python expression.
  std::string given(const std::string& expression, std::uint32_t flags = 0) {
    site.script("def f(environ, *rest):\n    return " + expression + "\n");
    return site.call({"f"}, {}, flags).answer();
  }
  void is(const char* expected, const std::string& actual) { STRCMP_EQUAL(expected, actual.c_str()); }
};

TEST(Call, tells_results_by_their_type) {
  is("none", given("None"));
  is("true", given("True"));
  is("false", given("False"));
  is("text:bob", given("'bob'"));
  is("text:", given("''"));
  is("text:caf\xe9", given("'caf\\xe9'"));
  is("bytes:\xff", given("b'\\xff'"));
  is("other:int", given("1"));
  is("other:list", given("['a']"));
}

TEST(Call, an_iterable_of_texts_is_a_list_where_one_is_wanted) {
  is("list:a,b", given("['a', b'b']", GATEHOUSE_CALL_LIST));
  is("list", given("()", GATEHOUSE_CALL_LIST));
  is("list:0,1", given("(str(n) for n in range(2))", GATEHOUSE_CALL_LIST));
  is("text:ab", given("'ab'", GATEHOUSE_CALL_LIST));
  is("other:int", given("7", GATEHOUSE_CALL_LIST));
}

TEST(Call, an_item_that_is_no_text_is_an_exception) {
  site.script("def f(environ):\n    return ['a', 1]\n");
  const Reply reply = site.call({"f"}, {}, GATEHOUSE_CALL_LIST);
  is("raised", reply.answer());
  CHECK_TRUE(reply.logged("GH0630: f() of script"));
  CHECK_TRUE(reply.logged("not int"));
}

TEST(Call, a_text_beyond_latin1_is_an_exception) {
  is("raised", given("'\\u20ac'"));
  is("raised", given("['\\u20ac']", GATEHOUSE_CALL_LIST));
}

TEST(Call, an_exception_is_logged_with_its_traceback_and_ends_the_call) {
  site.script("def f(environ):\n    raise ValueError('oh')\ndef g(environ):\n    return True\n");
  const Reply reply = site.call({"f", "g"});
  LONGS_EQUAL(GATEHOUSE_COMPLETE, reply.result);
  is("raised", reply.answer());
  CHECK_TRUE(reply.logged("GH0630: f() of script"));
  CHECK_TRUE(reply.logged("ValueError: oh"));
  CHECK_TRUE(reply.logged("line 2, in f"));
}

TEST(Call, an_iterable_that_fails_midway_is_an_exception) {
  site.script("def f(environ):\n    yield 'a'\n    raise ValueError('midway')\n");
  const Reply reply = site.call({"f"}, {}, GATEHOUSE_CALL_LIST);
  is("raised", reply.answer());
  CHECK_TRUE(reply.logged("ValueError: midway"));
}

TEST(Call, sys_exit_is_an_exception_like_any_other) {
  site.script("import sys\ndef f(environ):\n    sys.exit(1)\n");
  is("raised", site.call({"f"}).answer());
}

TEST(Call, several_functions_are_called_in_order_and_those_that_lack_are_told) {
  site.script(
      "seen = []\ndef a(environ):\n    seen.append('a')\ndef c(environ):\n    return ''.join(seen) + 'c'\nb = 7\n");
  const Reply reply = site.call({"a", "b", "c"});
  LONGS_EQUAL(3, reply.answers.size());
  is("none", reply.answers[0].value);
  is("missing", reply.answers[1].value);
  is("text:ac", reply.answers[2].value);
  LONGS_EQUAL(2, reply.answers[2].function);
}

TEST(Call, arguments_are_latin1_str_whatever_their_bytes) {
  std::string all;
  for (int byte = 0; byte < 256; ++byte) all += static_cast<char>(byte);
  site.script(
      "def f(environ, user, password):\n"
      "    return user == ''.join(map(chr, range(256))) and password == '\\xff'\n");
  is("true", site.call({"f"}, {all, "\xff"}).answer());
}

TEST(Call, environ_is_a_dict_with_the_pairs_and_what_the_process_knows) {
  site.environ = {{"REQUEST_METHOD", "GET"}, {"HTTP_X", "\xe9"}};
  site.application_group = "its group";
  site.script(
      "def f(environ):\n    return repr((type(environ) is dict, sorted(environ)))\n"
      "def g(environ):\n    return repr((environ['HTTP_X'], environ['mod_wsgi.process_group'],\n"
      "        environ['mod_wsgi.application_group'], environ['mod_wsgi.version']))\n");
  is("text:(True, ['HTTP_X', 'REQUEST_METHOD', 'mod_wsgi.application_group', 'mod_wsgi.process_group', "
     "'mod_wsgi.version', 'wsgi.errors'])",
     site.call({"f"}).answer());
  is("text:('\xe9', 'test-group', 'its group', (6, 0, 5))", site.call({"g"}).answer());
}

TEST(Call, changes_of_environ_do_not_reach_the_next_call) {
  site.script(
      "def f(environ):\n    return environ.setdefault('mine', 'first') is environ.get('other')\n"
      "def g(environ):\n    return 'mine' in environ\n");
  is("false", site.call({"f"}).answer());
  is("false", site.call({"g"}).answer());
}

TEST(Call, has_the_request_record_where_the_host_passes_it) {
  int record = 0;
  site.request_rec = &record;
  is("text:PyCapsule", given("type(environ['apache.request_rec']).__name__"));
}

TEST(Call, has_the_functions_of_mod_ssl_where_they_are_wanted) {
  site.ssl_variables = {{"SSL_PROTOCOL", "TLSv1.3"}};
  site.request_flags = GATEHOUSE_HTTPS;
  is("text:(1, 'TLSv1.3', None)",
     given("repr((environ['mod_ssl.is_https'](), environ['mod_ssl.var_lookup']('SSL_PROTOCOL'),\n"
           "      environ['mod_ssl.var_lookup']('SSL_\\u20ac')))",
           GATEHOUSE_CALL_SSL));
  site.request_flags = 0;
  is("text:0", given("repr(environ['mod_ssl.is_https']())", GATEHOUSE_CALL_SSL));
  is("raised", given("environ['mod_ssl.var_lookup'](b'x')", GATEHOUSE_CALL_SSL));
}

TEST(Call, what_stands_for_the_request_is_dead_afterwards) {
  site.script(
      "kept = []\n"
      "def f(environ):\n    kept.append(environ)\n"
      "def g(environ):\n"
      "    outcome = []\n"
      "    for use in (lambda: kept[0]['mod_ssl.is_https'](), lambda: kept[0]['mod_ssl.var_lookup']('x'),\n"
      "                lambda: kept[0]['wsgi.errors'].write('x')):\n"
      "        try: use(); outcome.append('fine')\n"
      "        except RuntimeError: outcome.append('ended')\n"
      "    kept.clear()\n"
      "    return ' '.join(outcome)\n");
  site.call({"f"}, {}, GATEHOUSE_CALL_SSL);
  is("text:ended ended ended", site.call({"g"}, {}, GATEHOUSE_CALL_SSL).answer());
}

TEST(Call, what_is_printed_goes_to_the_request) {
  site.script("def f(environ):\n    print('printed', end='')\n    environ['wsgi.errors'].write('written')\n");
  const Reply reply = site.call({"f"});
  CHECK_TRUE(reply.logged("printed"));
  CHECK_TRUE(reply.logged("written"));
}

TEST(Call, tells_the_host_when_it_enters_the_functions) {
  is("none", given("None"));
  LONGS_EQUAL(1, site.call({"f"}).count("entered"));
}

TEST(Call, a_script_that_cannot_be_loaded_is_a_failure) {
  site.script("def f(environ:\n");
  const Reply reply = site.call({"f"});
  LONGS_EQUAL(GATEHOUSE_FAILED, reply.result);
  LONGS_EQUAL(500, reply.outcome_status);
  LONGS_EQUAL(0, reply.answers.size());
  LONGS_EQUAL(0, reply.count("entered"));
  CHECK_TRUE(reply.logged("GH0603"));
}

TEST(Call, a_changed_script_is_loaded_again) {
  is("text:1", given("'1'"));
  is("text:2", given("'2'"));
}

TEST(Call, a_changed_script_is_declined_where_the_host_says_so) {
  is("text:1", given("'1'"));
  site.target_flags = GATEHOUSE_RELOAD | GATEHOUSE_DECLINE_STALE;
  site.script("def f(environ):\n    return '2'\n");
  LONGS_EQUAL(GATEHOUSE_DECLINED, site.call({"f"}).result);
}

TEST(Call, works_in_a_sub_interpreter) {
  site.interpreter = "call-sub";
  is("text:x", given("'x'"));
}

TEST(Call, reload_required_is_asked_about_the_resource) {
  site.environ = {{"SCRIPT_FILENAME", "/srv/page.txt"}};
  site.script(
      "asked = []\ndef reload_required(resource):\n    asked.append(resource)\n    return False\n"
      "def f(environ):\n    return ' '.join(asked)\n");
  site.call({"f"});
  is("text:/srv/page.txt", site.call({"f"}).answer());
}
