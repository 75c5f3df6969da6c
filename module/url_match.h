// SPDX-License-Identifier: Apache-2.0
#pragma once

// How the URL path of a WSGIScriptAlias is compared with a request's: as mod_alias does. Pure.

#include <cstddef>
#include <string_view>

namespace httpd {

// How many bytes of uri the alias takes, 0 for no match. Any run of '/' in the alias takes any run in uri; where the
// alias does not end in '/', its last component must be a whole one of uri.
std::size_t match_prefix(std::string_view alias, std::string_view uri);

}  // namespace httpd
