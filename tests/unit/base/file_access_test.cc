// SPDX-License-Identifier: Apache-2.0
#include "base/file_access.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <CppUTest/TestHarness.h>

using base::FilePermissions;
using base::Identity;
using base::Obstacle;

namespace {

const Identity kShop{1000, 100, {200}, "shop"};

bool may_read(const FilePermissions& file) { return base::is_permitted(kShop, file, base::kMayRead); }

// An entry of the extended attribute, and the whole of it.
std::string entry(int tag, int permissions, std::uint32_t id) {
  std::string bytes;
  const auto put = [&](std::uint32_t value, int size) {
    for (int i = 0; i < size; ++i) bytes.push_back(static_cast<char>(value >> 8 * i & 255));
  };
  put(static_cast<std::uint32_t>(tag), 2);
  put(static_cast<std::uint32_t>(permissions), 2);
  put(id, 4);
  return bytes;
}
std::string acl(const std::string& entries) { return std::string("\2\0\0\0", 4) + entries; }

constexpr int kUser = 2, kGroupObject = 4, kGroup = 8, kMask = 16;

}  // namespace

TEST_GROUP(Permission){};

TEST(Permission, OfTheOwnerIsTheFirstDigit) {
  CHECK_TRUE(may_read({1000, 1, 0400, {}}));
  CHECK_FALSE(may_read({1000, 100, 0044, {}}));
}

TEST(Permission, OfAGroupIsTheSecondDigit) {
  CHECK_TRUE(may_read({1, 100, 0040, {}}));
  CHECK_TRUE(may_read({1, 200, 0040, {}}));
  CHECK_FALSE(may_read({1, 200, 0404, {}}));
}

TEST(Permission, OfOthersIsTheThirdDigit) {
  CHECK_TRUE(may_read({1, 1, 0004, {}}));
  CHECK_FALSE(may_read({1, 1, 0440, {}}));
}

TEST(Permission, ReadIsNotSearch) {
  CHECK_FALSE(base::is_permitted(kShop, {1, 1, 0004, {}}, base::kMaySearch));
  CHECK_TRUE(base::is_permitted(kShop, {1, 1, 0001, {}}, base::kMaySearch));
}

TEST(Permission, RootNeedsNone) { CHECK_TRUE(base::is_permitted({}, {1, 1, 0, {}}, base::kMayRead)); }

TEST(Permission, AnAclNamesUsersAndGroups) {
  CHECK_TRUE(may_read({1, 1, 0660, acl(entry(kUser, 4, 1000) + entry(kMask, 6, 0))}));
  CHECK_TRUE(may_read({1, 1, 0660, acl(entry(kGroup, 4, 200) + entry(kMask, 6, 0))}));
  CHECK_FALSE(may_read({1, 1, 0660, acl(entry(kUser, 4, 1001) + entry(kMask, 6, 0))}));
}

TEST(Permission, AMaskTakesAway) {
  CHECK_FALSE(may_read({1, 1, 0620, acl(entry(kUser, 4, 1000) + entry(kMask, 2, 0))}));
}

TEST(Permission, AGroupThatIsDeniedIsNotOthers) {
  CHECK_FALSE(may_read({1, 100, 0604, acl(entry(kGroupObject, 0, 0) + entry(kMask, 7, 0))}));
  CHECK_TRUE(may_read({1, 1, 0604, acl(entry(kGroupObject, 0, 0) + entry(kMask, 7, 0))}));
}

TEST(Permission, AnAclThatIsBrokenCountsAsNone) {
  for (const std::string& bytes : {std::string("\1\0\0\0", 4) + entry(kUser, 4, 1000), acl("12345"), std::string("\2")})
    CHECK_FALSE(may_read({1, 1, 0600, bytes}));
}

