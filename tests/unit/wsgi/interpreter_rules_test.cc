// SPDX-License-Identifier: Apache-2.0
#include "wsgi/interpreter_rules.h"

#include <vector>

#include <CppUTest/TestHarness.h>

using wsgi::InterpreterRule;
using wsgi::InterpreterSettings;

namespace {

constexpr const char* kAny = nullptr;

InterpreterRule rule(gatehouse_setting setting, std::int64_t number, const char* process, const char* application) {
  InterpreterRule made;
  made.setting = setting;
  made.number = number;
  if (process != kAny) made.process_group = process;
  if (application != kAny) made.application_group = application;
  return made;
}

InterpreterRule path(const char* directories, const char* process, const char* application) {
  InterpreterRule made = rule(GATEHOUSE_PYTHON_PATH, 0, process, application);
  made.text = directories;
  return made;
}

InterpreterRule interval(std::int64_t micros, const char* process, const char* application) {
  return rule(GATEHOUSE_SWITCH_INTERVAL, micros, process, application);
}

}  // namespace

TEST_GROUP(InterpreterRules){};

TEST(InterpreterRules, WithoutRulesOnlySignalsAreRestricted) {
  const InterpreterSettings settings = wsgi::settings_for({}, "shop", "");
  CHECK_TRUE(settings.restrict_signal);
  CHECK_FALSE(settings.restrict_stdin || settings.restrict_stdout || settings.own_gil || settings.free_threading);
  LONGS_EQUAL(0, settings.switch_interval_us);
  CHECK_TRUE(settings.python_path.empty());
}

TEST(InterpreterRules, TheMostSpecificCountsAndOfEqualsTheLast) {
  const InterpreterRule everywhere = interval(1, kAny, kAny), again = interval(2, kAny, kAny),
                        of_shop = interval(3, "shop", kAny), of_blog = interval(4, "blog", kAny),
                        of_main = interval(5, kAny, ""), of_shop_main = interval(6, "shop", ""),
                        of_shop_admin = interval(7, "shop", "admin");
  struct Row {
    std::vector<InterpreterRule> rules;
    const char* process;
    const char* application;
    std::int64_t wanted;
  };
  const Row rows[] = {
      {{everywhere}, "shop", "", 1},
      {{everywhere, again}, "shop", "", 2},
      {{of_shop, everywhere}, "shop", "", 3},
      {{of_shop, everywhere}, "other", "", 1},
      {{of_shop, everywhere}, "", "", 1},
      {{of_blog, of_shop}, "blog", "x", 4},
      {{of_shop, of_main}, "shop", "", 5},
      {{of_main, of_shop}, "shop", "", 3},
      {{of_main, of_shop}, "shop", "admin", 3},
      {{of_shop_main, of_main, of_shop, everywhere}, "shop", "", 6},
      {{of_shop_admin, of_shop_main}, "shop", "admin", 7},
      {{of_shop_admin, of_shop_main}, "shop", "Admin", 0},
      {{of_shop_admin}, "", "admin", 0},
  };
  for (const Row& row : rows)
    LONGS_EQUAL(row.wanted, wsgi::settings_for(row.rules, row.process, row.application).switch_interval_us);
}

TEST(InterpreterRules, ASwitchOfALessSpecificRuleIsTakenBack) {
  for (const gatehouse_setting setting :
       {GATEHOUSE_OWN_GIL, GATEHOUSE_RESTRICT_STDIN, GATEHOUSE_RESTRICT_STDOUT, GATEHOUSE_RESTRICT_SIGNAL}) {
    const std::vector<InterpreterRule> rules = {rule(setting, 0, "shop", kAny), rule(setting, 1, kAny, kAny)};
    const auto is_on = [&](const char* process) {
      const InterpreterSettings settings = wsgi::settings_for(rules, process, "x");
      switch (setting) {
        case GATEHOUSE_OWN_GIL:
          return settings.own_gil;
        case GATEHOUSE_RESTRICT_STDIN:
          return settings.restrict_stdin;
        case GATEHOUSE_RESTRICT_STDOUT:
          return settings.restrict_stdout;
        default:
          return settings.restrict_signal;
      }
    };
    CHECK_FALSE(is_on("shop"));
    CHECK_TRUE(is_on("blog"));
  }
}

TEST(InterpreterRules, PathsAddUpFromTheLeastToTheMostSpecific) {
  const std::vector<InterpreterRule> rules = {path("/both", "shop", "admin"), path("/shop1", "shop", kAny),
                                              path("/all", kAny, kAny), path("/shop2", "shop", kAny),
                                              path("/blog", "blog", kAny)};
  const std::vector<std::string> wanted = {"/all", "/shop1", "/shop2", "/both"};
  CHECK((wsgi::settings_for(rules, "shop", "admin").python_path == wanted));
}

TEST(InterpreterRules, FreeThreadingIsOfTheProcess) {
  CHECK_TRUE(
      wsgi::settings_for(std::vector{rule(GATEHOUSE_FREE_THREADING, 1, "shop", kAny)}, "shop", "").free_threading);
  CHECK_FALSE(
      wsgi::settings_for(std::vector{rule(GATEHOUSE_FREE_THREADING, 1, "shop", "")}, "shop", "").free_threading);
}

TEST(InterpreterRules, AnIntervalTellsWhetherItIsOfOneApplicationGroup) {
  const std::vector<InterpreterRule> rules = {interval(1, "shop", kAny), interval(2, "shop", "admin")};
  CHECK_FALSE(wsgi::settings_for(rules, "shop", "").switch_interval_of_one_group);
  CHECK_TRUE(wsgi::settings_for(rules, "shop", "admin").switch_interval_of_one_group);
}
