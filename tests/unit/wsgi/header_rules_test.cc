// SPDX-License-Identifier: Apache-2.0
#include "wsgi/header_rules.h"

#include <cctype>
#include <cstdio>

#include <CppUTest/TestHarness.h>

using wsgi::check_header;
using wsgi::parse_content_length;
using wsgi::parse_status;
using wsgi::StatusLine;

namespace {

// Written out from RFC 9110 section 5.6.2, apart from the table under test.
bool is_token_character(int byte) {
  return byte < 0x80 &&
         (std::isalnum(byte) != 0 ||
          (byte != 0 && std::string_view("!#$%&'*+-.^_`|~").find(static_cast<char>(byte)) != std::string_view::npos));
}
bool is_text_character(int byte) { return byte >= 0x20 && byte != 0x7f; }

// "abc" with one byte replaced, or put before or behind: all the places a byte can have.
std::string with_byte(int place, int byte) {
  const char c = static_cast<char>(byte);
  switch (place) {
    case 0:
      return std::string(1, c) + "bc";
    case 1:
      return std::string("a") + c + "c";
    case 2:
      return std::string("ab") + c;
    default:
      return std::string(1, c);
  }
}

bool accepts_name(std::string_view name) { return !check_header(0, name, "v"); }
bool accepts_value(std::string_view value) { return !check_header(0, "X-A", value); }
bool accepts_status(std::string_view text) {
  StatusLine line;
  return !parse_status(text, &line);
}

}  // namespace

TEST_GROUP(Status) { StatusLine line; };

TEST(Status, HasACodeAndAReason) {
  CHECK_FALSE(parse_status("200 OK", &line));
  CHECK_EQUAL(200u, line.code);
  CHECK_TRUE(line.reason == "OK");
}

TEST(Status, MayEndAfterTheSpace) {
  CHECK_FALSE(parse_status("204 ", &line));
  CHECK_EQUAL(204u, line.code);
  CHECK_TRUE(line.reason.empty());
}

TEST(Status, MayEndAfterTheCode) {
  CHECK_FALSE(parse_status("599", &line));
  CHECK_EQUAL(599u, line.code);
  CHECK_TRUE(line.reason.empty());
}

TEST(Status, KeepsBlanksWithinTheReason) {
  CHECK_FALSE(parse_status("404 Not  Found ", &line));
  CHECK_TRUE(line.reason == "Not  Found ");
}

TEST(Status, PassesTheWordsOfOtherServersVerbatim) {
  for (const char* text : {"200 Error", "200 Timeout", "200 Rejected", "200 Continue"}) {
    CHECK_FALSE(parse_status(text, &line));
    CHECK_TRUE(line.reason == text + 4);
  }
}

TEST(Status, IsAcceptedFrom200To599Only) {
  for (unsigned code = 0; code <= 999; ++code) {
    char text[16];
    std::snprintf(text, sizeof text, "%03u X", code);
    CHECK_EQUAL(code >= 200 && code <= 599, accepts_status(text));
    text[3] = '\0';
    CHECK_EQUAL(code >= 200 && code <= 599, accepts_status(text));
  }
}

TEST(Status, NeedsExactlyThreeDigits) {
  for (const char* text : {"", "2", "20", "2000", "20000 OK", "99999 X", "-20 OK", "+20 OK", "20a OK", "0x2 OK",
                           " 200 OK", "OK", "2 0 OK", "20 OK"})
    CHECK_FALSE(accepts_status(text));
}

TEST(Status, NeedsASpaceBehindTheCode) {
  for (const char* text : {"200OK", "200\tOK", "200-OK", "200\n", "200."}) CHECK_FALSE(accepts_status(text));
}

TEST(Status, TakesAByteInTheReasonUnlessItIsAControl) {
  for (int place = 0; place < 4; ++place)
    for (int byte = 0; byte < 256; ++byte)
      CHECK_EQUAL(is_text_character(byte), accepts_status("200 " + with_byte(place, byte)));
}

TEST(Status, TakesAByteInTheCodeOnlyIfItIsADigit) {
  for (int place = 0; place < 3; ++place) {
    for (int byte = 0; byte < 256; ++byte) {
      std::string text = "200 OK";
      text[static_cast<std::size_t>(place)] = static_cast<char>(byte);
      const bool wanted = place == 0 ? byte >= '2' && byte <= '5' : byte >= '0' && byte <= '9';
      CHECK_EQUAL(wanted, accepts_status(text));
    }
  }
}

TEST(Status, LeavesTheResultAloneWhenRefused) {
  line.code = 77;
  CHECK_TRUE(static_cast<bool>(parse_status("200 a\nb", &line)));
  CHECK_EQUAL(77u, line.code);
}

