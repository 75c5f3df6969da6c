// SPDX-License-Identifier: Apache-2.0

// The environ dict.

#include <string>
#include <utility>
#include <vector>

#include "tests/engine/fake_host.h"

#include <CppUTest/TestHarness.h>

using fake_host::Reply;
using fake_host::Site;

TEST_GROUP(Environ) {
  Site site;

  // repr() of a Python expression that may use environ.
  std::string seen(const std::string& expression) {
    site.application("start_response('200 OK', [])\nreturn [repr(" + expression + ").encode()]");
    return site.get().body;
  }
};

TEST(Environ, is_a_dict_exactly) { STRCMP_EQUAL("True", seen("type(environ) is dict").c_str()); }

TEST(Environ, has_the_pairs_of_the_host_as_latin1) {
  site.environ = {{"REQUEST_METHOD", "GET"}, {"PATH_INFO", "/caf\xc3\xa9"}, {"HTTP_X", "\xe9"}, {"EMPTY", ""}};
  STRCMP_EQUAL("('GET', '/caf\xc3\x83\xc2\xa9', '\xc3\xa9', '')",
               seen("(environ['REQUEST_METHOD'], environ['PATH_INFO'], environ['HTTP_X'], environ['EMPTY'])").c_str());
}

TEST(Environ, decodes_file_names_as_the_file_system_does) {
  site.environ = {{"SCRIPT_FILENAME", "/caf\xc3\xa9\xff"}};
  STRCMP_EQUAL("True", seen("__import__('os').fsencode(environ['SCRIPT_FILENAME']) == b'/caf\\xc3\\xa9\\xff'").c_str());
}

TEST(Environ, has_the_wsgi_keys) {
  site.request_flags = GATEHOUSE_MULTIPROCESS | GATEHOUSE_HTTPS;
  STRCMP_EQUAL("((1, 0), 'https', False, True, False, True)",
               seen("tuple(environ['wsgi.' + key] for key in ('version', 'url_scheme', 'multithread', 'multiprocess',"
                    " 'run_once', 'input_terminated'))")
                   .c_str());
}

TEST(Environ, flags_of_one_request_do_not_reach_the_next) {
  site.request_flags = GATEHOUSE_HTTPS | GATEHOUSE_RUN_ONCE;
  seen("1");
  site.request_flags = 0;
  STRCMP_EQUAL("('http', False)", seen("(environ['wsgi.url_scheme'], environ['wsgi.run_once'])").c_str());
}

TEST(Environ, keys_of_one_request_do_not_reach_the_next) {
  site.environ = {{"HTTP_COOKIE", "secret"}};
  seen("1");
  site.environ = {};
  STRCMP_EQUAL("False", seen("'HTTP_COOKIE' in environ").c_str());
}

// The second and the third of equal requests begin from what those before have in common.
TEST(Environ, is_the_same_whatever_came_before) {
  const std::vector<std::vector<std::pair<std::string, std::string>>> environs = {
      {{"REQUEST_METHOD", "GET"}, {"HTTP_A", "1"}, {"SERVER_NAME", "x"}, {"DOCUMENT_ROOT", "/\xff"}},
      {{"REQUEST_METHOD", "POST"}, {"HTTP_A", "2"}, {"SERVER_NAME", "y"}, {"DOCUMENT_ROOT", "/a"}},
      {{"REQUEST_METHOD", "GET"}, {"SERVER_NAME", "x"}, {"HTTP_A", "1"}},
      {{"REQUEST_METHOD", "GET"}, {"SERVER_NAME", "x"}},
      {{"HTTP_A", "1"}, {"HTTP_A", "2"}, {"SERVER_NAME", "x"}},
      {{"wsgi.version", "mine"}, {"mod_wsgi.process_group", "other"}},
      {}};
  // Values that are objects of the request, or change with time, by their type.
  site.application(
      "start_response('200 OK', [])\n"
      "return [repr([(k, v if type(v) in (str, tuple, bool) else type(v).__name__)"
      " for k, v in environ.items()]).encode()]");
  std::vector<std::string> first;
  for (const auto& pairs : environs) {
    site.environ = pairs;
    first.push_back(site.get().body);
  }
  for (const std::size_t which :
       {0u, 0u, 0u, 1u, 1u, 0u, 1u, 2u, 2u, 2u, 3u, 3u, 3u, 2u, 4u, 4u, 4u, 5u, 5u, 5u, 6u, 6u, 6u, 0u}) {
    site.environ = environs[which];
    STRCMP_EQUAL(first[which].c_str(), site.get().body.c_str());
  }
}

