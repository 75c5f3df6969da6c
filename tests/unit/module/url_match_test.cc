// SPDX-License-Identifier: Apache-2.0
#include "module/url_match.h"

#include <CppUTest/TestHarness.h>

using httpd::match_prefix;

TEST_GROUP(UrlMatch){void takes(std::size_t bytes, std::string_view alias,
                                std::string_view uri){UNSIGNED_LONGS_EQUAL(bytes, match_prefix(alias, uri));
}
void declines(std::string_view alias, std::string_view uri) { takes(0, alias, uri); }
}
;

TEST(UrlMatch, AnAliasTakesItsOwnPath) { takes(4, "/app", "/app"); }

TEST(UrlMatch, AnAliasTakesWholeComponents) {
  takes(4, "/app", "/app/more");
  declines("/app", "/apple");
  declines("/app", "/ap");
}

TEST(UrlMatch, TheRootTakesTheFirstSlash) {
  takes(1, "/", "/");
  takes(1, "/", "/anything/at/all");
  takes(3, "/", "///x");
}

TEST(UrlMatch, RunsOfSlashesAreOne) {
  takes(7, "/a/b", "//a///b");
  takes(4, "//a//b", "/a/b");
  takes(6, "/a/b", "/a///b/c");
}

TEST(UrlMatch, ATrailingSlashOfTheAliasMustBeInTheUrl) {
  declines("/app/", "/app");
  takes(5, "/app/", "/app/x");
  takes(6, "/app/", "/app//x");
}

TEST(UrlMatch, CaseCounts) { declines("/App", "/app"); }

TEST(UrlMatch, AnEmptyUrlIsNobodys) {
  declines("/", "");
  declines("/app", "");
}
