// SPDX-License-Identifier: Apache-2.0
#pragma once

// Why a user cannot read a file: the first directory or file on its path that is closed to that user, told by
// owners, mode bits and POSIX ACLs. Nothing is opened: files are only looked at (lstat, readlink, getxattr), so root
// may ask for another user about paths that this user controls. Thread: any.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace base {

// Who wants to read, as the kernel knows it.
struct Identity {
  std::uint32_t user = 0;
  std::uint32_t group = 0;
  std::vector<std::uint32_t> groups;  // supplementary
  std::string name;                   // for messages: "www-data"; empty: the number is shown
};

// The effective user and groups of this process.
Identity own_identity();

// What the kernel keeps of a file's permissions.
struct FilePermissions {
  std::uint32_t user = 0;
  std::uint32_t group = 0;
  std::uint32_t mode = 0;
  std::string acl;  // the extended attribute system.posix_acl_access; empty: none
};

inline constexpr std::uint32_t kMayRead = 4;
inline constexpr std::uint32_t kMaySearch = 1;

// The rule of acl(5), "access check algorithm"; without an ACL that of path_resolution(7). Root may do anything. An
// ACL that cannot be understood counts as none. Pure.
bool is_permitted(const Identity& who, const FilePermissions& file, std::uint32_t wanted);

// What stands in the way.
struct Obstacle {
  enum class Kind {
    kMissing,       // nothing of this name
    kNoDirectory,   // the path goes on behind a file
    kClosed,        // a directory that may not be searched, or a file that may not be read
    kDeniedAnyway,  // permissions allow it, and yet this process may not even look
    kLoop           // of symbolic links
  };
  Kind kind;
  std::string path;
  bool is_directory = false;
  FilePermissions file;  // of kClosed
};

// The first obstacle on an absolute path, symbolic links followed; nothing when who may read the file.
std::optional<Obstacle> first_obstacle(std::string_view path, const Identity& who);

// "directory /srv/shop is closed to user www-data (mode 0700, owner 0, group 0)". Without a final period.
std::string text_of(const Obstacle& obstacle, const Identity& who);

// For a file that this process could not open because of EACCES: what closes it, or, where permissions allow it,
// that a security policy is likely, and how to see its denials.
std::string why_denied(std::string_view path);

}  // namespace base
