// SPDX-License-Identifier: Apache-2.0
#include "module/script_owner.h"

#include <CppUTest/TestHarness.h>

using httpd::ScriptOwner;

TEST_GROUP(ScriptOwnerRule) {
  struct stat script {};
  struct stat directory {};

  void setup() override {
    for (struct stat* facts : {&script, &directory}) {
      facts->st_uid = 1000;
      facts->st_gid = 50;
      facts->st_mode = 0755;
    }
  }
  std::string problem(const ScriptOwner& owner) { return problem_of_owner(owner, script, directory); }
  void refuses(const ScriptOwner& owner, const char* words) { STRCMP_CONTAINS(words, problem(owner).c_str()); }
  void allows(const ScriptOwner& owner) { STRCMP_EQUAL("", problem(owner).c_str()); }
};

TEST(ScriptOwnerRule, NothingAskedForIsNothingRefused) {
  script.st_mode = directory.st_mode = 0777;
  allows({});
}

TEST(ScriptOwnerRule, TheOwnerMustFit) {
  allows({1000, -1});
  refuses({1001, -1}, "the script belongs to user #1000, not to script-user #1001");
  directory.st_uid = 0;
  refuses({1000, -1}, "the directory of the script belongs to user #0");
}

TEST(ScriptOwnerRule, NobodyButTheOwnerMayWrite) {
  script.st_mode = 0775;
  refuses({1000, -1}, "the script can be written to by its group");
  script.st_mode = 0757;
  refuses({1000, -1}, "the script can be written to by everybody");
  script.st_mode = 0755;
  directory.st_mode = 0777;
  refuses({1000, -1}, "the directory of the script can be written to by its group");
}

TEST(ScriptOwnerRule, TheGroupMustFitAndMayWrite) {
  allows({-1, 50});
  refuses({-1, 51}, "the script belongs to group #50, not to script-group #51");
  script.st_mode = directory.st_mode = 0775;
  allows({-1, 50});
  directory.st_mode = 0777;
  refuses({-1, 50}, "the directory of the script can be written to by everybody");
}
