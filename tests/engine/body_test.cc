// SPDX-License-Identifier: Apache-2.0

// The body: blocks, lengths, write(), close().

#include <string>

#include "tests/engine/fake_host.h"

#include <CppUTest/TestHarness.h>

using fake_host::Reply;
using fake_host::Site;

namespace {

// An iterable class whose close() writes to the log.
const std::string kClosing =
    "class Closing:\n"
    "    def __init__(self, blocks): self.blocks = iter(blocks)\n"
    "    def __iter__(self): return self\n"
    "    def __next__(self): return next(self.blocks)\n"
    "    def close(self): environ['wsgi.errors'].write('closed\\n')\n";

}  // namespace

TEST_GROUP(Body) {
  Site site;

  Reply answer(const std::string& body) {
    site.application(body);
    return site.get();
  }
  int closed(const Reply& reply) {
    int count = 0;
    for (const std::string& line : reply.log) count += line == "closed";
    return count;
  }
};

TEST(Body, one_block_is_answered_whole_with_its_length) {
  const Reply reply = answer("start_response('200 OK', [('Content-Type', 'text/plain')])\nreturn [b'Hello']");
  LONGS_EQUAL(GATEHOUSE_COMPLETE, reply.result);
  LONGS_EQUAL(200, reply.outcome_status);
  STRCMP_EQUAL("OK", reply.reason.c_str());
  STRCMP_EQUAL("Hello", reply.body.c_str());
  STRCMP_EQUAL("text/plain", reply.header("Content-Type").c_str());
  STRCMP_EQUAL("5", reply.header("Content-Length").c_str());
  LONGS_EQUAL(5, reply.content_length);
}

TEST(Body, one_block_is_one_buffered_send) {
  const Reply reply = answer("start_response('200 OK', [])\nreturn [b'Hello']");
  LONGS_EQUAL(3, reply.steps.size());
  STRCMP_EQUAL("entered", reply.steps[0].c_str());
  STRCMP_EQUAL("head", reply.steps[1].c_str());
  STRCMP_EQUAL("buffer", reply.steps[2].c_str());
}

TEST(Body, a_block_that_the_host_cannot_buffer_is_flushed) {
  site.buffers = false;
  const Reply reply = answer("start_response('200 OK', [])\nreturn [b'Hello']");
  STRCMP_EQUAL("Hello", reply.body.c_str());
  LONGS_EQUAL(1, reply.count("flush"));
}

TEST(Body, a_block_of_an_iterator_that_goes_soon_needs_no_flush) {
  site.sends_soon = true;
  const Reply reply = answer("start_response('200 OK', [])\nreturn iter([b'a', b'b'])");
  STRCMP_EQUAL("ab", reply.body.c_str());
  LONGS_EQUAL(2, reply.count("soon"));
  LONGS_EQUAL(0, reply.count("flush"));
}

TEST(Body, a_list_of_many_blocks_is_gathered) {
  const Reply reply = answer("start_response('200 OK', [])\nreturn [b'%03d' % i for i in range(200)]");
  LONGS_EQUAL(600, reply.body.size());
  STRCMP_EQUAL("600", reply.header("Content-Length").c_str());
  CHECK(reply.count("buffer") <= 4);
}

TEST(Body, a_tuple_works_like_a_list) {
  STRCMP_EQUAL("ab", answer("start_response('200 OK', [])\nreturn (b'a', b'b')").body.c_str());
}

TEST(Body, an_empty_list_has_length_zero) {
  const Reply reply = answer("start_response('200 OK', [])\nreturn []");
  LONGS_EQUAL(GATEHOUSE_COMPLETE, reply.result);
  STRCMP_EQUAL("0", reply.header("Content-Length").c_str());
}

TEST(Body, each_block_of_a_generator_is_flushed_before_the_next_is_made) {
  site.application(
      "start_response('200 OK', [])\n"
      "for c in (b'a', b'b'):\n    print('before', c.decode())\n    yield c");
  std::vector<std::string> order;
  const Reply reply = site.get();
  LONGS_EQUAL(2, reply.count("flush"));
  LONGS_EQUAL(0, reply.count("buffer"));
  STRCMP_EQUAL("(none)", reply.header("Content-Length").c_str());
  LONGS_EQUAL(-1, reply.content_length);
}

TEST(Body, empty_blocks_do_not_commit) {
  const Reply reply = answer(
      "import sys\nyield b''\nstart_response('200 OK', [])\nyield b''\n"
      "try: 1 / 0\nexcept ZeroDivisionError: start_response('500 Oops', [], sys.exc_info())\nyield b'x'");
  LONGS_EQUAL(500, reply.status);
  LONGS_EQUAL(GATEHOUSE_COMPLETE, reply.result);
}

