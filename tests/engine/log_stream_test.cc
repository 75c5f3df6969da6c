// SPDX-License-Identifier: Apache-2.0

// wsgi.errors, print and sys.stderr.

#include <string>

#include "tests/engine/fake_host.h"

#include <CppUTest/TestHarness.h>

using fake_host::Reply;
using fake_host::Site;

TEST_GROUP(LogStream) {
  Site site;

  Reply execute(const std::string& statements) {
    site.application("import sys\nerrors = environ['wsgi.errors']\n" + statements +
                     "\nstart_response('200 OK', [])\nreturn [b'']");
    return site.get();
  }
  // The lines that were logged, with '|' between them.
  std::string lines(const std::string& statements) {
    std::string all;
    for (const std::string& line : execute(statements).log) all.append(all.empty() ? "" : "|").append(line);
    return all;
  }
};

TEST(LogStream, a_line_is_a_record) {
  STRCMP_EQUAL("one|two||three", lines("errors.write('one\\ntwo\\n\\nthree\\n')").c_str());
}

TEST(LogStream, a_partial_line_waits_for_its_newline) {
  STRCMP_EQUAL("abc|d", lines("errors.write('a')\nerrors.write('b')\nerrors.write('c\\nd\\n')").c_str());
}

TEST(LogStream, a_partial_line_is_logged_by_flush) {
  STRCMP_EQUAL("a|b", lines("errors.write('a')\nerrors.flush()\nerrors.write('b')").c_str());
}

TEST(LogStream, a_partial_line_is_logged_at_the_end_of_the_request) {
  STRCMP_EQUAL("e|o|s", lines("sys.stderr.write('s')\nprint('o', end='')\nerrors.write('e')").c_str());
}

TEST(LogStream, print_and_stderr_reach_the_request) {
  STRCMP_EQUAL("a 1|b", lines("print('a', 1)\nprint('b', file=sys.stderr)").c_str());
}

TEST(LogStream, writelines_writes_each) {
  STRCMP_EQUAL("ab|c", lines("errors.writelines(['a', 'b\\n', 'c'])").c_str());
}

TEST(LogStream, write_returns_the_number_of_characters) {
  STRCMP_EQUAL("\xc3\xa9|2", lines("print(errors.write('\xc3\xa9\\n'))").c_str());
}

TEST(LogStream, control_characters_are_escaped) {
  STRCMP_EQUAL("a\\x1b[31m\\x0d\\x00b", lines("errors.write('a\\x1b[31m\\r\\0b\\n')").c_str());
}

TEST(LogStream, lone_surrogates_are_shown) { STRCMP_EQUAL("a\\udc80b", lines("print('a\\udc80b')").c_str()); }

TEST(LogStream, bytes_are_refused_and_have_a_buffer) {
  STRCMP_EQUAL("write() argument must be str, not bytes|raw",
               lines("try: errors.write(b'x')\nexcept TypeError as e: print(e)\n"
                     "sys.stdout.buffer.write(b'raw\\n')")
                   .c_str());
}

TEST(LogStream, long_lines_arrive_whole_in_pieces) {
  const Reply reply = execute("errors.write('x' * 100000 + '\\n')");
  std::string all;
  for (const std::string& line : reply.log) {
    CHECK(line.size() <= 8192);
    all.append(line);
  }
  STRCMP_EQUAL(std::string(100000, 'x').c_str(), all.c_str());
}

TEST(LogStream, long_lines_are_cut_between_characters) {
  const Reply reply = execute("errors.write('x' + '\xe2\x82\xac' * 10000 + '\\n')");
  std::string all;
  for (const std::string& line : reply.log) {
    CHECK(line.size() <= 8192);
    CHECK(line.find("\\x") == std::string::npos);
    all.append(line);
  }
  LONGS_EQUAL(30001, all.size());
}

// httpd writes each byte of them as \xhh, and cuts what is longer than 8192 bytes then.
TEST(LogStream, pieces_of_long_lines_fit_into_httpds_log_when_it_has_escaped_them) {
  std::size_t size = 0;
  for (const std::string& line : execute("errors.write('\\u0436' * 20000 + '\\n')").log) {
    CHECK(line.size() * 4 < 8192);
    size += line.size();
  }
  LONGS_EQUAL(40000, size);
}

TEST(LogStream, long_lines_that_must_be_escaped_arrive_whole) {
  std::size_t size = 0;
  for (const std::string& line : execute("errors.write('\\x01' * 20000 + '\\n')").log) {
    CHECK(line.size() <= 8192);
    size += line.size();
  }
  LONGS_EQUAL(80000, size);
}

TEST(LogStream, looks_like_a_text_stream) {
  STRCMP_EQUAL(
      "('<wsgi.errors>', '<stdout>', '<stderr>', 'utf-8', False, True, False, True)",
      lines("import io\nprint((errors.name, sys.stdout.name, sys.stderr.name, errors.encoding, errors.isatty(),"
            " errors.writable(), errors.closed, isinstance(errors, io.TextIOBase)))")
          .c_str());
}

TEST(LogStream, has_no_descriptor) {
  STRCMP_EQUAL(
      "True",
      lines("import io\ntry: errors.fileno()\nexcept io.UnsupportedOperation as e: print(isinstance(e, OSError))")
          .c_str());
}

TEST(LogStream, a_logging_handler_can_use_it) {
  STRCMP_EQUAL("WARNING hello", lines("import logging\nhandler = logging.StreamHandler(errors)\n"
                                      "handler.setFormatter(logging.Formatter('%(levelname)s %(message)s'))\n"
                                      "handler.emit(logging.LogRecord('n', logging.WARNING, '', 0, 'hello', (), None))")
                                    .c_str());
}

TEST(LogStream, an_own_text_wrapper_can_use_it) {
  STRCMP_EQUAL(
      "wrapped",
      lines("import io\nw = io.TextIOWrapper(sys.stdout.buffer, 'utf-8')\nw.write('wrapped\\n')\nw.detach()").c_str());
}

TEST(LogStream, after_the_request_writing_raises) {
  site.script(
      "kept = None\n"
      "def application(environ, start_response):\n"
      "    global kept\n"
      "    old, kept = kept, environ['wsgi.errors']\n"
      "    if old:\n"
      "        old.flush()\n"
      "        try: old.write('x')\n"
      "        except RuntimeError as e: print(e)\n"
      "    start_response('200 OK', [])\n"
      "    return [b'']\n");
  site.get();
  CHECK(site.get().logged("wsgi.errors.write() after its request has ended"));
}

TEST(LogStream, other_threads_print_to_the_log_of_the_host) {
  fake_host::take_host_log();
  const Reply reply =
      execute("import threading\nt = threading.Thread(target=print, args=('from a thread',))\nt.start()\nt.join()");
  LONGS_EQUAL(0, reply.log.size());
  CHECK(fake_host::contains(fake_host::take_host_log(), "from a thread"));
}
