// SPDX-License-Identifier: Apache-2.0
#include "wsgi/trusted_proxy.h"

#include <cstdio>
#include <list>
#include <string>
#include <string_view>
#include <vector>

#include <CppUTest/TestHarness.h>

using wsgi::ProxyScheme;
using wsgi::TrustedHeader;

namespace {

class ListArena final : public wsgi::Arena {
 public:
  char* allocate(std::size_t size) override { return pieces_.emplace_back(size, '?').data(); }

 private:
  std::list<std::string> pieces_;
};

// What a request without a proxy's word would show.
constexpr wsgi::Field kOwn[] = {{"REMOTE_ADDR", "10.0.0.1"}, {"SERVER_NAME", "inner"}, {"SERVER_PORT", "8080"},
                                {"SCRIPT_NAME", "/app"},     {"PATH_INFO", "/x"},      {"HTTP_HOST", "inner:8080"}};

const char* text_of(ProxyScheme scheme) {
  return scheme == ProxyScheme::kHttps ? "https" : scheme == ProxyScheme::kHttp ? "http" : "-";
}

// One header and its value: what changes. An empty change: the value is refused.
struct HeaderCase {
  const char* header;
  const char* value;
  const char* changed;  // variable, or "scheme"
  const char* to;
};

constexpr HeaderCase kCases[] = {
    {"X-Client-IP", "192.0.2.1", "REMOTE_ADDR", "192.0.2.1"},
    {"X-Client-IP", "192.0.2.1:4711", "REMOTE_ADDR", "192.0.2.1"},
    {"X-Client-IP", "2001:db8::1", "REMOTE_ADDR", "2001:db8::1"},
    {"X-Client-IP", "[2001:db8::1]", "REMOTE_ADDR", "2001:db8::1"},
    {"X-Client-IP", "[2001:db8::1]:4711", "REMOTE_ADDR", "2001:db8::1"},
    {"X-Client-IP", "::ffff:192.0.2.1", "REMOTE_ADDR", "::ffff:192.0.2.1"},
    {"X-Client-IP", "", "", ""},
    {"X-Client-IP", "client.example", "", ""},
    {"X-Client-IP", "192.0.2.1, 192.0.2.2", "", ""},
    {"X-Client-IP", "192.0.2.256", "", ""},
    {"X-Client-IP", "192.0.2.1:", "", ""},
    {"X-Client-IP", "192.0.2.1:0", "", ""},
    {"X-Client-IP", "192.0.2.1:65536", "", ""},
    {"X-Client-IP", "[192.0.2.1]", "", ""},
    {"X-Client-IP", "[2001:db8::1", "", ""},
    {"X-Client-IP", "[2001:db8::1]x", "", ""},
    {"X-Client-IP", "fe80::1%eth0", "", ""},
    {"X-Client-IP", "127.1", "", ""},
    {"X-Client-IP", "0x7f.0.0.1", "", ""},
    {"X-Real-IP", "192.0.2.1", "REMOTE_ADDR", "192.0.2.1"},
    {"X-Real-IP", "unknown", "", ""},
    {"X-Forwarded-Host", "www.example.org", "HTTP_HOST", "www.example.org"},
    {"X-Forwarded-Host", "www.example.org:8443", "HTTP_HOST", "www.example.org:8443"},
    {"X-Forwarded-Host", "[2001:db8::1]:80", "HTTP_HOST", "[2001:db8::1]:80"},
    {"X-Forwarded-Host", "under_score", "HTTP_HOST", "under_score"},
    {"X-Forwarded-Host", "", "", ""},
    {"X-Forwarded-Host", "a.example, b.example", "", ""},
    {"X-Forwarded-Host", "evil.example/", "", ""},
    {"X-Forwarded-Host", "user@evil.example", "", ""},
    {"X-Forwarded-Host", "evil.example:80:90", "", ""},
    {"X-Forwarded-Host", "evil.example:port", "", ""},
    {"X-Forwarded-Host", ":80", "", ""},
    {"X-Forwarded-Host", "2001:db8::1", "", ""},
    {"X-Forwarded-Host", "[192.0.2.1]", "", ""},
    {"X-Forwarded-Host", "<script>", "", ""},
    {"X-Host", "www.example.org", "HTTP_HOST", "www.example.org"},
    {"X-Host", "a b", "", ""},
    {"X-Forwarded-Server", "front.example.org", "SERVER_NAME", "front.example.org"},
    {"X-Forwarded-Server", "[::1]", "SERVER_NAME", "[::1]"},
    {"X-Forwarded-Server", "front.example.org:80", "", ""},
    {"X-Forwarded-Server", "front.example.org, next", "", ""},
    {"X-Forwarded-Port", "443", "SERVER_PORT", "443"},
    {"X-Forwarded-Port", "65535", "SERVER_PORT", "65535"},
    {"X-Forwarded-Port", "", "", ""},
    {"X-Forwarded-Port", "0", "", ""},
    {"X-Forwarded-Port", "65536", "", ""},
    {"X-Forwarded-Port", "-1", "", ""},
    {"X-Forwarded-Port", "+1", "", ""},
    {"X-Forwarded-Port", "0443", "", ""},
    {"X-Forwarded-Port", "443x", "", ""},
    {"X-Forwarded-Port", "99999999999999999999", "", ""},
    {"X-Script-Name", "/mounted/here", "SCRIPT_NAME", "/mounted/here"},
    {"X-Script-Name", "/", "SCRIPT_NAME", "/"},
    {"X-Script-Name", "", "", ""},
    {"X-Script-Name", "mounted", "", ""},
    {"X-Script-Name", "//evil.example", "", ""},
    {"X-Script-Name", "/\\evil.example", "", ""},
    {"X-Script-Name", "/a?b", "", ""},
    {"X-Script-Name", "/a#b", "", ""},
    {"X-Script-Name", "http://evil.example/", "", ""},
    {"X-Forwarded-Script-Name", "/mounted", "SCRIPT_NAME", "/mounted"},
    {"X-Forwarded-Script-Name", "/a b", "", ""},
    {"X-Forwarded-Proto", "https", "scheme", "https"},
    {"X-Forwarded-Proto", "HTTPS", "scheme", "https"},
    {"X-Forwarded-Proto", "http", "scheme", "http"},
    {"X-Forwarded-Proto", "", "", ""},
    {"X-Forwarded-Proto", "on", "", ""},
    {"X-Forwarded-Proto", "https,http", "", ""},
    {"X-Forwarded-Scheme", "https", "scheme", "https"},
    {"X-Forwarded-Scheme", "wss", "", ""},
    {"X-Scheme", "http", "scheme", "http"},
    {"X-Scheme", "1", "", ""},
    {"X-Forwarded-HTTPS", "On", "scheme", "https"},
    {"X-Forwarded-HTTPS", "off", "scheme", "http"},
    {"X-Forwarded-HTTPS", "https", "", ""},
    {"X-Forwarded-SSL", "true", "scheme", "https"},
    {"X-Forwarded-SSL", "False", "scheme", "http"},
    {"X-Forwarded-SSL", "yes", "", ""},
    {"X-HTTPS", "1", "scheme", "https"},
    {"X-HTTPS", "0", "scheme", "http"},
    {"X-HTTPS", "2", "", ""},
};

// X-Forwarded-For where 10.0.0.0/8 and 2001:db8:1::/48 are trusted: the client, and what the header becomes.
// An empty client: the header is refused.
struct ChainCase {
  const char* value;
  const char* client;
  const char* header;
};

constexpr ChainCase kChains[] = {
    {"192.0.2.1", "192.0.2.1", "192.0.2.1"},
    {"192.0.2.1, 10.0.0.2", "192.0.2.1", "192.0.2.1, 10.0.0.2"},
    {"192.0.2.1,10.0.0.2,10.0.0.3", "192.0.2.1", "192.0.2.1, 10.0.0.2, 10.0.0.3"},
    {"6.6.6.6, 192.0.2.1, 10.0.0.2", "192.0.2.1", "192.0.2.1, 10.0.0.2"},
    {"10.9.9.9, 192.0.2.1, 10.0.0.2", "192.0.2.1", "192.0.2.1, 10.0.0.2"},
    {"6.6.6.6, 192.0.2.1", "192.0.2.1", "192.0.2.1"},
    {"10.0.0.3", "10.0.0.3", "10.0.0.3"},
    {"10.0.0.3, 10.0.0.2", "10.0.0.3", "10.0.0.3, 10.0.0.2"},
    {" 192.0.2.1 ,\t10.0.0.2 ", "192.0.2.1", "192.0.2.1, 10.0.0.2"},
    {",, 192.0.2.1, ,10.0.0.2,,", "192.0.2.1", "192.0.2.1, 10.0.0.2"},
    {"192.0.2.1:50000, 10.0.0.2:443", "192.0.2.1", "192.0.2.1:50000, 10.0.0.2:443"},
    {"2001:db8:2::5, 2001:db8:1::1", "2001:db8:2::5", "2001:db8:2::5, 2001:db8:1::1"},
    {"[2001:db8:2::5]:1234, [2001:db8:1::1]", "2001:db8:2::5", "[2001:db8:2::5]:1234, [2001:db8:1::1]"},
    {"192.0.2.1, ::ffff:10.0.0.2", "192.0.2.1", "192.0.2.1, ::ffff:10.0.0.2"},
    {"evil.example, 192.0.2.1, 10.0.0.2", "192.0.2.1", "192.0.2.1, 10.0.0.2"},
    {"unknown, 10.0.0.2", "", ""},
    {"192.0.2.1, proxy.example", "", ""},
    {"192.0.2.1, 10.0.0.999", "", ""},
    {"proxy.example", "", ""},
    {"", "", ""},
    {" , ,", "", ""},
};

}  // namespace

