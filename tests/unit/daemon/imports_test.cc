// SPDX-License-Identifier: Apache-2.0
#include "daemon/imports.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <string>

#include "base/log.h"

#include <CppUTest/TestHarness.h>

using gatehoused::Loaded;

namespace {

constinit int lines = 0;
constinit char asked_for[256] = "";

void count_line(void*, base::Level, std::string_view) { ++lines; }

int load_unless_bad(const gatehouse_target* target, gatehouse_error*) {
  std::snprintf(asked_for, sizeof asked_for, "%.*s %.*s %.*s", static_cast<int>(target->callable.size),
                target->callable.data, static_cast<int>(target->interpreter.size), target->interpreter.data,
                static_cast<int>(target->application_group.size), target->application_group.data);
  return std::strstr(target->script.data, "bad") != nullptr ? -1 : 0;
}

int name_one_thread(char* into, size_t size) {
  std::snprintf(into, size, "Thread-1");
  return 1;
}

}  // namespace

TEST_GROUP(Imports) {
  std::string directory;
  gatehouse_engine_table engine{};
  gatehoused::PlannedImport planned{{wire::Import::Kind::kApplication, "", "blog", "group"}, "application", false};
  std::int64_t mtime = -1;

  void setup() override {
    lines = 0;
    base::set_log_sink(count_line, nullptr);
    char name[] = "/tmp/gatehouse-unit-XXXXXX";
    directory = mkdtemp(name);
    engine.load = load_unless_bad;
    engine.name_threads = name_one_thread;
  }
  void teardown() override {
    base::set_log_sink(nullptr, nullptr);
    for (const char* name : {"/good", "/bad"}) unlink((directory + name).c_str());
    rmdir(directory.c_str());
  }
  Loaded load(const char* name, bool exists = true) {
    planned.import.script = directory + name;
    if (exists) close(open(planned.import.script.c_str(), O_CREAT | O_WRONLY, 0644));
    return load_import(engine, "unit", planned, &mtime);
  }
};

TEST(Imports, AreLoadedByTheEngineWithTheFilesTime) {
  CHECK(load("/good") == Loaded::kYes);
  STRCMP_EQUAL("application blog group", asked_for);
  LONGS_EQUAL(gatehoused::mtime_of(planned.import.script), mtime);
  CHECK(mtime > 0);
}

TEST(Imports, ThatTheEngineRefusesHaveFailed) { CHECK(load("/bad") == Loaded::kNo); }

TEST(Imports, ThatAreNotThereAreTold) {
  CHECK(load("/good", false) == Loaded::kAbsent);
  LONGS_EQUAL(0, mtime);
  LONGS_EQUAL(1, lines);
}

TEST(Imports, ThatAreRequiredAndNotThereAreTheCallersToTell) {
  planned.required = true;
  CHECK(load("/good", false) == Loaded::kAbsent);
  LONGS_EQUAL(0, lines);
}

TEST(Imports, ADirectoryIsNoScript) { CHECK(load("", false) == Loaded::kAbsent); }

TEST(Imports, AChildProcessIsCompanyWithAName) {
  const pid_t child = fork();
  if (child == 0) {
    pause();
    _exit(0);
  }
  const gatehoused::Company company = gatehoused::company_of_this_process(engine);
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  LONGS_EQUAL(1, company.children);
  CHECK_FALSE(company.names.empty());
  CHECK_FALSE(gatehoused::company_of_this_process(engine).any());
}
