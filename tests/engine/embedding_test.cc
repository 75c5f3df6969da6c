// SPDX-License-Identifier: Apache-2.0

// What endangers a process that embeds CPython (tests/README.md has the list), each in a process of its own. Short
// forms: GATEHOUSE_LONG=1 in the environment asks for the long ones.

#include <cstdlib>
#include <string>
#include <string_view>

#include "tests/engine/fake_host.h"
#include "tests/engine/scenarios.h"

#include <CppUTest/TestHarness.h>

using fake_host::in_own_process;
using fake_host::Printed;
using fake_host::Site;

TEST_GROUP(Embedding) {
  const bool is_long = std::getenv("GATEHOUSE_LONG") != nullptr;

  void prints(const char* scenario, const std::string& argument, const char* expected) {
    const Printed printed = in_own_process(scenario, argument);
    LONGS_EQUAL_TEXT(0, printed.status, (argument + ": " + printed.text).c_str());
    STRCMP_EQUAL_TEXT(expected, printed.text.c_str(), argument.c_str());
  }
};

TEST(Embedding, c_code_calls_back_into_the_interpreter_of_the_request) {
  // CFUNCTYPE gives the lock up around the call, PYFUNCTYPE keeps it.
  for (const char* type : {"CFUNCTYPE", "PYFUNCTYPE"})
    prints("callbacks", type, "'': 42 True\n'one': 42 True\n'': 42 True\n'two': 42 True\n'one': 42 True\n");
}

TEST(Embedding, thirty_two_interpreters_import_at_once) {
  for (int round = 0; round < (is_long ? 50 : 1); ++round)
    prints("imports-at-once", "32", "32 x [\"2026-11-27\", \"3.30\"] 42 CERT_REQUIRED\n");
}

TEST(Embedding, interpreters_with_a_lock_each_import_at_once) {
  if (std::string_view(fake_host::expected_version()) < "3.12") return;
  for (int round = 0; round < (is_long ? 50 : 1); ++round)
    prints("imports-at-once", is_long ? "32 own" : "8 own",
           is_long ? "32 x [\"2026-11-27\", \"3.30\"] 42 CERT_REQUIRED\n"
                   : "8 x [\"2026-11-27\", \"3.30\"] 42 CERT_REQUIRED\n");
}

TEST(Embedding, work_that_is_left_behind_neither_holds_up_nor_breaks_the_end) {
  for (int round = 0; round < (is_long ? 200 : 1); ++round)
    for (const char* way : {"daemon threads that compute", "daemon threads that wait", "threads that are told",
                            "a ThreadPool", "a ThreadPoolExecutor", "threads of C code"})
      prints("work-left-behind", way, "begun\nbegun\nstopped\n");
}

TEST(Embedding, a_request_imports_nothing) {
  Site site;
  site.script(
      "import builtins\n"
      "found, seen = builtins.__import__, []\n"
      "def counted(name, *more):\n"
      "    seen.append(name)\n"
      "    return found(name, *more)\n"
      "def application(environ, start_response):\n"
      "    builtins.__import__ = counted if environ['HTTP_KIND'] != 'end' else found\n"
      "    kind = environ['HTTP_KIND']\n"
      "    body = environ['wsgi.input'].readline() + environ['wsgi.input'].read()\n"
      "    environ['wsgi.errors'].write('line')\n"
      "    print('line')\n"
      "    write = start_response('200 OK', [('X-A', kind)])\n"
      "    if kind == 'yield': return (block for block in (body, body))\n"
      "    if kind == 'write': write(body); return []\n"
      "    if kind == 'file': return environ['wsgi.file_wrapper'](open(__file__, 'rb'))\n"
      "    return [repr(seen).encode()]\n");
  for (const char* kind : {"list", "yield", "write", "file", "list"}) {
    site.environ = {{"HTTP_KIND", kind}};
    LONGS_EQUAL(GATEHOUSE_COMPLETE, site.post("a\nb").result);
  }
  site.environ = {{"HTTP_KIND", "end"}};
  STRCMP_EQUAL("[]", site.get().body.c_str());
}