TEST(Status, RefusalsNameTheRuleAndThePlace) {
  CHECK_EQUAL(std::string("status '200 O\\x0aK': status has a line feed at byte 5"),
              parse_status("200 O\nK", &line).message);
  CHECK_EQUAL(std::string("status '101 X': the code of a response is 200 to 599; interim responses are the server's"),
              parse_status("101 X", &line).message);
  CHECK_EQUAL(std::string("status 'OK': does not begin with three digits, as '200 OK' does"),
              parse_status("OK", &line).message);
}

TEST(Status, RefusalsStayShort) { CHECK_TRUE(parse_status(std::string(1'000'000, '\n'), &line).message.size() < 200); }

TEST_GROUP(Header){};

TEST(Header, TakesAByteInTheNameIfItIsATokenCharacter) {
  for (int place = 0; place < 4; ++place)
    for (int byte = 0; byte < 256; ++byte) CHECK_EQUAL(is_token_character(byte), accepts_name(with_byte(place, byte)));
}

TEST(Header, TakesAByteInTheValueUnlessItIsAControlOtherThanTab) {
  for (int place = 0; place < 4; ++place)
    for (int byte = 0; byte < 256; ++byte)
      CHECK_EQUAL(is_text_character(byte) || byte == '\t', accepts_value(with_byte(place, byte)));
}

TEST(Header, IsHeldToTheSameRulesWhateverItsName) {
  for (const char* name : {"Content-Type", "Set-Cookie", "Location", "WWW-Authenticate", "Content-Length"})
    for (int place = 0; place < 4; ++place)
      for (int byte = 0; byte < 256; ++byte)
        CHECK_EQUAL(is_text_character(byte) || byte == '\t', !check_header(0, name, with_byte(place, byte)));
}

TEST(Header, MayHaveAnEmptyValue) { CHECK_TRUE(accepts_value("")); }

TEST(Header, MayHaveBlanksAtTheEndsOfItsValue) { CHECK_TRUE(accepts_value(" \tvalue\t ")); }

TEST(Header, MayHaveAValueOfAnySize) {
  for (unsigned k = 3; k <= 20; ++k) {
    const std::size_t size = std::size_t{1} << k;
    CHECK_TRUE(accepts_value(std::string(size - 1, 'v')));
    CHECK_TRUE(accepts_value(std::string(size, 'v')));
    CHECK_FALSE(accepts_value(std::string(size, 'v') + "\n"));
  }
}

TEST(Header, NeedsAName) { CHECK_EQUAL(std::string("header 2 '': name is empty"), check_header(2, "", "v").message); }

TEST(Header, OfTheConnectionIsTheServers) {
  for (const char* name : {"Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization", "TE", "Trailer",
                           "Transfer-Encoding", "Upgrade"})
    CHECK_FALSE(accepts_name(name));
}

TEST(Header, OfTheConnectionIsKnownInEveryCase) {
  for (const char* name : {"connection", "CONNECTION", "kEEP-aLIVE", "te", "tE", "transfer-encoding",
                           "TRANSFER-ENCODING", "tRaNsFeR-eNcOdInG", "UPGRADE", "trailer"})
    CHECK_FALSE(accepts_name(name));
}

TEST(Header, OfASimilarNameIsTheApplications) {
  for (const char* name : {"Connections", "Keep_Alive", "Keep-Aliv", "ET", "T", "Trailers", "Transfer_Encoding",
                           "Upgrades", "Content-Encoding", "Proxy-Authenticated", "Statu", "X-Status"})
    CHECK_TRUE(accepts_name(name));
}

TEST(Header, NamedStatusIsRefused) {
  CHECK_FALSE(accepts_name("Status"));
  CHECK_FALSE(accepts_name("STATUS"));
}

TEST(Header, RefusalsNameTheRuleAndThePlace) {
  CHECK_EQUAL(std::string("header 3 'X-A': value has a line feed at byte 7"),
              check_header(3, "X-A", "1234567\n").message);
  CHECK_EQUAL(std::string("header 0 'X-A': value has a NUL at byte 0"), check_header(0, "X-A", {"\0", 1}).message);
  CHECK_EQUAL(std::string("header 1 'X A': name has a space at byte 1"), check_header(1, "X A", "").message);
  CHECK_EQUAL(std::string("header 1 'X:': name has the character ':' at byte 1"), check_header(1, "X:", "").message);
  CHECK_EQUAL(std::string("header 1 'X\\xe4': name has the byte 0xe4 at byte 1"), check_header(1, "X\xe4", "").message);
  CHECK_EQUAL(std::string("header 1 'X': value has the control character 0x1b at byte 2"),
              check_header(1, "X", "ab\x1b").message);
  CHECK_EQUAL(std::string("header 0 'TE': hop-by-hop headers are the server's to send (PEP 3333)"),
              check_header(0, "TE", "").message);
}