TEST_GROUP(TrustedProxy) {
  ListArena arena;
  wsgi::EnvironList environ{arena};
  std::vector<const TrustedHeader*> headers;
  std::vector<wsgi::Subnet> proxies;

  void setup() override {
    for (const wsgi::Field& field : kOwn) environ.add_computed(field.name, field.value);
  }
  void believe(std::string_view name) {
    const TrustedHeader* header = wsgi::find_trusted_header(name);
    CHECK_TRUE(header != nullptr);
    headers.push_back(header);
  }
  void trust(std::string_view subnet) { proxies.push_back(wsgi::parse_subnet(subnet).value()); }
  void send(std::string_view header, std::string_view value) { environ.add_header(header, value, {}); }
  ProxyScheme apply() { return wsgi::apply_trusted_headers({headers, proxies}, &environ); }
  std::string value_of(std::string_view name) const {
    const std::string_view value = environ.find(name);
    return value.data() == nullptr ? "(none)" : std::string(value);
  }
  void check_own_but(std::string_view changed) const {
    for (const wsgi::Field& field : kOwn)
      if (field.name != changed) CHECK_EQUAL(std::string(field.value), value_of(field.name));
  }
  bool covers(std::string_view subnet, std::string_view address) {
    return wsgi::contains(wsgi::parse_subnet(subnet).value(), wsgi::parse_address(address).value());
  }
};

