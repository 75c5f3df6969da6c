// SPDX-License-Identifier: Apache-2.0
#include "wsgi/module_target.h"

#include <CppUTest/TestHarness.h>

namespace {

// "script callable", or "refused".
std::string parsed(std::string_view text) {
  const auto target = wsgi::parse_module_target(text);
  return target ? target->script + " " + target->callable : "refused";
}

}  // namespace

TEST_GROUP(ModuleTarget){};

TEST(ModuleTarget, HasAModuleAndPerhapsACallable) {
  STRCMP_EQUAL("module:package.wsgi application", parsed("module:package.wsgi:application").c_str());
  STRCMP_EQUAL("module:shop ", parsed("module:shop").c_str());
  STRCMP_EQUAL("module:_a.b1.\xc3\xa4 app", parsed("module:_a.b1.\xc3\xa4:app").c_str());
}

TEST(ModuleTarget, AnythingElseIsRefused) {
  for (const char* text : {"module:", "module::app", "module:a:", "module:a.", "module:.a", "module:a..b", "module:1a",
                           "module:a-b", "module:a:b.c", "module:a:b:c", "module:a/b", "module:$1", "/a", "Module:a"})
    STRCMP_EQUAL_TEXT("refused", parsed(text).c_str(), text);
}

TEST(ModuleTarget, NoPathIsOne) {
  CHECK_FALSE(wsgi::names_module("/srv/module:a"));
  CHECK_TRUE(wsgi::names_module("module:a.b"));
  CHECK(wsgi::module_of("module:a.b") == "a.b");
}
