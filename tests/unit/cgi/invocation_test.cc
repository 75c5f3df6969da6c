// SPDX-License-Identifier: Apache-2.0
#include "cgi/invocation.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include <CppUTest/TestHarness.h>

namespace {

class TestArena final : public wsgi::Arena {
 public:
  char* allocate(std::size_t size) override {
    blocks_.push_back(std::make_unique<char[]>(size));
    return blocks_.back().get();
  }

 private:
  std::vector<std::unique_ptr<char[]>> blocks_;
};

}  // namespace

TEST_GROUP(CgiInvocation) {
  std::string directory;
  std::string script;
  std::string program;
  std::vector<std::string> texts;
  std::vector<const char*> pointers;

  void setup() override {
    char name[] = "/tmp/gatehouse-unit-XXXXXX";
    CHECK(mkdtemp(name) != nullptr);
    directory = name;
    script = directory + "/app.wsgi";
    program = directory + "/gatehouse-cgi";
    std::ofstream(script) << "application = None\n";
    std::ofstream(program) << "program\n";
    set("REQUEST_METHOD", "GET");
  }
  void teardown() override {
    unlink(script.c_str());
    unlink(program.c_str());
    rmdir(directory.c_str());
  }

  void set(const std::string& name, const std::string& value) { texts.push_back(name + "=" + value); }
  cgi::Variables variables() {
    pointers.clear();
    for (const std::string& text : texts) pointers.push_back(text.c_str());
    pointers.push_back(nullptr);
    return cgi::Variables(pointers.data());
  }
  base::Result<cgi::Invocation> read(std::vector<const char*> arguments) {
    return cgi::read_invocation(arguments, variables(), program);
  }
  void started_by_script_line() { set("SCRIPT_FILENAME", script); }
  void started_by_action(const std::string& translated) {
    set("SCRIPT_FILENAME", program);
    set("REDIRECT_STATUS", "200");
    set("PATH_TRANSLATED", translated);
  }
  void refused(const base::Result<cgi::Invocation>& result, const char* because) {
    CHECK(!result);
    LONGS_EQUAL(static_cast<int>(base::Message::kCgiUsage), static_cast<int>(result.error().message));
    STRCMP_CONTAINS(because, result.error().what.c_str());
  }
};

TEST(CgiInvocation, ScriptLineWithoutOptionsNamesTheScript) {
  started_by_script_line();
  const auto invocation = read({"gatehouse-cgi", script.c_str()});
  CHECK(static_cast<bool>(invocation));
  STRCMP_EQUAL(script.c_str(), invocation->script.c_str());
  STRCMP_EQUAL("", invocation->python.c_str());
}

TEST(CgiInvocation, OptionsOfTheScriptLineAreTaken) {
  started_by_script_line();
  const auto invocation = read({"gatehouse-cgi", "--python=3.12  --python-home=/srv/env", script.c_str()});
  CHECK(static_cast<bool>(invocation));
  STRCMP_EQUAL("3.12", invocation->python.c_str());
  STRCMP_EQUAL("/srv/env", invocation->python_home.c_str());
}

TEST(CgiInvocation, ShortOptionTakesItsValueWithOrWithoutABlank) {
  started_by_script_line();
  STRCMP_EQUAL("3.10", read({"gatehouse-cgi", "-p 3.10", script.c_str()})->python.c_str());
  STRCMP_EQUAL("3.10", read({"gatehouse-cgi", "-p3.10", script.c_str()})->python.c_str());
}

TEST(CgiInvocation, UnknownOptionIsRefused) {
  started_by_script_line();
  refused(read({"gatehouse-cgi", "--pyhton=3.12", script.c_str()}), "--pyhton=3.12");
}

TEST(CgiInvocation, OptionsOfTheScriptLineWinOverTheEnvironment) {
  started_by_script_line();
  set("GATEHOUSE_PYTHON", "3.10");
  STRCMP_EQUAL("3.10", read({"gatehouse-cgi", script.c_str()})->python.c_str());
  STRCMP_EQUAL("3.12", read({"gatehouse-cgi", "--python=3.12", script.c_str()})->python.c_str());
}

TEST(CgiInvocation, AQueryStringAmongTheArgumentsIsNotBelieved) {
  started_by_script_line();
  const auto invocation = read({"gatehouse-cgi", script.c_str(), "--python=2.7", "/etc/passwd"});
  CHECK(static_cast<bool>(invocation));
  STRCMP_EQUAL("", invocation->python.c_str());
  STRCMP_EQUAL(script.c_str(), invocation->script.c_str());
}

TEST(CgiInvocation, AScriptThatTheServerDidNotNameIsRefused) {
  started_by_script_line();
  refused(read({"gatehouse-cgi", "/etc/passwd"}), "is not the script");
  refused(read({"gatehouse-cgi"}), "is not the script");
}

