// SPDX-License-Identifier: Apache-2.0

// wsgi.input.

#include <string>
#include <utility>
#include <vector>

#include "tests/engine/fake_host.h"

#include <CppUTest/TestHarness.h>

using fake_host::Reply;
using fake_host::Site;

TEST_GROUP(Input) {
  Site site;

  void body(std::vector<std::string> pieces) {
    site.body_pieces = std::move(pieces);
    site.content_length = 0;
    for (const std::string& piece : site.body_pieces) site.content_length += static_cast<std::int64_t>(piece.size());
  }
  Reply ask(const std::string& expression) {
    site.application(
        "read = environ['wsgi.input'].read\nreadline = environ['wsgi.input'].readline\n"
        "input = environ['wsgi.input']\nsaid = repr(" +
        expression +
        ").encode()\n"
        "start_response('200 OK', [])\nreturn [said]");
    return site.get();
  }
  std::string seen(const std::string& expression) { return ask(expression).body; }
};

TEST(Input, read_gives_all_of_it) {
  body({"abc", "def", "g"});
  STRCMP_EQUAL("(b'abcdefg', b'', b'')", seen("(read(), read(), read(5))").c_str());
}

TEST(Input, read_of_none_and_of_minus_one_give_all_of_it) {
  body({"abc"});
  STRCMP_EQUAL("b'abc'", seen("read(None)").c_str());
  STRCMP_EQUAL("b'abc'", seen("read(-1)").c_str());
}

TEST(Input, read_waits_for_as_much_as_is_asked_for) {
  body({"abc", "def", "g"});
  STRCMP_EQUAL("(b'abcde', b'', b'fg')", seen("(read(5), read(0), read(5))").c_str());
}

TEST(Input, a_known_body_is_read_in_one_call) {
  body({"abcdefg"});
  LONGS_EQUAL(1, ask("(read(), read())").count("read"));
}

TEST(Input, a_body_of_unknown_length_ends_where_the_host_says) {
  body({std::string(100000, 'x'), std::string(100000, 'y')});
  site.content_length = -1;
  STRCMP_EQUAL("(150000, 50000, b'')", seen("(len(read(150000)), len(read()), read())").c_str());
}

TEST(Input, a_large_body_arrives_unharmed) {
  std::string data;
  for (int i = 0; i < 700000; ++i) data.append(std::to_string(i)).append(" ");
  body({data.substr(0, 1000), data.substr(1000, 2000000), data.substr(2001000)});
  STRCMP_EQUAL("True", seen("read() == b''.join(b'%d ' % i for i in range(700000))").c_str());
}

TEST(Input, reading_never_goes_beyond_the_length) {
  site.body_pieces = {"abcdef"};
  site.content_length = 4;
  STRCMP_EQUAL("(b'abcd', b'')", seen("(read(), read())").c_str());
}

TEST(Input, a_huge_size_allocates_no_more_than_the_body_holds) {
  body({"abc"});
  STRCMP_EQUAL("b'abc'", seen("read(2 ** 62)").c_str());
  site.content_length = -1;
  STRCMP_EQUAL("b'abc'", seen("read(2 ** 62)").c_str());
  site.content_length = std::int64_t{1} << 60;
  STRCMP_EQUAL("b'abc'", seen("read()").c_str());
}

TEST(Input, a_huge_length_that_is_announced_allocates_little) {
  site.body_pieces = {"abc"};
  site.content_length = std::int64_t{1} << 40;
  STRCMP_EQUAL("(b'abc', True)",
               seen("(lambda tracemalloc: (tracemalloc.start(), read(), tracemalloc.get_traced_memory()[1] < 5000000, "
                    "tracemalloc.stop())[1:3])(__import__('tracemalloc'))")
                   .c_str());
}

TEST(Input, readline_gives_lines_across_pieces) {
  body({"on", "e\ntw", "o\n", "\nlast"});
  STRCMP_EQUAL("[b'one\\n', b'two\\n', b'\\n', b'last', b'', b'']", seen("[readline() for _ in range(6)]").c_str());
}