TEST(Environ, keeps_no_object_of_a_request) {
  site.interpreter = "keeps nothing";
  site.environ = {{"HTTP_A", "1"}};
  site.application(
      "import gc\nstart_response('200 OK', [])\n"
      "inputs = [o for o in gc.get_objects() if type(o) is dict and 'wsgi.input' in o and o is not environ]\n"
      "return [repr([(o['wsgi.input'], o.get('HTTP_A')) for o in inputs]).encode()]");
  std::string last;
  for (int i = 0; i < 4; ++i) last = site.get().body;
  STRCMP_EQUAL("[(None, None)]", last.c_str());
}

TEST(Environ, changes_of_the_application_stay_in_its_request) {
  seen("environ.update({'wsgi.version': 0, 'mine': 1})");
  STRCMP_EQUAL("((1, 0), False)", seen("(environ['wsgi.version'], 'mine' in environ)").c_str());
}

TEST(Environ, a_value_that_changes_is_seen_changed) {
  site.environ = {{"SERVER_NAME", "one"}};
  STRCMP_EQUAL("'one'", seen("environ['SERVER_NAME']").c_str());
  site.environ = {{"SERVER_NAME", "two"}};
  STRCMP_EQUAL("'two'", seen("environ['SERVER_NAME']").c_str());
}

TEST(Environ, tells_groups_callable_and_times) {
  site.interpreter = "environ-test";
  site.application_group = "configured|/x";
  STRCMP_EQUAL("((6, 0, 5), 'test-group', 'configured|/x', 'application', 1.5, 0.0, 0.0, 7, True)",
               seen("tuple(environ['mod_wsgi.' + key] for key in ('version', 'process_group', 'application_group',"
                    " 'callable_object', 'request_start', 'queue_start', 'daemon_start', 'thread_id'))"
                    " + (abs(environ['mod_wsgi.application_start'] - __import__('time').time()) < 5,)")
                   .c_str());
}

TEST(Environ, makes_a_tuple_of_the_version_of_apache) {
  site.environ = {{"apache.version", "2.4.71"}};
  STRCMP_EQUAL("(2, 4, 71)", seen("environ['apache.version']").c_str());
}

TEST(Environ, has_the_request_rec_only_when_the_host_gives_it) {
  STRCMP_EQUAL("False", seen("'apache.request_rec' in environ").c_str());
  site.request_rec = &site;
  STRCMP_EQUAL("'PyCapsule'", seen("type(environ['apache.request_rec']).__name__").c_str());
}

TEST(Environ, survives_more_names_than_it_remembers) {
  site.environ.clear();
  for (int i = 0; i < 2000; ++i) site.environ.emplace_back("HTTP_N" + std::to_string(i), std::to_string(i));
  STRCMP_EQUAL("(True, True)", seen("(all(environ['HTTP_N%d' % i] == str(i) for i in range(2000)), "
                                    "'wsgi.input' in environ)")
                                   .c_str());
}

TEST(Environ, modules_tell_the_process) {
  STRCMP_EQUAL("((6, 0, 5), 'test-group', 2, 5, True, 25)",
               seen("(lambda m, a: (m.version, m.process_group, m.maximum_processes, m.threads_per_process,"
                    " m.FileWrapper is environ['wsgi.file_wrapper'], a.threads_per_process))"
                    "(__import__('mod_wsgi'), __import__('apache'))")
                   .c_str());
}
