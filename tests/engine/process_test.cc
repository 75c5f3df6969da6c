// SPDX-License-Identifier: Apache-2.0

// Start, settings, fork and stop: each in a process of its own.

#include <cstdlib>
#include <initializer_list>
#include <string>

#include "tests/engine/fake_host.h"
#include "tests/engine/scenarios.h"

#include <CppUTest/TestHarness.h>

using fake_host::in_own_process;
using fake_host::Printed;

TEST_GROUP(Process){void prints(const char* scenario, std::initializer_list<const char*> parts){
    const Printed printed = in_own_process(scenario);
LONGS_EQUAL_TEXT(0, printed.status, printed.text.c_str());
for (const char* part : parts) STRCMP_CONTAINS(part, printed.text.c_str());
}
}
;

TEST(Process, the_table_tells_abi_and_version) {
  LONGS_EQUAL(GATEHOUSE_ENGINE_ABI, fake_host::engine().abi);
  std::string version = fake_host::expected_version();
  if (version.ends_with('t')) version.pop_back();  // a free-threaded build has the numbers of any other
  STRCMP_CONTAINS((version + ".").c_str(), fake_host::engine().python_version);
}

TEST(Process, starting_twice_is_refused) {
  gatehouse_python python = {};
  python.size = sizeof python;
  gatehouse_error error = {};
  error.size = sizeof error;
  LONGS_EQUAL(-1, fake_host::engine().start(&python, &fake_host::host(), &error));
  STRCMP_CONTAINS("GH0600: ", error.text);
}

TEST(Process, a_bad_home_is_one_sentence) {
  prints("bad-home", {"refused 600: GH0600: the Python home /tmp/gatehouse-engine-", "holds no readable",
                      "No such file or directory"});
}

TEST(Process, a_bad_executable_is_one_sentence) {
  prints("bad-executable", {"refused 600: GH0600: the Python executable /nowhere/bin/python3 cannot be used"});
}

TEST(Process, an_environment_of_another_version_is_one_sentence) {
  prints("environment-of-other-version",
         {"refused 600: GH0600: the virtual environment /tmp/gatehouse-engine-", "is of Python 2.5.0, but"});
}

TEST(Process, the_rules_for_an_interpreter_shape_it) {
  const std::string text = in_own_process("rules").text;
  STRCMP_CONTAINS("(0.25, ['/tmp/all', '/", text.c_str());
  STRCMP_CONTAINS("'<stdin>', True)\n(0.25, ['/tmp/sub', '/tmp/all'], 'sys.stdin access restricted by mod_wsgi', True)",
                  text.c_str());
}

TEST(Process, a_pool_serves_each_thread_by_one_of_its_interpreters) {
  const std::string text = in_own_process("pool").text;
  if (std::string_view(fake_host::expected_version()) < "3.12")
    STRCMP_CONTAINS("GH0600: interpreters=2 needs Python 3.12 or newer", text.c_str());
  else if (fake_host::is_free_threading())
    STRCMP_CONTAINS("GH0600: interpreters=2 makes no sense with WSGIFreeThreading On", text.c_str());
  else
    STRCMP_EQUAL("thread 1: 1\nthread 2: 1\nthread 3: 2\nthread 1: 3\n", text.c_str());
}

TEST(Process, settings_reach_python) {
  prints("settings",
         {"(['mod_wsgi'], ['home', 'extra', 'linked'], 2, True, 0, ['error::UserWarning'], 0)", "SIGINT is as it was"});
}

TEST(Process, an_environments_packages_are_found) {
  fake_host::Site site;
  site.application("import sys\nstart_response('200 OK', [])\nreturn [sys.executable.encode()]");
  const std::string python = site.get().body;
  const std::string venv = site.path("venv");
  LONGS_EQUAL(0, system((python + " -m venv --without-pip " + venv).c_str()));
  site.write_file("venv/lib/python" + std::string(fake_host::expected_version()) + "/site-packages/only_here.py", "");
  const Printed printed = in_own_process("environment", venv);
  STRCMP_EQUAL(("(True, '" + venv + "/bin/python')\n").c_str(), printed.text.c_str());
}

TEST(Process, forked_workers_serve) { prints("fork-workers", {"child 0\nchild 0\nrandom differs\nparent 0\n"}); }

TEST(Process, loading_ahead_looks_for_the_callable_and_threads_are_named) {
  prints("load-ahead", {"0 threads\n", "'application' 0 0 \n", "'absent' -1 606 ", "has no callable 'absent'",
                        "'' 0 0 \n", "1 threads: poller\n"});
}

TEST(Process, the_child_of_an_applications_fork_is_told) {
  prints("application-fork", {"told\nchild told 1\n", "parent told 0\n"});
}

TEST(Process, the_child_of_an_applications_fork_waits_for_no_thread_of_its_parent) {
  prints("application-fork-beside-a-queue", {"told\nchild answered\n", "parent 5\n"});
}

TEST(Process, a_signal_for_an_applications_child_reaches_no_handler_of_its_parent) {
  prints("signal-during-application-fork", {"ended by 15\nthe parent's handler\n"});
}

TEST(Process, a_fork_beside_other_interpreters_is_warned_of) {
  prints("application-fork-beside-interpreters",
         {"told\n", "result 0\n", "GH0616: an application forks a process that has several"});
}

TEST(Process, stop_joins_threads_and_runs_atexit_in_each_interpreter) {
  const Printed printed = in_own_process("stop");
  LONGS_EQUAL(0, printed.status);
  STRCMP_CONTAINS("thread ended\n", printed.text.c_str());
  STRCMP_CONTAINS("atexit ran in _mod_wsgi_\n", printed.text.c_str());
  const std::string& text = printed.text;
  const std::size_t first = text.find("atexit ran in");
  CHECK(first != std::string::npos && text.find("atexit ran in", first + 1) != std::string::npos);
}
