// SPDX-License-Identifier: Apache-2.0
#include "daemon/privileges.h"

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <functional>

#include "base/log.h"

#include <CppUTest/TestHarness.h>

namespace {

void drop_line(void*, base::Level, std::string_view) {}

}  // namespace

TEST_GROUP(Privileges) {
  wire::Launch launch;

  void setup() override { base::set_log_sink(drop_line, nullptr); }
  void teardown() override { base::set_log_sink(nullptr, nullptr); }

  bool environment_has(const std::string& entry) {
    const std::vector<std::string> all = gatehoused::group_environment(launch);
    return std::count(all.begin(), all.end(), entry) == 1;
  }
  bool environment_names(std::string_view name) {
    for (const std::string& entry : gatehoused::group_environment(launch))
      if (entry.substr(0, entry.find('=')) == name) return true;
    return false;
  }
  // In a process of its own, for what cannot be undone.
  bool holds_in_child(const std::function<bool()>& condition) {
    const pid_t child = fork();
    if (child == 0) _exit(condition() ? 0 : 1);
    int status = -1;
    waitpid(child, &status, 0);
    return status == 0;
  }
  const std::string& refusal(const base::Status& status) {
    CHECK(!status);
    LONGS_EQUAL(static_cast<int>(base::Message::kPrivileges), static_cast<int>(status.error().message));
    return status.error().what;
  }
};

TEST(Privileges, EnvironmentIsTheLaunchsAndNothingElse) {
  launch.environment = {"PATH=/bin", "TZ=UTC"};
  CHECK((gatehoused::group_environment(launch) == std::vector<std::string>{"PATH=/bin", "TZ=UTC"}));
}

TEST(Privileges, EnvironmentNamesTheUser) {
  launch.environment = {"USER=root", "HOME=/root", "USERNAME=root"};
  launch.user_name = "www";
  launch.user_home = "/var/www";
  for (const char* entry : {"USER=www", "LOGNAME=www", "USERNAME=www", "HOME=/var/www"})
    CHECK_TEXT(environment_has(entry), entry);
}

TEST(Privileges, EnvironmentGetsNoUsernameThatWasNotThere) {
  launch.user_name = "www";
  CHECK(!environment_names("USERNAME"));
}

TEST(Privileges, EnvironmentTakesLanguageAndLocale) {
  launch.environment = {"LANG=C", "LC_ALL=C"};
  launch.spec.lang = "de_DE.UTF-8";
  launch.spec.locale = "C.UTF-8";
  CHECK(environment_has("LANG=de_DE.UTF-8"));
  CHECK(environment_has("LC_ALL=C.UTF-8"));
}

TEST(Privileges, SetenvWinsOverTheFileAndTheFileOverWhatWeSet) {
  launch.environment = {"A=ours", "B=ours", "C=ours"};
  launch.user_home = "/var/www";
  launch.spec.setenv = "C=option\nD=x=y";
  const std::string of_file[] = {"B=file", "C=file", "HOME=/file"};
  CHECK((gatehoused::group_environment(launch, of_file) ==
         std::vector<std::string>{"A=ours", "B=file", "HOME=/file", "C=option", "D=x=y"}));
}

TEST(Privileges, LaterNamesReplaceEarlierOnesAndBrokenEntriesAreLeftOut) {
  launch.environment = {"A=1", "B", "=x", "A=2"};
  CHECK((gatehoused::group_environment(launch) == std::vector<std::string>{"A=2"}));
}

TEST(Privileges, RootIsNoIdentityOfAGroup) {
  launch.uid = launch.gid = 0;
  STRCMP_CONTAINS("may not run as root", gatehoused::identity_of(launch).error().what.c_str());
}

TEST(Privileges, NumbersBeyondTheKernelsAreRefused) {
  launch.gid = 33;
  for (const std::int64_t uid : {std::int64_t{-2}, std::int64_t{0xffffffff}, std::int64_t{1} << 40}) {
    launch.uid = uid;
    CHECK(!gatehoused::identity_of(launch));
  }
  launch.uid = 33;
  launch.groups = {0xffffffff};
  CHECK(!gatehoused::identity_of(launch));
}

TEST(Privileges, TheIdentityIsTakenWholeAndForGood) {
  if (geteuid() != 0) return;
  CHECK(holds_in_child([] {
    const gatehoused::Identity identity{65534, 65533, {65533, 4242}};
    return gatehoused::take_identity(identity) && getuid() == 65534 && getegid() == 65533 && setuid(0) != 0;
  }));
}

TEST(Privileges, EveryNumberOfGroupsUpToTheKernelsLimitIsTaken) {
  if (geteuid() != 0) return;
  for (const std::size_t count : {0u, 1u, 65536u}) {
    CHECK(holds_in_child([count] {
      gatehoused::Identity identity{65534, 65534, {}};
      for (std::size_t i = 0; i < count; ++i) identity.groups.push_back(static_cast<gid_t>(100000 + i));
      return static_cast<bool>(gatehoused::take_identity(identity));
    }));
  }
  CHECK(holds_in_child([] { return !gatehoused::take_identity({65534, 65534, std::vector<gid_t>(65537, 5)}); }));
}

TEST(Privileges, ATrickThatLeavesRootsWayBackIsSeen) {
  if (geteuid() != 0) return;
  // Root as the wanted user: setuid(0) succeeds afterwards, and every capability is still there.
  CHECK(holds_in_child([] { return !gatehoused::take_identity({0, 0, {}}); }));
}

TEST(Privileges, RootWithoutAUserIsRefused) {
  if (geteuid() != 0) return;
  STRCMP_CONTAINS("may not run as root", refusal(gatehoused::drop_privileges(launch, getppid())).c_str());
}

TEST(Privileges, AParentThatHasEndedIsNoticed) {
  launch.uid = launch.gid = 65534;
  if (geteuid() != 0) launch.uid = -1;
  CHECK(holds_in_child([this] { return !gatehoused::drop_privileges(launch, 1); }));
  CHECK(holds_in_child([this] { return static_cast<bool>(gatehoused::drop_privileges(launch, getppid())); }));
}

TEST(Privileges, UmaskIsSetWhenGiven) {
  launch.uid = launch.gid = 65534;
  if (geteuid() != 0) launch.uid = -1;
  launch.spec.umask = 027;
  CHECK(holds_in_child([this] { return gatehoused::drop_privileges(launch, getppid()) && umask(0) == 027; }));
}

TEST(Privileges, HomeIsEnteredOrTheGroupDoesNotStart) {
  launch.spec.home = "/tmp";
  CHECK(holds_in_child([this] {
    char directory[64];
    return gatehoused::enter_home(launch) && getcwd(directory, sizeof directory) != nullptr &&
           std::string_view(directory) == "/tmp";
  }));
  launch.spec.home = "/nowhere/at/all";
  STRCMP_CONTAINS("/nowhere/at/all", refusal(gatehoused::enter_home(launch)).c_str());
}

TEST(Privileges, TheHomeOfANamedUserIsEnteredIfPossible) {
  launch.uid = 65534;
  launch.spec.user = "nobody";
  launch.user_home = "/nonexistent";
  CHECK(holds_in_child([this] { return static_cast<bool>(gatehoused::enter_home(launch)); }));
}

TEST(Privileges, TheEnvironmentIsReplacedWhole) {
  launch.environment = {"ONLY=this"};
  CHECK(holds_in_child([this] {
    setenv("SECRET", "of root", 1);
    if (!gatehoused::enter_environment(launch)) return false;
    return getenv("SECRET") == nullptr && std::string_view(getenv("ONLY")) == "this";
  }));
}
