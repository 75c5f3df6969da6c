// SPDX-License-Identifier: Apache-2.0
#pragma once

// How file names look from inside of a group with chroot=. Pure.

#include <string_view>

namespace httpd {

// path as processes see it whose root directory is root: "/srv/jail/app.wsgi" in "/srv/jail" is "/app.wsgi". Empty:
// it does not lie below root. Names are compared as they are written.
std::string_view path_inside(std::string_view root, std::string_view path);

}  // namespace httpd