TEST(Header, RefusalsStayShort) { CHECK_TRUE(check_header(0, std::string(1'000'000, '\n'), "").message.size() < 200); }

TEST_GROUP(ContentLength) {
  std::int64_t length = -7;

  void expect(std::int64_t wanted, std::string_view text) {
    CHECK_FALSE(parse_content_length(text, &length));
    CHECK_TRUE(length == wanted);
  }
};

TEST(ContentLength, IsDigits) {
  expect(0, "0");
  expect(5, "5");
  expect(1048576, "1048576");
}

TEST(ContentLength, MayHaveLeadingZeros) { expect(5, "0000000000000000000000000000005"); }

TEST(ContentLength, GoesUpToTheLargestOffset) { expect(9223372036854775807, "9223372036854775807"); }

TEST(ContentLength, BeyondTheLargestOffsetIsRefused) {
  for (const char* text : {"9223372036854775808", "18446744073709551615", "18446744073709551616",
                           "18446744073709551621", "99999999999999999999999999", "184467440737095516160"})
    CHECK_TRUE(static_cast<bool>(parse_content_length(text, &length)));
}

TEST(ContentLength, OtherSpellingsAreRefused) {
  for (const char* text : {"", "+5", "-5", "-0", " 5", "5 ", "\t5", "5,5", "5, 5", "0x5", "5.0", "5e1", "5_0", "five",
                           "5\n", "\xd9\xa5", ","})
    CHECK_TRUE(static_cast<bool>(parse_content_length(text, &length)));
}

TEST(ContentLength, EndsAtItsSizeAndNotAtANul) {
  CHECK_TRUE(static_cast<bool>(parse_content_length(std::string_view("5\0", 2), &length)));
  expect(5, std::string_view("57", 1));
}

TEST(ContentLength, TakesEachByteOnlyIfItIsADigit) {
  for (std::size_t place = 0; place < 3; ++place) {
    for (int byte = 0; byte < 256; ++byte) {
      std::string text = "123";
      text[place] = static_cast<char>(byte);
      CHECK_EQUAL(byte >= '0' && byte <= '9', !parse_content_length(text, &length));
    }
  }
}

TEST(ContentLength, LeavesTheResultAloneWhenRefused) {
  CHECK_TRUE(static_cast<bool>(parse_content_length("12x", &length)));
  CHECK_TRUE(length == -7);
}

TEST(ContentLength, RefusalsShowTheValue) {
  CHECK_EQUAL(std::string("Content-Length '+5': must be digits only"), parse_content_length("+5", &length).message);
  CHECK_EQUAL(std::string("Content-Length is empty: must be digits only"), parse_content_length("", &length).message);
  CHECK_EQUAL(std::string("Content-Length '9223372036854775808': is over 9223372036854775807"),
              parse_content_length("9223372036854775808", &length).message);
}

TEST_GROUP(HeaderRules){};

TEST(HeaderRules, CaseIsIgnoredForLettersOnly) {
  CHECK_TRUE(wsgi::equal_ignoring_case("Content-Type", "cONTENT-tYPE"));
  CHECK_TRUE(wsgi::equal_ignoring_case("", ""));
  CHECK_FALSE(wsgi::equal_ignoring_case("ab", "abc"));
  CHECK_FALSE(wsgi::equal_ignoring_case("[", "{"));
  CHECK_FALSE(wsgi::equal_ignoring_case("@", "`"));
  CHECK_FALSE(wsgi::equal_ignoring_case("\xc4", "\xe4"));
}

TEST(HeaderRules, ALocalRedirectIsALocalPathBesideStatus200) {
  CHECK_TRUE(wsgi::is_local_redirect(200, "Location", "/"));
  CHECK_TRUE(wsgi::is_local_redirect(200, "lOCATION", "/a//b?c=d"));
  for (const char* value : {"", "a", "//host/a", "http://host/a", " /a"})
    CHECK_FALSE(wsgi::is_local_redirect(200, "Location", value));
  for (const std::uint32_t status : {201u, 301u, 302u, 404u})
    CHECK_FALSE(wsgi::is_local_redirect(status, "Location", "/"));
  CHECK_FALSE(wsgi::is_local_redirect(200, "Content-Location", "/"));
}

TEST(HeaderRules, ABodyIsMissingFrom204And304AndToHead) {
  for (std::uint32_t status = 200; status <= 599; ++status) {
    CHECK_EQUAL(status == 204 || status == 304, wsgi::has_no_body(status, false));
    CHECK_TRUE(wsgi::has_no_body(status, true));
  }
}
