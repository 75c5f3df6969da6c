// SPDX-License-Identifier: Apache-2.0
#include "wsgi/environ.h"

#include <list>
#include <set>
#include <string>

#include <CppUTest/TestHarness.h>

using wsgi::EnvironList;
using wsgi::EnvironRules;
using wsgi::PassAuthorization;

namespace {

class ListArena final : public wsgi::Arena {
 public:
  char* allocate(std::size_t size) override { return pieces_.emplace_back(size, '?').data(); }
  std::size_t count() const { return pieces_.size(); }

 private:
  std::list<std::string> pieces_;
};

std::string text_of(const gatehouse_text& text) { return {text.data, text.size}; }

}  // namespace

TEST_GROUP(Environ) {
  ListArena arena;
  EnvironList list{arena};
  EnvironRules rules;

  std::string name_of(std::string_view header) { return std::string(wsgi::cgi_name(header, rules, arena)); }
  void header(std::string_view name, std::string_view value) { list.add_header(name, value, rules); }
  // "A=1 B=2" in the list's order.
  std::string all() {
    std::string line;
    for (const gatehouse_pair& pair : list.pairs())
      line += (line.empty() ? "" : " ") + text_of(pair.name) + "=" + text_of(pair.value);
    return line;
  }
};

TEST(Environ, AHeaderBecomesAnHttpName) {
  CHECK_EQUAL(std::string("HTTP_ACCEPT_LANGUAGE"), name_of("Accept-Language"));
  CHECK_EQUAL(std::string("HTTP_X_2"), name_of("x-2"));
}

TEST(Environ, ContentTypeAndLengthKeepTheirNames) {
  CHECK_EQUAL(std::string("CONTENT_TYPE"), name_of("content-TYPE"));
  CHECK_EQUAL(std::string("CONTENT_LENGTH"), name_of("Content-Length"));
}