TEST_GROUP(Walk) {
  std::string folder;

  void setup() override {
    char pattern[] = "/tmp/gatehouse-access-XXXXXX";
    folder = mkdtemp(pattern);
    chmod(folder.c_str(), 0755);
    std::filesystem::create_directories(folder + "/a/b");
    std::ofstream(folder + "/a/b/app.wsgi") << "x";
    for (const char* name : {"/a", "/a/b", "/a/b/app.wsgi"}) close_to(name, 0755);
  }
  void teardown() override { std::filesystem::remove_all(folder); }

  void close_to(const std::string& name, mode_t mode) { chmod((folder + name).c_str(), mode); }
  // Who owns nothing here and is in no group of ours.
  std::string obstacle(const std::string& name) {
    const Identity stranger{4'000'000, 4'000'000, {}, "shop"};
    const std::optional<Obstacle> found = base::first_obstacle(folder + name, stranger);
    if (!found) return "none";
    std::string text = base::text_of(*found, stranger);
    if (const std::size_t at = text.find(folder); at != text.npos) text.erase(at, folder.size());
    return text.substr(0, text.find(", owner"));
  }
};

TEST(Walk, FindsNothingWhereAllIsOpen) { STRCMP_EQUAL("none", obstacle("/a/b/app.wsgi").c_str()); }

TEST(Walk, NamesTheFirstDirectoryThatIsClosed) {
  close_to("/a/b", 0750);
  STRCMP_EQUAL("directory /a/b is closed to user shop (mode 0750", obstacle("/a/b/app.wsgi").c_str());
  close_to("/a", 0700);
  STRCMP_EQUAL("directory /a is closed to user shop (mode 0700", obstacle("/a/b/app.wsgi").c_str());
  close_to("/a", 0755);
}

TEST(Walk, NamesTheFileItself) {
  close_to("/a/b/app.wsgi", 0640);
  STRCMP_EQUAL("file /a/b/app.wsgi is closed to user shop (mode 0640", obstacle("/a/b/app.wsgi").c_str());
}

TEST(Walk, ADirectoryNeedsSearchOnlyAndAFileReadOnly) {
  close_to("/a", 0711);
  close_to("/a/b/app.wsgi", 0644);
  STRCMP_EQUAL("none", obstacle("/a/b/app.wsgi").c_str());
}

TEST(Walk, NamesWhatIsMissing) { STRCMP_EQUAL("/a/c does not exist", obstacle("/a/c/app.wsgi").c_str()); }

TEST(Walk, NamesAFileThatIsTakenForADirectory) {
  STRCMP_EQUAL("/a/b/app.wsgi is no directory", obstacle("/a/b/app.wsgi/more").c_str());
}

TEST(Walk, FollowsLinks) {
  std::filesystem::create_directory_symlink("a", folder + "/relative");
  std::filesystem::create_directory_symlink(folder + "/a/b", folder + "/absolute");
  std::filesystem::create_directory_symlink("../a/b", folder + "/a/up");
  for (const char* name : {"/relative/b/app.wsgi", "/absolute/app.wsgi", "/a/up/./app.wsgi", "/a//b/../b/app.wsgi"})
    STRCMP_EQUAL("none", obstacle(name).c_str());
  close_to("/a/b", 0700);
  STRCMP_EQUAL("directory /a/b is closed to user shop (mode 0700", obstacle("/relative/b/app.wsgi").c_str());
}

TEST(Walk, EndsInALoopOfLinks) {
  std::filesystem::create_symlink("two", folder + "/one");
  std::filesystem::create_symlink("one", folder + "/two");
  STRCMP_CONTAINS("leads nowhere", obstacle("/one").c_str());
}

TEST(Walk, WhatPermissionsAllowIsPutDownToAPolicy) {
  STRCMP_CONTAINS("ausearch -m avc", base::why_denied(folder + "/a/b/app.wsgi").c_str());
}

TEST(Walk, OurOwnIdentityIsThatOfTheProcess) {
  const Identity own = base::own_identity();
  LONGS_EQUAL(geteuid(), own.user);
  LONGS_EQUAL(getegid(), own.group);
  LONGS_EQUAL(getgroups(0, nullptr), own.groups.size());
}