TEST(TrustedProxy, EveryHeaderDoesWhatTheTableSays) {
  for (const HeaderCase& row : kCases) {
    const std::string changed = row.changed;
    const std::string line = std::string(row.header) + ": " + row.value;
    ListArena memory;
    wsgi::EnvironList list{memory};
    for (const wsgi::Field& field : kOwn) list.add_computed(field.name, field.value);
    list.add_header(row.header, row.value, {});
    const TrustedHeader* header = wsgi::find_trusted_header(row.header);
    const wsgi::ProxyScheme scheme = wsgi::apply_trusted_headers({{&header, 1}, {}}, &list);
    STRCMP_EQUAL_TEXT(changed == "scheme" ? row.to : "-", text_of(scheme), line.c_str());
    for (const wsgi::Field& field : kOwn) {
      const std::string expected(field.name == changed ? std::string_view(row.to) : field.value);
      STRCMP_EQUAL_TEXT(expected.c_str(), std::string(list.find(field.name)).c_str(), line.c_str());
    }
    CHECK_TRUE_TEXT((list.find(header->variable).data() != nullptr) == !changed.empty(), line.c_str());
    const std::string_view mount = list.find("mod_wsgi.mount_point");
    CHECK_TRUE_TEXT(changed == "SCRIPT_NAME" ? mount == row.to : mount.data() == nullptr, line.c_str());
  }
}

