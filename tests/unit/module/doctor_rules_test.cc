// SPDX-License-Identifier: Apache-2.0
#include "module/doctor_rules.h"

#include <CppUTest/TestHarness.h>

using base::Message;
using namespace httpd;

TEST_GROUP(Doctor) {
  ConfigurationFacts facts;

  GroupFact& group(const char* name, std::size_t server = 0) {
    facts.groups.push_back({name, "a.conf:1", {}, {server}, {server}, false});
    return facts.groups.back();
  }
  GroupReference& reference(const char* name) {
    facts.references.push_back({"WSGIProcessGroup at a.conf:2", name, 0, false, true});
    return facts.references.back();
  }
  ApplicationFact& application(const char* path, const char* process_group = "") {
    ApplicationFact one;
    one.directive = std::string("WSGIScriptAlias ") + path + " at a.conf:3";
    one.path = path;
    one.process_group = process_group;
    one.group_is_chosen = !one.process_group.empty();
    one.application_group = "%{RESOURCE}";
    facts.applications.push_back(one);
    return facts.applications.back();
  }
  // The texts of the findings of one kind, a line each.
  std::string found(Message message) {
    std::string text;
    for (const Finding& finding : examine(facts))
      if (finding.message == message) text += (text.empty() ? "" : "\n") + finding.text;
    return text;
  }
  void finds(Message message, const char* part) { STRCMP_CONTAINS(part, found(message).c_str()); }
  void finds_none(Message message) { STRCMP_EQUAL("", found(message).c_str()); }
};

TEST(Doctor, FindsNothingInNothing) { LONGS_EQUAL(0, examine(facts).size()); }

TEST(Doctor, AGroupThatIsNotDefined) {
  group("shop");
  reference("blog");
  STRCMP_EQUAL(
      "WSGIProcessGroup at a.conf:2 names process group \"blog\", which is not defined; there are: shop; define it "
      "with WSGIDaemonProcess",
      found(Message::kGroupUndefined).c_str());
}

TEST(Doctor, VariablesAndEmbeddedModeNeedNoDefinition) {
  for (const char* name : {"%{GLOBAL}", "%{ENV:group}", "%{SERVER}"}) reference(name);
  finds_none(Message::kGroupUndefined);
}

TEST(Doctor, AGroupOfAVirtualHostWithAnotherName) {
  group("shop", 1);
  reference("shop").server = 2;
  finds(Message::kGroupOutOfReach, "names process group \"shop\", which belongs to a virtual host of another");
  facts.groups[0].reachable_from = {1, 2};
  finds_none(Message::kGroupOutOfReach);
}

TEST(Doctor, WhatTheMainServerSaysIsForThoseWhoReachTheGroup) {
  group("shop", 1);
  reference("shop");
  finds_none(Message::kGroupOutOfReach);
}

TEST(Doctor, AGroupThatNobodyUses) {
  group("shop");
  group("blog");
  reference("blog");
  STRCMP_EQUAL(
      "nobody uses process group \"shop\", defined at a.conf:1; name it with process-group= or WSGIProcessGroup, or "
      "remove it",
      found(Message::kGroupUnused).c_str());
}

TEST(Doctor, WhatSaysSomethingAboutAGroupDoesNotUseIt) {
  group("shop");
  reference("shop").is_use = false;
  finds(Message::kGroupUnused, "shop");
  finds_none(Message::kGroupUndefined);
}

TEST(Doctor, AVariableMayUseAnyGroup) {
  group("shop");
  reference("%{ENV:group}");
  finds_none(Message::kGroupUnused);
}

TEST(Doctor, ADispatchScriptMayUseAnyGroup) {
  group("shop");
  facts.groups_are_computed = true;
  finds_none(Message::kGroupUnused);
}

TEST(Doctor, AGroupThatWasMerged) {
  group("shop").again = {"b.conf:5", "c.conf:6"};
  finds(Message::kGroupMerged, "\"shop\" is defined at a.conf:1 and, with the same options, at b.conf:5, c.conf:6:");
}

TEST(Doctor, AnApplicationThatIsEmbeddedBesideAGroup) {
  group("shop", 1);
  application("/").server = 1;
  finds(Message::kRunsEmbedded, "WSGIScriptAlias / at a.conf:3 runs embedded");
  finds(Message::kRunsEmbedded, "add process-group=shop, or process-group=%{GLOBAL}");
}

TEST(Doctor, AGroupOfAnotherVirtualHostIsNoReasonToWarn) {
  group("shop", 2);
  application("/").server = 1;
  finds_none(Message::kRunsEmbedded);
}

TEST(Doctor, EmbeddedByChoiceIsMeant) {
  group("shop");
  application("/").group_is_chosen = true;
  finds_none(Message::kRunsEmbedded);
}

TEST(Doctor, ASectionMayChooseTheGroup) {
  group("shop", 1);
  application("/").server = 1;
  reference("shop").in_section = true;
  finds_none(Message::kRunsEmbedded);
  facts.references.back().server = 2;
  finds(Message::kRunsEmbedded, "WSGIScriptAlias /");
}

TEST(Doctor, TwoInterpretersWithAModuleThatAllowsOne) {
  group("shop");
  application("/a", "shop");
  application("/b", "shop");
  facts.processes = {{"shop", {"numpy"}}};
  finds(Message::kInterpretersClash, "process group \"shop\" has 2 application groups, and its Python has numpy,");
  facts.groups[0].one_application_group = true;
  finds_none(Message::kInterpretersClash);
}

