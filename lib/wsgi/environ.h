// SPDX-License-Identifier: Apache-2.0
#pragma once

// The rules that turn a request into the WSGI environ's text entries (PEP 3333, RFC 3875, compat.md 4).
// Pure: the module fills RequestFacts from request_rec, CGI from its own environment. Views: nothing here
// owns text; an Arena gives memory that lives as long as the request.

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "wsgi/engine_abi.h"
#include "wsgi/environ_name.h"

namespace wsgi {

// Memory of one request. allocate never fails (out of memory aborts); no alignment is asked for.
class Arena {
 public:
  virtual char* allocate(std::size_t size) = 0;

 protected:
  ~Arena() = default;
};

struct Field {
  std::string_view name;
  std::string_view value;
};

// What happens to Authorization and Proxy-Authorization.
enum class PassAuthorization { kNone, kAuthorization, kAll };

struct EnvironRules {
  PassAuthorization pass_authorization = PassAuthorization::kNone;
};

// True for header names made of ASCII letters, digits and '-' only: others never reach the environ, since
// X_Foo and X-Foo would become one name (CVE-2015-7519).
bool is_plain_header_name(std::string_view name);

// The CGI name of a header: "HTTP_" + upper case with '-' as '_', CONTENT_TYPE and CONTENT_LENGTH for those two,
// empty when it must not be shown: Proxy (httpoxy), names that are not plain, Authorization and
// Proxy-Authorization unless the rules pass them.
std::string_view cgi_name(std::string_view header, const EnvironRules& rules, Arena& arena);

// Runs of '/' become one (SCRIPT_NAME, PATH_INFO). Returns path itself when it has no run.
std::string_view collapse_slashes(std::string_view path, Arena& arena);

// Collects the entries in the order of their first appearance. When one name is given twice, a computed value
// wins over a header's and both win over the configuration's (SetEnv, PassEnv, RewriteRule E=), in whatever order
// they come; among equals the last wins. Keys wsgi.*, mod_wsgi.*, apache.* and gatehouse.* from the configuration
// are dropped: nobody can forge them. Texts are not copied: they must live as long as the list's user.
class EnvironList {
 public:
  explicit EnvironList(Arena& arena) : arena_(arena) {}
  EnvironList(const EnvironList&) = delete;
  EnvironList& operator=(const EnvironList&) = delete;

  void add_configured(std::string_view name, std::string_view value);  // subprocess environment
  void add_header(std::string_view header, std::string_view value, const EnvironRules& rules);
  void add_computed(const EnvironName& name, std::string_view value) { put(name, value, Origin::kComputed); }
  void remove(const EnvironName& name);
  // The value or an empty view with data() == nullptr.
  std::string_view find(const EnvironName& name) const;
  // The entries, ready for the engine; valid until the next change.
  std::span<const gatehouse_pair> pairs() const { return entries_.first(count_); }
  Arena& arena() { return arena_; }

 private:
  enum class Origin : std::uint8_t { kConfigured, kHeader, kComputed };  // each wins over those before
  using Slot = std::uint32_t;  // 4 * (1 + index of an entry) + its origin; 0: free
  static constexpr std::size_t kUsualEntries = 64;

  void put(const EnvironName& name, std::string_view value, Origin origin);
  gatehouse_pair& entry_of(Slot slot) const { return entries_[slot / 4 - 1]; }
  // Index of the slot of that name, or of the free one where it belongs.
  std::size_t locate(const EnvironName& name) const;
  void place(Slot slot);
  void grow();

  Arena& arena_;
  std::size_t count_ = 0;  // of the entries; there is room for one more
  std::array<gatehouse_pair, kUsualEntries> usual_entries_;
  std::array<Slot, 2 * kUsualEntries> usual_slots_{};
  std::vector<gatehouse_pair> more_entries_;
  std::vector<Slot> more_slots_;
  std::span<gatehouse_pair> entries_{usual_entries_};
  std::span<Slot> slots_{usual_slots_};  // open addressing; a power of two, twice as many as entries
};

// HTTPS as the scheme flag: "on" in any case, or "1".
bool is_https_value(std::string_view value);

}  // namespace wsgi