TEST(TrustedProxy, TheTableAboveHasEveryHeaderBelievedAndRefused) {
  for (const TrustedHeader& header : wsgi::trusted_headers()) {
    if (header.name == "X-Forwarded-For") continue;  // the chains
    int believed = 0;
    int refused = 0;
    for (const HeaderCase& row : kCases)
      if (header.name == row.header) ++(row.changed[0] != '\0' ? believed : refused);
    CHECK_TRUE_TEXT(believed > 0 && refused > 0, std::string(header.name).c_str());
  }
}

TEST(TrustedProxy, NoHeaderOfAnUntrustedPeerIsBelievedOrShown) {
  for (const HeaderCase& row : kCases) {
    ListArena memory;
    wsgi::EnvironList list{memory};
    for (const wsgi::Field& field : kOwn) list.add_computed(field.name, field.value);
    list.add_header(row.header, row.value, {});
    const TrustedHeader* header = wsgi::find_trusted_header(row.header);
    const wsgi::Subnet other = wsgi::parse_subnet("192.168.0.0/16").value();
    CHECK_TRUE(wsgi::apply_trusted_headers({{&header, 1}, {&other, 1}}, &list) == ProxyScheme::kUnchanged);
    for (const wsgi::Field& field : kOwn) CHECK_TRUE_TEXT(list.find(field.name) == field.value, row.header);
    CHECK_TRUE_TEXT(list.find(header->variable).data() == nullptr, row.header);
  }
}

TEST(TrustedProxy, AHeaderThatIsNotSentChangesNothing) {
  for (const TrustedHeader& header : wsgi::trusted_headers()) headers.push_back(&header);
  CHECK_TRUE(apply() == ProxyScheme::kUnchanged);
  check_own_but("");
}

TEST(TrustedProxy, TheChainIsWalkedFromTheRight) {
  for (const ChainCase& row : kChains) {
    ListArena memory;
    wsgi::EnvironList list{memory};
    list.add_computed("REMOTE_ADDR", "10.0.0.1");
    list.add_header("X-Forwarded-For", row.value, {});
    const TrustedHeader* header = wsgi::find_trusted_header("X-Forwarded-For");
    const wsgi::Subnet trusted[] = {wsgi::parse_subnet("10.0.0.0/8").value(),
                                    wsgi::parse_subnet("2001:db8:1::/48").value()};
    wsgi::apply_trusted_headers({{&header, 1}, trusted}, &list);
    const bool refused = row.client[0] == '\0';
    STRCMP_EQUAL_TEXT(refused ? "10.0.0.1" : row.client, std::string(list.find("REMOTE_ADDR")).c_str(), row.value);
    const std::string_view shown = list.find("HTTP_X_FORWARDED_FOR");
    STRCMP_EQUAL_TEXT(row.header, std::string(shown).c_str(), row.value);
    CHECK_TRUE_TEXT((shown.data() == nullptr) == refused, row.value);
  }
}