TEST(Environ, OnlyLettersDigitsAndDashMakeAHeaderName) {
  for (int byte = 0; byte < 256; ++byte) {
    const bool plain =
        (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || byte == '-';
    for (const std::string& name :
         {std::string(1, static_cast<char>(byte)) + "bc", std::string("a") + static_cast<char>(byte) + "c",
          std::string("ab") + static_cast<char>(byte)}) {
      CHECK_EQUAL(plain, wsgi::is_plain_header_name(name));
      CHECK_EQUAL(plain, !name_of(name).empty());
    }
  }
}

TEST(Environ, AnEmptyHeaderNameIsNotShown) {
  CHECK_FALSE(wsgi::is_plain_header_name(""));
  CHECK_EQUAL(std::string(), name_of(""));
}

TEST(Environ, NoHeaderCanPassForAnother) {
  for (const char* name : {"X_Foo", "X.Foo", "X Foo", "Content_Length", "Content_Type", "Proxy_"})
    CHECK_EQUAL(std::string(), name_of(name));
}

TEST(Environ, ProxyIsNeverShown) {
  for (const char* name : {"Proxy", "proxy", "PROXY", "pRoXy"}) CHECK_EQUAL(std::string(), name_of(name));
  CHECK_EQUAL(std::string("HTTP_PROXY_X"), name_of("Proxy-X"));
}

TEST(Environ, AuthorizationIsHiddenUnlessItIsPassed) {
  CHECK_EQUAL(std::string(), name_of("Authorization"));
  CHECK_EQUAL(std::string(), name_of("PROXY-authorization"));
}

TEST(Environ, AuthorizationIsPassedAlone) {
  rules.pass_authorization = PassAuthorization::kAuthorization;
  CHECK_EQUAL(std::string("HTTP_AUTHORIZATION"), name_of("authorization"));
  CHECK_EQUAL(std::string(), name_of("Proxy-Authorization"));
}

TEST(Environ, BothAuthorizationsArePassed) {
  rules.pass_authorization = PassAuthorization::kAll;
  CHECK_EQUAL(std::string("HTTP_AUTHORIZATION"), name_of("Authorization"));
  CHECK_EQUAL(std::string("HTTP_PROXY_AUTHORIZATION"), name_of("Proxy-Authorization"));
}

TEST(Environ, RunsOfSlashesBecomeOne) {
  CHECK_TRUE(wsgi::collapse_slashes("//a///b/c//", arena) == "/a/b/c/");
  CHECK_TRUE(wsgi::collapse_slashes("////", arena) == "/");
}

TEST(Environ, APathWithoutRunsIsNotCopied) {
  const std::string_view path = "/a/b/";
  CHECK_TRUE(wsgi::collapse_slashes(path, arena).data() == path.data());
  CHECK_TRUE(wsgi::collapse_slashes("", arena).empty());
  CHECK_EQUAL(0u, arena.count());
}

TEST(Environ, EntriesKeepTheOrderOfTheirFirstAppearance) {
  list.add_computed("A", "1");
  list.add_configured("B", "2");
  list.add_computed("C", "3");
  list.add_computed("A", "4");
  CHECK_EQUAL(std::string("A=4 B=2 C=3"), all());
}

TEST(Environ, TheLastValueOfEqualsWins) {
  list.add_configured("A", "1");
  list.add_configured("A", "2");
  header("X", "1");
  header("x", "2");
  CHECK_EQUAL(std::string("A=2 HTTP_X=2"), all());
}

TEST(Environ, AComputedValueWinsWhateverTheOrder) {
  list.add_configured("REMOTE_USER", "forged");
  list.add_computed("REMOTE_USER", "anna");
  list.add_configured("REMOTE_USER", "forged");
  CHECK_EQUAL(std::string("REMOTE_USER=anna"), all());
}

TEST(Environ, AComputedValueWinsOverAHeader) {
  list.add_computed("CONTENT_LENGTH", "5");
  header("Content-Length", "6");
  CHECK_EQUAL(std::string("CONTENT_LENGTH=5"), all());
}

TEST(Environ, AHeaderWinsOverTheConfiguration) {
  header("X-User", "from the client");
  list.add_configured("HTTP_X_USER", "configured");
  list.add_configured("HTTP_X_OTHER", "configured");
  header("X-Other", "from the client");
  CHECK_EQUAL(std::string("HTTP_X_USER=from the client HTTP_X_OTHER=from the client"), all());
}

TEST(Environ, AConfiguredNameStandsWhenNobodyElseGivesIt) {
  list.add_configured("HTTP_AUTHORIZATION", "Basic eDp5");
  header("Authorization", "Basic c2VjcmV0");
  CHECK_EQUAL(std::string("HTTP_AUTHORIZATION=Basic eDp5"), all());
}

TEST(Environ, TheConfigurationCannotForgeOurKeys) {
  for (const char* name : {"wsgi.input", "wsgi.", "mod_wsgi.process_group", "apache.request_rec", "gatehouse.x"})
    list.add_configured(name, "forged");
  list.add_configured("wsgi", "a name of its own");
  list.add_configured("x.wsgi.y", "1");
  CHECK_EQUAL(std::string("wsgi=a name of its own x.wsgi.y=1"), all());
}

TEST(Environ, OurKeysCanBeComputed) {
  list.add_computed("mod_wsgi.process_group", "group");
  CHECK_EQUAL(std::string("mod_wsgi.process_group=group"), all());
}

TEST(Environ, AHiddenHeaderAddsNothing) {
  header("Proxy", "http://evil");
  header("X_Y", "1");
  CHECK_EQUAL(std::string(), all());
}

TEST(Environ, AnEmptyValueIsKept) {
  header("X", "");
  list.add_computed("QUERY_STRING", std::string_view());
  CHECK_EQUAL(std::string("HTTP_X= QUERY_STRING="), all());
  CHECK_TRUE(list.find("HTTP_X").data() != nullptr);
  CHECK_TRUE(list.find("QUERY_STRING").data() != nullptr);
}

TEST(Environ, AMissingNameIsToldFromAnEmptyValue) { CHECK_TRUE(list.find("HTTP_X").data() == nullptr); }

TEST(Environ, FindsWhatWasAdded) {
  list.add_computed("SERVER_NAME", "example.org");
  CHECK_TRUE(list.find("SERVER_NAME") == "example.org");
  CHECK_TRUE(list.find("SERVER_NAM").data() == nullptr);
  CHECK_TRUE(list.find("").data() == nullptr);
}

TEST(Environ, ForgetsWhatIsRemoved) {
  list.add_computed("A", "1");
  list.add_computed("HTTPS", "on");
  list.add_computed("B", "2");
  list.remove("HTTPS");
  CHECK_EQUAL(std::string("A=1 B=2"), all());
  CHECK_TRUE(list.find("HTTPS").data() == nullptr);
  CHECK_TRUE(list.find("B") == "2");
}

TEST(Environ, RemovingWhatIsNotThereChangesNothing) {
  list.add_computed("A", "1");
  list.remove("PATH");
  CHECK_EQUAL(std::string("A=1"), all());
}

TEST(Environ, ARemovedNameIsNewWhenItComesAgain) {
  list.add_computed("A", "1");
  list.add_computed("B", "2");
  list.remove("A");
  list.add_configured("A", "3");
  CHECK_EQUAL(std::string("B=2 A=3"), all());
}

TEST(Environ, TheRankOfAnEntrySurvivesARemoval) {
  list.add_configured("GONE", "");
  list.add_computed("A", "1");
  list.add_configured("B", "1");
  list.remove("GONE");
  list.add_configured("A", "2");
  list.add_configured("B", "2");
  CHECK_EQUAL(std::string("A=1 B=2"), all());
}

TEST(Environ, HoldsThousandsOfEntries) {
  std::list<std::string> names;
  for (int i = 0; i < 5'000; ++i) {
    names.push_back("X_" + std::to_string(i));
    list.add_configured(names.back(), names.back());
  }
  for (int i = 0; i < 5'000; i += 500) list.remove(std::string_view("X_" + std::to_string(i)));
  CHECK_EQUAL(4'990u, list.pairs().size());
  for (const std::string& name : names) {
    const bool removed = std::stoi(name.substr(2)) % 500 == 0;
    CHECK_TRUE(removed ? list.find(std::string_view(name)).data() == nullptr
                       : list.find(std::string_view(name)) == name);
  }
}

TEST(Environ, NamesThatDifferInOneByteStayApart) {
  std::list<std::string> names;
  for (std::size_t size = 1; size <= 24; ++size) {
    for (std::size_t place = 0; place < size; ++place) {
      std::string name(size, 'A');
      name[place] = 'B';
      names.push_back(name);
      list.add_computed(std::string_view(names.back()), names.back());
    }
  }
  CHECK_EQUAL(names.size(), list.pairs().size());
  for (const std::string& name : names) CHECK_TRUE(list.find(std::string_view(name)) == name);
}

TEST(Environ, NumberedNamesSpread) {
  std::set<std::uint32_t> slots;
  for (int i = 10; i < 74; ++i)
    slots.insert(wsgi::EnvironName(std::string_view("HTTP_X_FIELD_" + std::to_string(i))).hash() % 128);
  CHECK_TRUE(slots.size() > 40);
}

TEST(Environ, HttpsIsOnInAnyCaseOrOne) {
  for (const char* value : {"on", "On", "ON", "oN", "1"}) CHECK_TRUE(wsgi::is_https_value(value));
  for (const char* value : {"", "off", "0", "onn", "o", "2", "11", " on", "true"})
    CHECK_FALSE(wsgi::is_https_value(value));
}
