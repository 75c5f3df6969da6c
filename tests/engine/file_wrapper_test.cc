// SPDX-License-Identifier: Apache-2.0

// wsgi.file_wrapper.

#include <string>

#include "tests/engine/fake_host.h"

#include <CppUTest/TestHarness.h>

using fake_host::Reply;
using fake_host::Site;

TEST_GROUP(FileWrapper) {
  Site site;

  void setup() override { site.write_file("data", "0123456789"); }
  // result: an expression with f, the file, and wrap, the wrapper.
  Reply wrapped(const std::string& result, const std::string& headers = "[]", const std::string& before = "") {
    site.application("import io\nwrap = environ['wsgi.file_wrapper']\nf = open('" + site.path("data") + "', 'rb')\n" +
                     before + "\nstart_response('200 OK', " + headers + ")\nreturn " + result);
    return site.get();
  }
};

TEST(FileWrapper, a_plain_file_is_sent_by_the_host) {
  const Reply reply = wrapped("wrap(f)");
  LONGS_EQUAL(GATEHOUSE_COMPLETE, reply.result);
  LONGS_EQUAL(1, reply.count("file"));
  STRCMP_EQUAL("0123456789", reply.body.c_str());
  STRCMP_EQUAL("10", reply.header("Content-Length").c_str());
}

TEST(FileWrapper, sending_begins_where_the_file_stands) {
  STRCMP_EQUAL("3456789", wrapped("wrap(f)", "[]", "f.read(3)").body.c_str());
}

TEST(FileWrapper, an_unbuffered_file_is_sent_by_the_host) {
  LONGS_EQUAL(1, wrapped("wrap(f)", "[]", "f = open(f.name, 'rb', buffering=0)").count("file"));
}

TEST(FileWrapper, a_smaller_length_is_sent_exactly) {
  const Reply reply = wrapped("wrap(f)", "[('Content-Length', '4')]");
  LONGS_EQUAL(GATEHOUSE_COMPLETE, reply.result);
  STRCMP_EQUAL("0123", reply.body.c_str());
}

TEST(FileWrapper, a_larger_length_is_a_shortfall) {
  const Reply reply = wrapped("wrap(f)", "[('Content-Length', '11')]");
  LONGS_EQUAL(GATEHOUSE_TRUNCATED, reply.result);
  CHECK(reply.logged("GH0613"));
}

TEST(FileWrapper, the_file_is_closed_after) {
  wrapped("wrap(f)", "[]", "global kept\nkept = f");
  site.write_file("look.wsgi",
                  "import sys\ndef application(environ, start_response):\n"
                  "  start_response('200 OK', [])\n"
                  "  return [repr([m.kept.closed for n, m in sys.modules.items() if n.startswith('_mod_wsgi_')"
                  " and hasattr(m, 'kept') and hasattr(m.kept, 'closed')][-1]).encode()]\n");
  site.script_name = "look.wsgi";
  STRCMP_EQUAL("True", site.get().body.c_str());
}

TEST(FileWrapper, other_file_likes_are_iterated) {
  for (const char* result : {"wrap(io.BytesIO(b'0123456789'), 3)", "(type('Mine', (wrap,), {}))(f, 3)"}) {
    const Reply reply = wrapped(result);
    LONGS_EQUAL(GATEHOUSE_COMPLETE, reply.result);
    LONGS_EQUAL(0, reply.count("file"));
    LONGS_EQUAL(4, reply.count("flush"));
    STRCMP_EQUAL("0123456789", reply.body.c_str());
  }
}

TEST(FileWrapper, a_compressed_file_is_read_not_sent_raw) {
  const Reply reply = wrapped("wrap(gzip.open(f.name + '.gz'))", "[]",
                              "import gzip\nwith gzip.open(f.name + '.gz', 'wb') as g: g.write(b'plain')");
  STRCMP_EQUAL("plain", reply.body.c_str());
  LONGS_EQUAL(0, reply.count("file"));
}

TEST(FileWrapper, a_pipe_is_iterated) {
  const Reply reply =
      wrapped("wrap(os.fdopen(r, 'rb'))", "[]", "import os\nr, w = os.pipe()\nos.write(w, b'piped')\nos.close(w)");
  STRCMP_EQUAL("piped", reply.body.c_str());
}

TEST(FileWrapper, after_write_it_is_iterated) {
  site.application("f = open('" + site.path("data") +
                   "', 'rb')\nstart_response('200 OK', [])(b'>')\nreturn environ['wsgi.file_wrapper'](f)");
  const Reply reply = site.get();
  STRCMP_EQUAL(">0123456789", reply.body.c_str());
  LONGS_EQUAL(0, reply.count("file"));
}

TEST(FileWrapper, a_host_that_sends_no_files_gets_blocks) {
  site.sends_files = false;
  STRCMP_EQUAL("0123456789", wrapped("wrap(f)").body.c_str());
}

TEST(FileWrapper, head_sends_nothing_of_the_file) {
  site.request_flags |= GATEHOUSE_HEAD_REQUEST;
  const Reply reply = wrapped("wrap(f)");
  LONGS_EQUAL(GATEHOUSE_COMPLETE, reply.result);
  LONGS_EQUAL(0, reply.count("file"));
  STRCMP_EQUAL("", reply.body.c_str());
}

TEST(FileWrapper, a_client_that_goes_aborts) {
  site.gone_at_send = 0;
  LONGS_EQUAL(GATEHOUSE_ABORTED, wrapped("wrap(f)").result);
}

TEST(FileWrapper, wrong_uses_are_refused) {
  CHECK(wrapped("wrap(f, -1)").logged("ValueError: blksize must not be negative"));
  CHECK(wrapped("wrap(open(f.name))", "[]", "f.fileno").logged("must give bytes, not str"));
  CHECK(
      wrapped("[w.close(), list(w)]", "[]", "w = wrap(f)").logged("ValueError: I/O operation on a closed FileWrapper"));
}

TEST(FileWrapper, shows_its_file_and_block_size) {
  CHECK(wrapped("[b'']", "[]", "w = wrap(f, 5)\nprint(w.filelike is f, w.blksize, wrap(f).blksize)")
            .logged("True 5 8192"));
}
