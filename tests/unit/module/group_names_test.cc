// SPDX-License-Identifier: Apache-2.0
#include "module/group_names.h"

#include <string>
#include <vector>

#include <CppUTest/TestHarness.h>

using httpd::Mount;

namespace {

class Request final : public httpd::Variables {
 public:
  std::string_view server() override { return "www.example.org"; }
  std::string_view host() override { return "m.example.org"; }
  std::string_view resource() override { return "www.example.org|/app"; }
  std::string_view environment(std::string_view name) override {
    asked.emplace_back(name);
    return name == "GROUP" ? value : std::string_view();
  }
  std::string_view value = "blue";
  std::vector<std::string> asked;
};

}  // namespace

TEST_GROUP(GroupNames) {
  Request request;

  void expands(const char* expected, std::string_view text) {
    STRCMP_EQUAL(expected, std::string(httpd::expand_group(text, request)).c_str());
  }
  void calls(const char* expected, std::string_view text) {
    STRCMP_EQUAL(expected, std::string(httpd::expand_callable(text, request)).c_str());
  }
};

TEST(GroupNames, ALiteralStandsForItself) {
  expands("one", "one");
  expands("a%{SERVER}", "a%{SERVER}");
  expands("", "");
}

TEST(GroupNames, EachVariableHasItsValue) {
  expands("", "%{GLOBAL}");
  expands("www.example.org|/app", "%{RESOURCE}");
  expands("www.example.org", "%{SERVER}");
  expands("m.example.org", "%{HOST}");
  expands("blue", "%{ENV:GROUP}");
}

TEST(GroupNames, WhatIsNoVariableStandsForItself) {
  expands("%{NOPE}", "%{NOPE}");
  expands("%{SERVER}x", "%{SERVER}x");
  expands("%{ENV:GROUP", "%{ENV:GROUP");
}

TEST(GroupNames, AnEnvironmentVariableWithoutValueStandsForItself) { expands("%{ENV:NONE}", "%{ENV:NONE}"); }

TEST(GroupNames, AnEmptyEnvironmentVariableIsTheEmptyName) {
  request.value = "";
  expands("", "%{ENV:GROUP}");
}

TEST(GroupNames, AnEnvironmentVariableMayNameAnotherVariable) {
  request.value = "%{GLOBAL}";
  expands("", "%{ENV:GROUP}");
  request.value = "%{SERVER}";
  expands("www.example.org", "%{ENV:GROUP}");
}

TEST(GroupNames, ButNotAnotherEnvironmentVariable) {
  request.value = "%{ENV:GROUP}";
  expands("%{ENV:GROUP}", "%{ENV:GROUP}");
  UNSIGNED_LONGS_EQUAL(1, request.asked.size());
}

TEST(GroupNames, ACallableExpandsTheEnvironmentOnly) {
  calls("main", "main");
  calls("%{SERVER}", "%{SERVER}");
  calls("blue", "%{ENV:GROUP}");
  calls("application", "%{ENV:NONE}");
}

TEST(GroupNames, AScriptBesideTheApplicationKnowsServerAndHostOnly) {
  const auto expanded = [&](std::string_view text) { return std::string(httpd::expand_hook_group(text, request)); };
  STRCMP_EQUAL("", expanded("%{GLOBAL}").c_str());
  STRCMP_EQUAL("www.example.org", expanded("%{SERVER}").c_str());
  STRCMP_EQUAL("m.example.org", expanded("%{HOST}").c_str());
  STRCMP_EQUAL("mine", expanded("mine").c_str());
  STRCMP_EQUAL("%{RESOURCE}", expanded("%{RESOURCE}").c_str());
  STRCMP_EQUAL("%{ENV:GROUP}", expanded("%{ENV:GROUP}").c_str());
  UNSIGNED_LONGS_EQUAL(0, request.asked.size());
}

TEST_GROUP(OneApplication) {
  std::vector<Mount> mounts;
  std::vector<std::string_view> sections;

  void mount(const char* group, const char* application_group, const char* server, const char* path) {
    mounts.push_back({group, application_group, server, path});
  }
  void one(bool expected) { CHECK_EQUAL(expected, httpd::hosts_one_application("g", mounts, sections)); }
};

TEST(OneApplication, OneScriptIsOne) {
  mount("g", "%{RESOURCE}", "a", "/app");
  one(true);
}

TEST(OneApplication, OtherGroupsDoNotMatter) {
  mount("g", "%{RESOURCE}", "a", "/app");
  mount("h", "%{RESOURCE}", "a", "/other");
  mount("", "%{RESOURCE}", "b", "/");
  one(true);
}

TEST(OneApplication, NoMountIsUnknown) {
  mount("h", "%{RESOURCE}", "a", "/app");
  one(false);
}

TEST(OneApplication, TwoResourcesAreTwo) {
  mount("g", "%{RESOURCE}", "a", "/app");
  mount("g", "%{RESOURCE}", "a", "/other");
  one(false);
}

TEST(OneApplication, OneResourceInTwoServersIsTwo) {
  mount("g", "%{RESOURCE}", "a", "/app");
  mount("g", "%{RESOURCE}", "b", "/app");
  one(false);
}

TEST(OneApplication, ACopyOfAVirtualHostForItsSecondPortIsOne) {
  mount("g", "%{RESOURCE}", "a", "/app");
  mount("g", "%{RESOURCE}", "a", "/app");
  one(true);
}

TEST(OneApplication, TheSameLiteralIsOne) {
  mount("g", "x", "a", "/app");
  mount("g", "x", "b", "/other");
  one(true);
  mount("g", "y", "b", "/third");
  one(false);
}

TEST(OneApplication, GlobalAndANameAreTwo) {
  mount("g", "%{GLOBAL}", "a", "/app");
  mount("g", "x", "a", "/other");
  one(false);
}

TEST(OneApplication, ServerIsOneInOneServer) {
  mount("g", "%{SERVER}", "a", "/app");
  mount("g", "%{SERVER}", "a", "/other");
  one(true);
  mount("g", "%{SERVER}", "b", "/other");
  one(false);
}

TEST(OneApplication, ADirectoryOfScriptsIsMany) {
  mount("g", "%{RESOURCE}", "a", "");
  one(false);
}

TEST(OneApplication, ADirectoryOfScriptsInOneInterpreterIsOne) {
  mount("g", "x", "a", "");
  one(true);
}

TEST(OneApplication, WhatARequestMayChooseIsUnknown) {
  mount("g", "%{HOST}", "a", "/app");
  one(false);
  mounts.clear();
  mount("g", "%{ENV:X}", "a", "/app");
  one(false);
}

TEST(OneApplication, AMountWhoseGroupARequestChoosesMayBeOfThisGroup) {
  mount("g", "%{RESOURCE}", "a", "/app");
  mount("%{ENV:X}", "%{RESOURCE}", "a", "/other");
  one(false);
}

TEST(OneApplication, ASectionThatNamesTheGroupMakesItUnknown) {
  mount("g", "%{RESOURCE}", "a", "/app");
  sections = {"h"};
  one(true);
  sections = {"h", "g"};
  one(false);
  sections = {"%{ENV:X}"};
  one(false);
}
