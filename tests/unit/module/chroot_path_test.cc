// SPDX-License-Identifier: Apache-2.0
#include "module/chroot_path.h"

#include <string>

#include <CppUTest/TestHarness.h>

TEST_GROUP(ChrootPath){void sees(const char* path, const char* root, const char* inside){
    STRCMP_EQUAL(inside, std::string(httpd::path_inside(root, path)).c_str());
}
}
;

TEST(ChrootPath, WhatLiesBelowLosesTheRoot) {
  sees("/srv/jail/app/site.wsgi", "/srv/jail", "/app/site.wsgi");
  sees("/srv/jail/site.wsgi", "/srv/jail/", "/site.wsgi");
  sees("/srv/site.wsgi", "/", "/srv/site.wsgi");
}

TEST(ChrootPath, TheRootItselfIsASlash) { sees("/srv/jail", "/srv/jail", "/"); }

TEST(ChrootPath, WhatLiesElsewhereIsNotThere) {
  sees("/srv/site.wsgi", "/srv/jail", "");
  sees("/srv/jailhouse/site.wsgi", "/srv/jail", "");
  sees("", "/srv/jail", "");
}
