// SPDX-License-Identifier: Apache-2.0
#include "module/chroot_path.h"

namespace httpd {

std::string_view path_inside(std::string_view root, std::string_view path) {
  while (root.ends_with('/')) root.remove_suffix(1);
  if (!path.starts_with(root)) return {};
  path.remove_prefix(root.size());
  if (path.empty()) return "/";
  return path.starts_with('/') ? path : std::string_view();
}

}  // namespace httpd
