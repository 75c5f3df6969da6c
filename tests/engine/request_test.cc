// SPDX-License-Identifier: Apache-2.0

// A request from start to end.

#include <string>

#include "tests/engine/fake_host.h"

#include <CppUTest/TestHarness.h>

using fake_host::Reply;
using fake_host::Site;

TEST_GROUP(Request) {
  Site site;
};

TEST(Request, one_block_is_answered_whole_with_its_length) {
  site.application("start_response('200 OK', [('Content-Type', 'text/plain')])\nreturn [b'Hello']");
  const Reply reply = site.get();
  LONGS_EQUAL(GATEHOUSE_COMPLETE, reply.result);
  LONGS_EQUAL(200, reply.status);
  STRCMP_EQUAL("OK", reply.reason.c_str());
  STRCMP_EQUAL("Hello", reply.body.c_str());
  STRCMP_EQUAL("text/plain", reply.header("Content-Type").c_str());
  STRCMP_EQUAL("5", reply.header("Content-Length").c_str());
  LONGS_EQUAL(5, reply.content_length);
}
