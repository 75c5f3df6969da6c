// SPDX-License-Identifier: Apache-2.0
#include "base/file_access.h"

#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstdio>

namespace base {
namespace {

constexpr int kMostLinks = 40;  // as the kernel's MAXSYMLINKS

// --- The extended attribute system.posix_acl_access: a version and entries, little endian (linux/posix_acl_xattr.h)

enum AclTag : std::uint16_t { kUserObject = 1, kUser = 2, kGroupObject = 4, kGroup = 8, kMask = 16, kOther = 32 };

struct AclEntry {
  std::uint16_t tag;
  std::uint16_t permissions;
  std::uint32_t id;
};
constexpr std::size_t kAclHead = 4;
constexpr std::uint8_t kAclVersion = 2;

std::vector<AclEntry> acl_entries(std::string_view bytes) {
  std::vector<AclEntry> entries;
  if (bytes.size() < kAclHead || bytes[0] != kAclVersion || (bytes.size() - kAclHead) % sizeof(AclEntry) != 0)
    return entries;
  const auto byte = [&](std::size_t at) { return static_cast<std::uint32_t>(static_cast<unsigned char>(bytes[at])); };
  for (std::size_t at = kAclHead; at < bytes.size(); at += sizeof(AclEntry))
    entries.push_back({static_cast<std::uint16_t>(byte(at) | byte(at + 1) << 8),
                       static_cast<std::uint16_t>(byte(at + 2) | byte(at + 3) << 8),
                       byte(at + 4) | byte(at + 5) << 8 | byte(at + 6) << 16 | byte(at + 7) << 24});
  return entries;
}

bool is_member(const Identity& who, std::uint32_t group) {
  return who.group == group || std::find(who.groups.begin(), who.groups.end(), group) != who.groups.end();
}

bool allows(std::uint32_t permissions, std::uint32_t wanted) { return (permissions & wanted) == wanted; }

bool is_permitted_by_acl(const Identity& who, const FilePermissions& file, const std::vector<AclEntry>& acl,
                         std::uint32_t wanted) {
  std::uint32_t mask = 7;
  for (const AclEntry& entry : acl)
    if (entry.tag == kMask) mask = entry.permissions;
  for (const AclEntry& entry : acl)
    if (entry.tag == kUser && entry.id == who.user) return allows(entry.permissions & mask, wanted);
  bool in_a_group = false;
  for (const AclEntry& entry : acl) {
    const bool counts =
        (entry.tag == kGroupObject && is_member(who, file.group)) || (entry.tag == kGroup && is_member(who, entry.id));
    if (counts && allows(entry.permissions & mask, wanted)) return true;
    in_a_group = in_a_group || counts;
  }
  return !in_a_group && allows(file.mode & 7, wanted);
}

// --- The walk

FilePermissions permissions_of(const std::string& path, const struct stat& status) {
  FilePermissions file{status.st_uid, status.st_gid, status.st_mode & 07777, {}};
  std::array<char, 4096> acl;
  const ssize_t size = lgetxattr(path.c_str(), "system.posix_acl_access", acl.data(), acl.size());
  if (size > 0) file.acl.assign(acl.data(), static_cast<std::size_t>(size));
  return file;
}

// The names of a path put in front of those that are still to be walked, the next one last.
void push_components(std::string_view path, std::vector<std::string>* pending) {
  std::vector<std::string> names;
  while (!path.empty()) {
    const std::size_t end = std::min(path.find('/'), path.size());
    if (end > 0 && path.substr(0, end) != ".") names.emplace_back(path.substr(0, end));
    path.remove_prefix(std::min(end + 1, path.size()));
  }
  pending->insert(pending->end(), names.rbegin(), names.rend());
}

std::string child_of(const std::string& directory, const std::string& name) {
  return directory == "/" ? directory + name : directory + "/" + name;
}

std::string parent_of(const std::string& directory) {
  const std::size_t slash = directory.rfind('/');
  return slash == 0 ? "/" : directory.substr(0, slash);
}

std::string target_of(const std::string& link) {
  std::array<char, PATH_MAX> target;
  const ssize_t size = readlink(link.c_str(), target.data(), target.size());
  return size > 0 ? std::string(target.data(), static_cast<std::size_t>(size)) : std::string();
}

// A directory that is to be walked through, or the file at the end of the path.
std::optional<Obstacle> look_at(const std::string& path, const struct stat& status, bool is_last, const Identity& who) {
  const bool is_directory = S_ISDIR(status.st_mode);
  if (!is_last && !is_directory) return Obstacle{Obstacle::Kind::kNoDirectory, path, false, {}};
  FilePermissions file = permissions_of(path, status);
  if (is_permitted(who, file, is_last ? kMayRead : kMaySearch)) return std::nullopt;
  return Obstacle{Obstacle::Kind::kClosed, path, is_directory, std::move(file)};
}

std::string name_of(const Identity& who) {
  return who.name.empty() ? "user " + std::to_string(who.user) : "user " + who.name;
}

}  // namespace

Identity own_identity() {
  Identity who{geteuid(), getegid(), {}, {}};
  const int count = getgroups(0, nullptr);
  who.groups.resize(count > 0 ? static_cast<std::size_t>(count) : 0);
  const int got = getgroups(count, who.groups.data());
  who.groups.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  return who;
}

bool is_permitted(const Identity& who, const FilePermissions& file, std::uint32_t wanted) {
  if (who.user == 0) return true;
  if (who.user == file.user) return allows(file.mode >> 6 & 7, wanted);
  if (const std::vector<AclEntry> acl = acl_entries(file.acl); !acl.empty())
    return is_permitted_by_acl(who, file, acl, wanted);
  return allows(is_member(who, file.group) ? file.mode >> 3 & 7 : file.mode & 7, wanted);
}

std::optional<Obstacle> first_obstacle(std::string_view path, const Identity& who) {
  std::vector<std::string> pending;
  push_components(path, &pending);
  std::string reached = "/";
  int links = 0;
  struct stat status;
  if (lstat("/", &status) == 0)
    if (auto obstacle = look_at(reached, status, pending.empty(), who)) return obstacle;
  while (!pending.empty()) {
    const std::string name = std::move(pending.back());
    pending.pop_back();
    if (name == "..") {
      reached = parent_of(reached);
      continue;
    }
    std::string next = child_of(reached, name);
    if (lstat(next.c_str(), &status) != 0)
      return Obstacle{errno == EACCES ? Obstacle::Kind::kDeniedAnyway : Obstacle::Kind::kMissing, next, false, {}};
    if (S_ISLNK(status.st_mode)) {
      if (++links > kMostLinks) return Obstacle{Obstacle::Kind::kLoop, next, false, {}};
      const std::string target = target_of(next);
      if (target.starts_with('/')) reached = "/";
      push_components(target, &pending);
      continue;
    }
    if (auto obstacle = look_at(next, status, pending.empty(), who)) return obstacle;
    reached = std::move(next);
  }
  return std::nullopt;
}

std::string text_of(const Obstacle& obstacle, const Identity& who) {
  switch (obstacle.kind) {
    case Obstacle::Kind::kMissing:
      return obstacle.path + " does not exist";
    case Obstacle::Kind::kNoDirectory:
      return obstacle.path + " is no directory";
    case Obstacle::Kind::kDeniedAnyway:
      return obstacle.path + " may not be looked at";
    case Obstacle::Kind::kLoop:
      return obstacle.path + " is a symbolic link that leads nowhere";
    case Obstacle::Kind::kClosed:
      break;
  }
  std::array<char, 8> mode;
  std::snprintf(mode.data(), mode.size(), "%04o", obstacle.file.mode & 07777);
  return (obstacle.is_directory ? "directory " : "file ") + obstacle.path + " is closed to " + name_of(who) +
         " (mode " + mode.data() + ", owner " + std::to_string(obstacle.file.user) + ", group " +
         std::to_string(obstacle.file.group) + (obstacle.file.acl.empty() ? ")" : ", with an ACL)");
}

std::string why_denied(std::string_view path) {
  const Identity who = own_identity();
  const std::optional<Obstacle> obstacle = first_obstacle(path, who);
  if (obstacle && obstacle->kind != Obstacle::Kind::kDeniedAnyway) return text_of(*obstacle, who);
  return "mode bits and ACLs allow it to " + name_of(who) +
         ", so SELinux or another security policy is likely; ausearch -m avc -ts recent shows its denials";
}

}  // namespace base