TEST(TrustedProxy, WithoutAListOfProxiesTheFirstOfTheChainIsTheClientAndTheHeaderStays) {
  believe("X-Forwarded-For");
  send("X-Forwarded-For", ", 192.0.2.1:99,6.6.6.6");
  apply();
  CHECK_EQUAL(std::string("192.0.2.1"), value_of("REMOTE_ADDR"));
  CHECK_EQUAL(std::string(", 192.0.2.1:99,6.6.6.6"), value_of("HTTP_X_FORWARDED_FOR"));
}

TEST(TrustedProxy, ThePeerIsJudgedBeforeItsHeadersAre) {
  believe("X-Real-IP");
  believe("X-Forwarded-Port");
  trust("10.0.0.1");
  send("X-Real-IP", "192.0.2.1");
  send("X-Forwarded-Port", "443");
  apply();
  CHECK_EQUAL(std::string("192.0.2.1"), value_of("REMOTE_ADDR"));
  CHECK_EQUAL(std::string("443"), value_of("SERVER_PORT"));
}

TEST(TrustedProxy, AClientCannotMakeItselfAProxy) {
  believe("X-Real-IP");
  trust("127.0.0.1");
  send("X-Real-IP", "127.0.0.1");
  apply();
  CHECK_EQUAL(std::string("10.0.0.1"), value_of("REMOTE_ADDR"));
}

TEST(TrustedProxy, AnIPv6PeerIsAProxy) {
  environ.add_computed("REMOTE_ADDR", "2001:db8::7");
  believe("X-Real-IP");
  trust("2001:db8::/32");
  send("X-Real-IP", "192.0.2.1");
  apply();
  CHECK_EQUAL(std::string("192.0.2.1"), value_of("REMOTE_ADDR"));
}

TEST(TrustedProxy, OfSynonymsTheLastAppliedInTheConfigurationsOrderWinsAndStays) {
  believe("X-Host");
  believe("X-Forwarded-Host");
  send("X-Forwarded-Host", "second.example");
  send("X-Host", "first.example");
  apply();
  CHECK_EQUAL(std::string("second.example"), value_of("HTTP_HOST"));
  CHECK_EQUAL(std::string("second.example"), value_of("HTTP_X_FORWARDED_HOST"));
  CHECK_EQUAL(std::string("(none)"), value_of("HTTP_X_HOST"));
}

TEST(TrustedProxy, ARefusedSynonymLeavesTheOneBeforeItInForce) {
  believe("X-Host");
  believe("X-Forwarded-Host");
  send("X-Host", "first.example");
  send("X-Forwarded-Host", "no host");
  apply();
  CHECK_EQUAL(std::string("first.example"), value_of("HTTP_HOST"));
  CHECK_EQUAL(std::string("first.example"), value_of("HTTP_X_HOST"));
  CHECK_EQUAL(std::string("(none)"), value_of("HTTP_X_FORWARDED_HOST"));
}

TEST(TrustedProxy, SynonymsThatAreNotConfiguredAreRemoved) {
  believe("X-Forwarded-Proto");
  for (const char* other : {"X-Forwarded-Scheme", "X-Scheme", "X-Forwarded-HTTPS", "X-Forwarded-SSL", "X-HTTPS"})
    send(other, "https");
  send("X-Forwarded-Proto", "http");
  CHECK_TRUE(apply() == ProxyScheme::kHttp);
  for (const TrustedHeader& header : wsgi::trusted_headers())
    if (header.category == wsgi::HeaderCategory::kScheme && header.name != "X-Forwarded-Proto")
      CHECK_EQUAL(std::string("(none)"), value_of(header.variable));
}

TEST(TrustedProxy, CategoriesWithoutAConfiguredHeaderAreLeftAlone) {
  believe("X-Forwarded-Proto");
  send("X-Forwarded-For", "192.0.2.1");
  send("X-Forwarded-Host", "www.example.org");
  apply();
  check_own_but("");
  CHECK_EQUAL(std::string("192.0.2.1"), value_of("HTTP_X_FORWARDED_FOR"));
  CHECK_EQUAL(std::string("www.example.org"), value_of("HTTP_X_FORWARDED_HOST"));
}