TEST(Body, blocks_must_be_bytes) {
  for (const char* result : {"return ['text']", "return [b'a', 'text']", "return iter(['text'])", "return 'text'"}) {
    const Reply reply = answer(std::string("start_response('200 OK', [])\n") + result);
    LONGS_EQUAL(GATEHOUSE_FAILED, reply.result);
    LONGS_EQUAL(0, reply.heads);
    CHECK(reply.logged("TypeError: the application's result must give bytes, not str"));
  }
}

TEST(Body, a_subclass_of_bytes_will_do) {
  STRCMP_EQUAL("x", answer("class B(bytes): pass\nstart_response('200 OK', [])\nreturn [B(b'x')]").body.c_str());
}

TEST(Body, a_result_that_cannot_be_iterated_is_500) {
  const Reply reply = answer("start_response('200 OK', [])\nreturn None");
  LONGS_EQUAL(GATEHOUSE_FAILED, reply.result);
  CHECK(reply.logged("TypeError: 'NoneType' object is not iterable"));
}

TEST(Body, excess_is_cut_with_one_warning) {
  const Reply reply =
      answer("start_response('200 OK', [('Content-Length', '5')])\nyield b'123'\nyield b'456'\nyield b'789'");
  LONGS_EQUAL(GATEHOUSE_COMPLETE, reply.result);
  STRCMP_EQUAL("12345", reply.body.c_str());
  LONGS_EQUAL(1, reply.log.size());
  CHECK(reply.logged("GH0614: "));
  CHECK(reply.logged("promised a body of 5 bytes and gave 9"));
}

TEST(Body, shortfall_is_truncated_with_an_error) {
  const Reply reply = answer("start_response('200 OK', [('Content-Length', '5')])\nreturn [b'123']");
  LONGS_EQUAL(GATEHOUSE_TRUNCATED, reply.result);
  CHECK(reply.logged("GH0613: "));
}

TEST(Body, a_length_is_not_given_twice) {
  const Reply reply = answer("start_response('200 OK', [('content-length', '1')])\nreturn [b'x']");
  LONGS_EQUAL(1, reply.headers.size());
  LONGS_EQUAL(1, reply.content_length);
}

TEST(Body, responses_without_body_send_none) {
  for (const char* status : {"204 No Content", "304 Not Modified"}) {
    const Reply reply = answer("start_response('" + std::string(status) + "', [])\nreturn [b'body']");
    LONGS_EQUAL(GATEHOUSE_COMPLETE, reply.result);
    STRCMP_EQUAL("", reply.body.c_str());
    STRCMP_EQUAL("(none)", reply.header("Content-Length").c_str());
  }
}

TEST(Body, head_sends_the_applications_length_and_no_body) {
  site.request_flags |= GATEHOUSE_HEAD_REQUEST;
  const Reply own = answer("start_response('200 OK', [('Content-Length', '1000')])\nreturn [b'']");
  LONGS_EQUAL(GATEHOUSE_COMPLETE, own.result);
  LONGS_EQUAL(1000, own.content_length);
}

TEST(Body, head_gets_no_length_from_blocks_that_may_have_been_left_out) {
  site.request_flags |= GATEHOUSE_HEAD_REQUEST;
  const Reply reply = answer("start_response('200 OK', [])\nreturn [b'']");
  LONGS_EQUAL(GATEHOUSE_COMPLETE, reply.result);
  STRCMP_EQUAL("(none)", reply.header("Content-Length").c_str());
}

TEST(Body, write_sends_before_the_result) {
  const Reply reply = answer("write = start_response('200 OK', [])\nwrite(b'a')\nwrite(b'b')\nreturn [b'c']");
  LONGS_EQUAL(GATEHOUSE_COMPLETE, reply.result);
  STRCMP_EQUAL("abc", reply.body.c_str());
  LONGS_EQUAL(2, reply.count("flush"));
  STRCMP_EQUAL("(none)", reply.header("Content-Length").c_str());
}

TEST(Body, write_of_nothing_commits) {
  LONGS_EQUAL(1, answer("start_response('200 OK', [])(b'')\nraise ValueError").heads);
}

TEST(Body, write_takes_bytes_only) {
  const Reply reply = answer("start_response('200 OK', [])('text')\nreturn []");
  LONGS_EQUAL(GATEHOUSE_FAILED, reply.result);
  CHECK(reply.logged("TypeError: write() takes bytes, not str"));
}

TEST(Body, an_exception_before_the_head_is_500_with_its_traceback) {
  const Reply reply = answer(
      "def inner(): raise ValueError('no such thing')\ntry: inner()\n"
      "except ValueError as e: raise KeyError('outer') from e");
  LONGS_EQUAL(GATEHOUSE_FAILED, reply.result);
  LONGS_EQUAL(500, reply.outcome_status);
  CHECK(reply.log[0].starts_with("GH0610: script " + site.path("app.wsgi") + " (interpreter ''): KeyError: 'outer'"));
  CHECK(reply.logged("Traceback (most recent call last):"));
  CHECK(reply.logged("raise ValueError('no such thing')"));
  CHECK(reply.logged("The above exception was the direct cause"));
  CHECK(reply.logged("app.wsgi\", line 2, in inner"));
}

