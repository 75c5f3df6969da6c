// SPDX-License-Identifier: Apache-2.0
#include "module/url_match.h"

namespace httpd {
namespace {

// The position after the run of '/' at from.
std::size_t after_slashes(std::string_view text, std::size_t from) {
  const std::size_t next = text.find_first_not_of('/', from);
  return next == std::string_view::npos ? text.size() : next;
}

bool has_slash(std::string_view text, std::size_t at) { return at < text.size() && text[at] == '/'; }

}  // namespace

std::size_t match_prefix(std::string_view alias, std::string_view uri) {
  std::size_t a = 0, u = 0;
  while (a < alias.size()) {
    if (alias[a] == '/') {
      if (!has_slash(uri, u)) return 0;
      a = after_slashes(alias, a);
      u = after_slashes(uri, u);
    } else {
      if (u == uri.size() || uri[u] != alias[a]) return 0;
      ++a;
      ++u;
    }
  }
  const bool whole = alias.ends_with('/') || u == uri.size() || uri[u] == '/';
  return whole ? u : 0;
}

}  // namespace httpd
