// SPDX-License-Identifier: Apache-2.0

// start_response: what it accepts, refuses and forgets.

#include <string>

#include "tests/engine/fake_host.h"

#include <CppUTest/TestHarness.h>

using fake_host::Reply;
using fake_host::Site;

TEST_GROUP(StartResponse) {
  Site site;

  Reply answer(const std::string& body) {
    site.application(body);
    return site.get();
  }

  // start_response(...) is refused with this exception, and the request gets 500 with it in the log.
  void refuses(const std::string& arguments, const char* exception) {
    const Reply reply = answer("start_response(" + arguments + ")\nreturn [b'x']");
    LONGS_EQUAL_TEXT(GATEHOUSE_FAILED, reply.result, arguments.c_str());
    LONGS_EQUAL(500, reply.outcome_status);
    LONGS_EQUAL(0, reply.heads);
    CHECK_TEXT(reply.logged("GH0610: "), arguments.c_str());
    if (!reply.logged(exception)) {
      for (const std::string& line : reply.log) printf("%s\n", line.c_str());
    }
    CHECK_TEXT(reply.logged(exception), arguments.c_str());
  }
};

TEST(StartResponse, passes_status_and_headers_in_order_and_keeps_repetition) {
  const Reply reply = answer(
      "start_response('404 Not There', [('Set-Cookie', 'a=1'), ('X-B', 'caf\xc3\xa9'), ('Set-Cookie', 'b=2')])\nreturn "
      "[b'x']");
  LONGS_EQUAL(404, reply.status);
  STRCMP_EQUAL("Not There", reply.reason.c_str());
  LONGS_EQUAL(4, reply.headers.size());
  STRCMP_EQUAL("a=1", reply.headers[0].second.c_str());
  STRCMP_EQUAL("caf\xe9", reply.headers[1].second.c_str());
  STRCMP_EQUAL("b=2", reply.headers[2].second.c_str());
}

TEST(StartResponse, takes_a_status_without_reason) {
  LONGS_EQUAL(200, answer("start_response('200', [])\nreturn [b'']").status);
}

TEST(StartResponse, takes_many_headers) {
  const Reply reply = answer("start_response('200 OK', [('X-%d' % i, str(i)) for i in range(100)])\nreturn [b'x']");
  LONGS_EQUAL(101, reply.headers.size());
  STRCMP_EQUAL("99", reply.header("X-99").c_str());
}

TEST(StartResponse, takes_subclasses_of_list_tuple_and_str) {
  LONGS_EQUAL(GATEHOUSE_COMPLETE, answer("class L(list): pass\nclass T(tuple): pass\nclass S(str): pass\n"
                                         "start_response(S('200 OK'), L([T((S('X-A'), S('b')))]))\nreturn [b'x']")
                                      .result);
}

TEST(StartResponse, headers_may_change_after_the_call) {
  const Reply reply =
      answer("h = [('X-A', '1')]\nstart_response('200 OK', h)\nh[0] = ('X-A', '2' * 100)\ndel h\nreturn [b'x']");
  STRCMP_EQUAL("1", reply.header("X-A").c_str());
}

TEST(StartResponse, refuses_wrong_types) {
  refuses("b'200 OK', []", "TypeError: the status must be str, not bytes");
  refuses("'200 OK', ()", "TypeError: the headers must be a list, not tuple");
  refuses("'200 OK', None", "TypeError: the headers must be a list");
  refuses("'200 OK', [['a', 'b']]", "TypeError: header 1 must be a tuple (name, value), not list");
  refuses("'200 OK', [('a', 'b', 'c')]", "ValueError: header 1 must be a tuple (name, value), not one of 3");
  refuses("'200 OK', [('a', 1)]", "TypeError: a header's value must be str, not int");
  refuses("'200 OK', [(b'a', 'b')]", "TypeError: a header's name must be str, not bytes");
  refuses("'200 OK', [], 'x'", "TypeError: exc_info must be None or the tuple of sys.exc_info(), not str");
  refuses("'200 OK'", "TypeError: start_response() takes status, headers and perhaps exc_info (1 given)");
  refuses("'200 OK', [], reason='x'", "TypeError: start_response() takes status and headers by position");
}

TEST(StartResponse, refuses_what_is_not_latin1) {
  refuses("'200 \\u20ac', []", "UnicodeEncodeError");
  refuses("'200 OK', [('X', '\\u20ac')]", "UnicodeEncodeError");
}

TEST(StartResponse, refuses_bad_statuses) {
  for (const char* status :
       {"'100 Continue', []", "'101 Switching', []", "'199 X', []", "'600 X', []", "'000 X', []", "'20 OK', []",
        "'2000 OK', []", "'OK', []", "'', []", "'200OK', []", "'200 O\\nK', []", "'200 O\\0K', []", "'200 O\\rK', []"})
    refuses(status, "ValueError: ");
}