TEST(CgiInvocation, ActionServesThePathTranslated) {
  started_by_action(script);
  set("PATH_INFO", "/app.wsgi");
  const auto invocation = read({"gatehouse-cgi"});
  CHECK(static_cast<bool>(invocation));
  STRCMP_EQUAL(script.c_str(), invocation->script.c_str());
  STRCMP_EQUAL("/app.wsgi", invocation->script_name.c_str());
  STRCMP_EQUAL("", invocation->path_info.c_str());
}

TEST(CgiInvocation, ActionSplitsWhatFollowsTheScript) {
  started_by_action(script + "/more/of it");
  set("PATH_INFO", "/site/app.wsgi/more/of it");
  const auto invocation = read({"gatehouse-cgi"});
  CHECK(static_cast<bool>(invocation));
  STRCMP_EQUAL(script.c_str(), invocation->script.c_str());
  STRCMP_EQUAL("/site/app.wsgi", invocation->script_name.c_str());
  STRCMP_EQUAL("/more/of it", invocation->path_info.c_str());
}

TEST(CgiInvocation, ActionBelievesNoArgument) {
  started_by_action(script);
  const auto invocation = read({"gatehouse-cgi", "--python=2.7", "/etc/passwd"});
  CHECK(static_cast<bool>(invocation));
  STRCMP_EQUAL(script.c_str(), invocation->script.c_str());
  STRCMP_EQUAL("", invocation->python.c_str());
}

TEST(CgiInvocation, ADirectRequestForTheProgramIsRefused) {
  set("SCRIPT_FILENAME", program);
  set("PATH_TRANSLATED", script);
  refused(read({"gatehouse-cgi"}), "Action only");
}

TEST(CgiInvocation, ActionWithoutAScriptIsRefused) {
  started_by_action("/nowhere/at/all");
  refused(read({"gatehouse-cgi"}), "names no script");
}

TEST(CgiInvocation, WithoutAServerItIsRefused) { refused(read({"gatehouse-cgi", "app.wsgi"}), "web server"); }

TEST(CgiInvocation, EnvironHidesWhatOtherModesDoNotHave) {
  started_by_script_line();
  for (const char* name : {"PATH", "HTTPS", "HTTP_PROXY", "GATEWAY_INTERFACE", "SERVER_SIGNATURE", "GATEHOUSE_PYTHON"})
    set(name, "1");
  set("HTTP_HOST", "here");
  TestArena arena;
  wsgi::EnvironList list(arena);
  bool https = false;
  cgi::fill_environ(variables(), read({"gatehouse-cgi", script.c_str()}).value(), &list, &https);
  for (const std::string_view name :
       {"PATH", "HTTPS", "HTTP_PROXY", "GATEWAY_INTERFACE", "SERVER_SIGNATURE", "GATEHOUSE_PYTHON"})
    CHECK_TEXT(list.find(name).data() == nullptr, name.data());
  CHECK(list.find("HTTP_HOST") == "here");
  CHECK(https);
}

TEST(CgiInvocation, EnvironCannotForgeReservedKeys) {
  started_by_script_line();
  set("wsgi.url_scheme", "gopher");
  set("mod_wsgi.process_group", "other");
  TestArena arena;
  wsgi::EnvironList list(arena);
  bool https = false;
  cgi::fill_environ(variables(), read({"gatehouse-cgi", script.c_str()}).value(), &list, &https);
  CHECK(list.find("wsgi.url_scheme").data() == nullptr);
  CHECK(list.find("mod_wsgi.process_group").empty());
}

TEST(CgiInvocation, EnvironHasPathsWithoutRunsOfSlashes) {
  started_by_script_line();
  set("SCRIPT_NAME", "//app");
  set("PATH_INFO", "/a//b");
  TestArena arena;
  wsgi::EnvironList list(arena);
  bool https = true;
  cgi::fill_environ(variables(), read({"gatehouse-cgi", script.c_str()}).value(), &list, &https);
  CHECK(list.find("SCRIPT_NAME") == "/app");
  CHECK(list.find("PATH_INFO") == "/a/b");
  CHECK(list.find("QUERY_STRING").data() != nullptr);
  CHECK(!https);
}

TEST(CgiInvocation, TheServerIsKnownByItsName) {
  const gatehouse_server server = cgi::server_of("Apache/2.4.62 (Unix)");
  STRCMP_EQUAL("2.4.62 (Unix)", server.version);
  STRCMP_EQUAL("Apache/2.4.62 (Unix)", server.description);
  POINTERS_EQUAL(nullptr, cgi::server_of(nullptr).version);
  POINTERS_EQUAL(nullptr, cgi::server_of("lighttpd").version);
}