TEST(TrustedProxy, PathInfoStaysWhenTheScriptNameChanges) {
  believe("X-Script-Name");
  send("X-Script-Name", "/mounted");
  apply();
  CHECK_EQUAL(std::string("/mounted"), value_of("SCRIPT_NAME"));
  CHECK_EQUAL(std::string("/x"), value_of("PATH_INFO"));
}

TEST(TrustedProxy, HeadersAreFoundInAnyCaseAndWithUnderscores) {
  for (const TrustedHeader& header : wsgi::trusted_headers())
    CHECK_TRUE(&header == wsgi::find_trusted_header(header.name));
  CHECK_TRUE(wsgi::find_trusted_header("x-forwarded-FOR") == wsgi::find_trusted_header("X_Forwarded_For"));
  for (const char* other : {"", "X-Forwarded", "X-Forwarded-For-", "Forwarded", "X.Forwarded.For"})
    CHECK_TRUE(wsgi::find_trusted_header(other) == nullptr);
}

TEST(TrustedProxy, ASubnetCoversItsAddresses) {
  CHECK_TRUE(covers("10.1.2.3", "10.1.2.3"));
  CHECK_FALSE(covers("10.1.2.3", "10.1.2.4"));
  CHECK_TRUE(covers("10.99.0.0/8", "10.1.2.3"));
  CHECK_FALSE(covers("10.0.0.0/8", "11.0.0.0"));
  CHECK_TRUE(covers("192.168.16.0/20", "192.168.31.255"));
  CHECK_FALSE(covers("192.168.16.0/20", "192.168.32.0"));
  CHECK_TRUE(covers("10.0.0.0/255.255.0.0", "10.0.99.1"));
  CHECK_FALSE(covers("10.0.0.0/255.255.0.0", "10.1.0.0"));
  CHECK_TRUE(covers("0.0.0.0/0", "203.0.113.9"));
  CHECK_TRUE(covers("2001:db8::/33", "2001:db8:7fff::1"));
  CHECK_FALSE(covers("2001:db8::/33", "2001:db8:8000::1"));
  CHECK_TRUE(covers("::1", "0:0::1"));
  CHECK_TRUE(covers("2001:DB8::/32", "2001:db8::5"));
}

TEST(TrustedProxy, IPv4AndIPv6SubnetsAreApart) {
  CHECK_FALSE(covers("::/0", "10.0.0.1"));
  CHECK_FALSE(covers("0.0.0.0/0", "2001:db8::1"));
  CHECK_TRUE(covers("10.0.0.0/8", "::ffff:10.0.0.1"));
  CHECK_TRUE(covers("::ffff:10.0.0.0/104", "10.0.0.1"));
}

TEST(TrustedProxy, WhatIsNoSubnetIsRefused) {
  for (const char* text : {"",
                           "/8",
                           "10.0.0.0/",
                           "10.0.0.0/33",
                           "10.0.0.0/-1",
                           "10.0.0.0/08",
                           "10.0.0.0/255.0.255.0",
                           "10.0.0.0/8/8",
                           "10.0.0.0/::1",
                           "10.0.0",
                           "10.0.0.0 /8",
                           "256.0.0.1",
                           "proxy.example",
                           "localhost",
                           "::/129",
                           "::1/ffff::",
                           "::1/255.0.0.0",
                           "2001:db8::1::2",
                           "fe80::1%lo",
                           "[::1]",
                           "1111:2222:3333:4444:5555:6666:7777:8888:9999"})
    CHECK_FALSE_TEXT(wsgi::parse_subnet(text).has_value(), text);
  CHECK_FALSE(wsgi::parse_address(std::string_view("10.0.0.1\0x", 10)).has_value());
}