TEST(StartResponse, refuses_headers_that_would_change_the_framing) {
  for (const char* name : {"Transfer-Encoding", "transfer-ENCODING", "Connection", "Keep-Alive", "TE", "Trailer",
                           "Upgrade", "Proxy-Authenticate", "Status"})
    refuses(std::string("'200 OK', [('") + name + "', 'x')]", "ValueError: ");
}

TEST(StartResponse, refuses_control_characters_in_headers) {
  refuses("'200 OK', [('X-A', 'a\\nb')]", "ValueError: ");
  refuses("'200 OK', [('X-A', 'a\\rb')]", "ValueError: ");
  refuses("'200 OK', [('X-A', 'a\\0b')]", "ValueError: ");
  refuses("'200 OK', [('X A', 'b')]", "ValueError: ");
  refuses("'200 OK', [('X:A', 'b')]", "ValueError: ");
  refuses("'200 OK', [('', 'b')]", "ValueError: ");
}

TEST(StartResponse, refuses_bad_lengths) {
  for (const char* length : {"+5", "-1", "5,5", "0x5", "", "5 5", "99999999999999999999"})
    refuses("'200 OK', [('Content-Length', '" + std::string(length) + "')]", "ValueError: ");
  refuses("'200 OK', [('Content-Length', '1'), ('content-length', '1')]", "ValueError: Content-Length is given twice");
}

TEST(StartResponse, an_application_may_go_on_after_a_refusal) {
  const Reply reply = answer(
      "start_response('200 OK', [('X-A', 'first')])\n"
      "try: start_response('500 No', [('X-B', 'a\\nb')], (ValueError, ValueError(), None))\n"
      "except ValueError: pass\nreturn [b'x']");
  LONGS_EQUAL(200, reply.status);
  STRCMP_EQUAL("first", reply.header("X-A").c_str());
}

TEST(StartResponse, a_second_call_without_exc_info_is_an_error) {
  const Reply reply = answer("start_response('200 OK', [])\nstart_response('200 OK', [])\nreturn [b'x']");
  LONGS_EQUAL(GATEHOUSE_FAILED, reply.result);
  CHECK(reply.logged("AssertionError: start_response() is called a second time without exc_info"));
}

TEST(StartResponse, a_second_call_with_exc_info_replaces_the_first) {
  for (const char* third : {"sys.exc_info()", "exc_info=sys.exc_info()"}) {
    const Reply reply = answer(std::string("import sys\nstart_response('200 OK', [('X-A', '1')])\ntry: 1 / 0\n"
                                           "except ZeroDivisionError: start_response('500 Oops', [('X-B', '2')], ") +
                               third + ")\nreturn [b'x']");
    LONGS_EQUAL(500, reply.status);
    STRCMP_EQUAL("(none)", reply.header("X-A").c_str());
    STRCMP_EQUAL("2", reply.header("X-B").c_str());
    LONGS_EQUAL(1, reply.heads);
  }
}

TEST(StartResponse, a_second_call_after_the_head_raises_the_exc_info) {
  const Reply reply = answer(
      "import sys\nwrite = start_response('200 OK', [])\nwrite(b'x')\ntry: 1 / 0\n"
      "except ZeroDivisionError: start_response('500 Oops', [], sys.exc_info())\nreturn []");
  LONGS_EQUAL(GATEHOUSE_TRUNCATED, reply.result);
  LONGS_EQUAL(1, reply.heads);
  CHECK(reply.logged("ZeroDivisionError: division by zero"));
  CHECK(reply.logged("try: 1 / 0"));
}

TEST(StartResponse, after_the_request_it_raises) {
  answer("global kept\nkept = (start_response, start_response('200 OK', []))\nreturn [b'x']");
  site.write_file(
      "second.wsgi",
      "import sys\ndef application(environ, start_response):\n"
      "  kept = [m for n, m in sys.modules.items() if n.startswith('_mod_wsgi_') and hasattr(m, 'kept')][-1].kept\n"
      "  said = []\n"
      "  for call in (lambda: kept[0]('200 OK', []), lambda: kept[1](b'x')):\n"
      "    try: call()\n"
      "    except RuntimeError as e: said.append(str(e))\n"
      "  start_response('200 OK', [])\n  return ['; '.join(said).encode()]\n");
  site.script_name = "second.wsgi";
  STRCMP_EQUAL("start_response() after its request has ended; write() after its request has ended",
               site.get().body.c_str());
}

TEST(StartResponse, never_calling_it_is_500) {
  for (const char* result : {"return []", "return [b'x']", "return iter([b'x'])", "return iter([])"}) {
    const Reply reply = answer(result);
    LONGS_EQUAL(GATEHOUSE_FAILED, reply.result);
    CHECK(reply.logged("start_response()"));
  }
}

TEST(StartResponse, may_be_called_by_the_first_next_of_a_generator) {
  const Reply reply = answer("start_response('200 OK', [])\nyield b'a'\nyield b'b'");
  LONGS_EQUAL(GATEHOUSE_COMPLETE, reply.result);
  STRCMP_EQUAL("ab", reply.body.c_str());
}