TEST(Body, an_exception_after_the_head_truncates) {
  const Reply reply = answer("start_response('200 OK', [])\nyield b'x'\nraise ValueError('late')");
  LONGS_EQUAL(GATEHOUSE_TRUNCATED, reply.result);
  CHECK(reply.logged("ValueError: late"));
}

TEST(Body, system_exit_is_logged_and_ends_nothing) {
  const Reply reply = answer("import sys\nsys.exit(3)");
  LONGS_EQUAL(GATEHOUSE_FAILED, reply.result);
  CHECK(reply.logged("GH0611: "));
  CHECK(reply.logged("SystemExit: 3"));
}

TEST(Body, text_of_exceptions_cannot_forge_log_lines) {
  const Reply reply = answer("raise ValueError('a\\r\\x1b[31m\\nGH9999: forged')");
  for (const std::string& line : reply.log) {
    CHECK(line.find('\n') == std::string::npos && line.find('\x1b') == std::string::npos);
    CHECK(line.find('\r') == std::string::npos);
  }
  CHECK(!reply.log[0].starts_with("GH9999"));
}

TEST(Body, close_is_called_once_after_success) {
  const Reply reply = answer(kClosing + "start_response('200 OK', [])\nreturn Closing([b'a', b'b'])");
  LONGS_EQUAL(GATEHOUSE_COMPLETE, reply.result);
  LONGS_EQUAL(1, closed(reply));
}

TEST(Body, close_is_called_once_after_an_error) {
  LONGS_EQUAL(1, closed(answer(kClosing + "start_response('200 OK', [])\nreturn Closing([b'a', 'b'])")));
  LONGS_EQUAL(1, closed(answer(kClosing + "return Closing([b'a'])")));
  LONGS_EQUAL(1, closed(answer(kClosing + "Closing.__iter__ = lambda self: 1 / 0\nreturn Closing([])")));
  LONGS_EQUAL(1, closed(answer(kClosing + "Closing.__next__ = lambda self: 1 / 0\nreturn Closing([])")));
  LONGS_EQUAL(1, closed(answer(kClosing + "Closing.__iter__ = None\nreturn Closing([])")));
}

TEST(Body, close_is_called_once_when_the_client_goes) {
  site.gone_at_send = 1;
  const Reply reply = answer(kClosing + "start_response('200 OK', [])\nreturn Closing([b'a', b'b', b'c', b'd'])");
  LONGS_EQUAL(GATEHOUSE_ABORTED, reply.result);
  LONGS_EQUAL(1, closed(reply));
  LONGS_EQUAL(1, reply.log.size());
  LONGS_EQUAL(2, reply.count("flush"));
}

TEST(Body, close_of_a_list_subclass_is_called) {
  LONGS_EQUAL(1, closed(answer("class L(list):\n    def close(self): environ['wsgi.errors'].write('closed\\n')\n"
                               "start_response('200 OK', [])\nreturn L([b'x'])")));
}

TEST(Body, an_exception_in_close_is_logged_only) {
  const Reply reply =
      answer(kClosing + "Closing.close = lambda self: 1 / 0\nstart_response('200 OK', [])\nreturn Closing([b'a'])");
  LONGS_EQUAL(GATEHOUSE_COMPLETE, reply.result);
  CHECK(reply.logged("GH0612: "));
  CHECK(reply.logged("ZeroDivisionError"));
}

TEST(Body, a_client_that_is_gone_at_the_head_aborts) {
  site.gone_at_head = true;
  const Reply reply = answer("start_response('200 OK', [])\nreturn [b'x']");
  LONGS_EQUAL(GATEHOUSE_ABORTED, reply.result);
  LONGS_EQUAL(0, reply.log.size());
}

TEST(Body, write_to_a_client_that_is_gone_raises_oserror) {
  site.gone_at_send = 0;
  const Reply reply = answer(
      "write = start_response('200 OK', [])\ntry: write(b'x')\n"
      "except OSError as e: print('got', e)\nreturn []");
  LONGS_EQUAL(GATEHOUSE_ABORTED, reply.result);
  CHECK(reply.logged("got the client is gone"));
}

TEST(Body, nothing_is_logged_when_the_application_passes_that_on) {
  site.gone_at_send = 0;
  const Reply reply = answer("start_response('200 OK', [])(b'x')\nreturn []");
  LONGS_EQUAL(GATEHOUSE_ABORTED, reply.result);
  LONGS_EQUAL(0, reply.log.size());
}