TEST(Input, readline_with_a_size_stops_there) {
  body({"abcdef\ng"});
  STRCMP_EQUAL("(b'abc', b'', b'def\\n', b'g')",
               seen("(readline(3), readline(0), readline(100), readline(-1))").c_str());
}

TEST(Input, readline_gives_lines_longer_than_its_buffer) {
  body({std::string(50000, 'x') + "\n" + std::string(20000, 'y')});
  STRCMP_EQUAL("(50001, 20000)", seen("(len(readline()), len(readline()))").c_str());
}

TEST(Input, readlines_stops_at_its_hint) {
  body({"a\nb\nc\nd"});
  STRCMP_EQUAL("([b'a\\n', b'b\\n'], [b'c\\n', b'd'], [])",
               seen("(input.readlines(3), input.readlines(), input.readlines(0))").c_str());
}

TEST(Input, iteration_gives_lines) {
  body({"a\nb\nc"});
  STRCMP_EQUAL("[b'a\\n', b'b\\n', b'c']", seen("list(input)").c_str());
}

TEST(Input, read_continues_where_readline_stopped) {
  body({"first\nsecond\nthird"});
  STRCMP_EQUAL("(b'first\\n', b'sec', b'ond\\n', b'third')", seen("(readline(), read(3), readline(), read())").c_str());
}

TEST(Input, close_does_nothing) {
  body({"abc"});
  STRCMP_EQUAL("(None, b'abc')", seen("(input.close(), read())").c_str());
}

TEST(Input, wrong_arguments_are_refused) {
  CHECK(ask("read('x')").logged("TypeError"));
  CHECK(ask("read(1, 2)").logged("TypeError: read() takes at most 1 argument (2 given)"));
  CHECK(ask("read(size=2)").logged("TypeError"));
}

TEST(Input, a_failing_read_raises_oserror_with_the_reason_from_then_on) {
  body({"abc"});
  site.content_length = 10;
  site.read_error = "client gone";
  site.application(
      "said = []\nfor _ in range(2):\n"
      "    try: environ['wsgi.input'].read()\n    except OSError as e: said.append(str(e))\n"
      "start_response('200 OK', [])\nreturn [repr(said).encode()]");
  const Reply reply = site.get();
  STRCMP_EQUAL("['the request body could not be read: client gone', 'the request body could not be read: client gone']",
               reply.body.c_str());
  LONGS_EQUAL(2, reply.count("read"));
}

TEST(Input, an_application_that_gives_up_over_a_failed_read_is_not_at_fault) {
  for (const char* reaction : {"raise", "raise ValueError('wrapped') from e", "raise ValueError('while handling')"}) {
    body({"abc"});
    site.content_length = 10;
    site.read_error = "client gone";
    site.application(std::string("try: environ['wsgi.input'].read()\nexcept OSError as e: ") + reaction);
    const Reply reply = site.get();
    LONGS_EQUAL(GATEHOUSE_FAILED, reply.result);
    CHECK(reply.log.empty());
    CHECK(fake_host::contains(reply.notes, "gave up: OSError: the request body could not be read: client gone"));
  }
}

TEST(Input, another_exception_after_a_failed_read_is_logged_in_full) {
  body({"abc"});
  site.content_length = 10;
  site.read_error = "client gone";
  site.application("try: environ['wsgi.input'].read()\nexcept OSError: pass\nraise ValueError('of its own')");
  CHECK(site.get().logged("ValueError: of its own"));
}

TEST(Input, after_the_request_every_use_raises_and_names_the_method) {
  site.script(
      "kept = None\n"
      "def application(environ, start_response):\n"
      "    global kept\n"
      "    old, kept = kept, environ['wsgi.input']\n"
      "    said = []\n"
      "    for use in ('read', 'readline', 'readlines', '__next__') if old else ():\n"
      "        try: getattr(old, use)()\n"
      "        except RuntimeError as e: said.append(str(e))\n"
      "    start_response('200 OK', [])\n"
      "    return ['; '.join(said).encode()]\n");
  site.get();
  STRCMP_EQUAL(
      "wsgi.input.read() after its request has ended; wsgi.input.readline() after its request has ended; "
      "wsgi.input.readlines() after its request has ended; wsgi.input.__next__() after its request has ended",
      site.get().body.c_str());
}