TEST(Doctor, OneInterpreterMayHaveSuchAModule) {
  application("/a").application_group = "%{GLOBAL}";
  application("/b").application_group = "%{GLOBAL}";
  facts.processes = {{"", {"numpy"}}};
  finds_none(Message::kInterpretersClash);
  facts.applications[1].application_group = "other";
  finds(Message::kInterpretersClash, "embedded mode has 2 application groups");
}

TEST(Doctor, TwoInterpretersWithoutSuchModulesAreFine) {
  application("/a");
  application("/b");
  facts.processes = {{"", {}}};
  finds_none(Message::kInterpretersClash);
}

TEST(Doctor, AuthenticationThatAsksForNobody) {
  facts.authentications = {{"<Location /a> at a.conf:9", "Basic", {"all granted", "ip 10"}}};
  finds(Message::kAuthorizationHidden, "<Location /a> at a.conf:9 has AuthType Basic, but no Require that asks");
}

TEST(Doctor, AuthenticationThatAsksForAUserIsFine) {
  for (const char* requirement : {"valid-user", "user joe", "group staff", "ldap-group x", "wsgi-group a"}) {
    facts.authentications = {{"<Location /a>", "Basic", {"ip 10", requirement}}};
    finds_none(Message::kAuthorizationHidden);
  }
}

TEST(Doctor, RequirementsOfAnOuterSectionAreNotKnown) {
  facts.authentications = {{"<Location /a>", "Basic", {}}};
  finds_none(Message::kAuthorizationHidden);
}

TEST(Doctor, AHomeThatIsNoDirectoryOrNoEnvironment) {
  facts.environments = {{"python-home=/x of WSGIDaemonProcess a", false, "", "", false, "", {}}};
  finds(Message::kPythonHomeWrong, "python-home=/x of WSGIDaemonProcess a is no directory");
  facts.environments = {{"WSGIPythonHome /x", true, "", "", false, "", {}}};
  finds(Message::kPythonHomeWrong, "WSGIPythonHome /x is no environment");
}

TEST(Doctor, AHomeOfAnotherPython) {
  facts.environments = {{"WSGIPythonHome /x", true, "3.11", "3.12", false, "", {}}};
  finds(Message::kPythonHomeWrong, "WSGIPythonHome /x is of Python 3.11, but Python 3.12 is asked for");
}

TEST(Doctor, AHomeThatIsClosedToWhoRunsIt) {
  EnvironmentFact home{"python-home=/x", true, "3.11", "", false, "/proc/1/no-such-file", std::nullopt};
  facts.environments = {home};
  finds_none(Message::kPythonHomeWrong);
  facts.environments[0].reader = base::Identity();
  finds(Message::kPythonHomeWrong, "python-home=/x cannot be used: /proc/1/no-such-file does not exist");
}

TEST(Doctor, AHomeThatFits) {
  facts.environments = {{"a", true, "3.11", "3.11", false, "", {}},
                        {"b", true, "3.11", "", false, "", {}},
                        {"c", true, "", "", true, "", {}}};
  finds_none(Message::kPythonHomeWrong);
}

TEST(Doctor, AScriptThatItsReaderCannotReach) {
  ApplicationFact& one = application("/a");
  one.script = "/proc/self/no-such-file";
  finds_none(Message::kScriptClosedToGroup);
  one.reader = base::Identity();
  finds(Message::kScriptClosedToGroup,
        "WSGIScriptAlias /a at a.conf:3: script /proc/self/no-such-file cannot be read: /proc/");
  one.script = "/dev/null";
  finds_none(Message::kScriptClosedToGroup);
}

TEST(Doctor, APathIsBelowItselfAndItsParents) {
  CHECK_TRUE(is_path_below("/a/b", "/a"));
  CHECK_TRUE(is_path_below("/a/b", "/a/b/"));
  CHECK_TRUE(is_path_below("/a", "/"));
  CHECK_FALSE(is_path_below("/apple", "/a"));
  CHECK_FALSE(is_path_below("/", "/a"));
}

TEST_GROUP(DoctorSwitches) {
  DoctorSwitches switches;
  bool set(const char* argument) { return static_cast<bool>(set_doctor(&switches, argument)); }
};

TEST(DoctorSwitches, HideNothingAtFirst) { CHECK_FALSE(switches.hides(Message::kGroupUnused)); }

TEST(DoctorSwitches, OffHidesAllAndOnNothing) {
  CHECK_TRUE(set("off"));
  CHECK_TRUE(switches.hides(Message::kGroupUnused));
  CHECK_TRUE(set("On"));
  CHECK_FALSE(switches.hides(Message::kGroupUnused));
}

TEST(DoctorSwitches, ACodeHidesItsOwn) {
  CHECK_TRUE(set("-GH0140"));
  CHECK_TRUE(set("-gh0105"));
  CHECK_TRUE(switches.hides(Message::kGroupUnused));
  CHECK_TRUE(switches.hides(Message::kGroupUndefined));
  CHECK_FALSE(switches.hides(Message::kRunsEmbedded));
}

TEST(DoctorSwitches, AnyOtherWordIsRefusedWithTheCodesThereAre) {
  for (const char* argument : {"GH0140", "-GH9999", "-GH0100", "-", "", "+GH0140", "maybe"}) CHECK_FALSE(set(argument));
  STRCMP_CONTAINS("-GH0140, -GH0141", set_doctor(&switches, "x").error().what.c_str());
}
