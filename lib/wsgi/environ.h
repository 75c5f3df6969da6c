// SPDX-License-Identifier: Apache-2.0
#pragma once

// The rules that turn a request into the WSGI environ's text entries (PEP 3333, RFC 3875, compat.md 4).
// Pure: the module fills RequestFacts from request_rec, CGI from its own environment. Views: nothing here
// owns text; an Arena gives memory that lives as long as the request.

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory_resource>
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
  explicit EnvironList(Arena& arena);

  void add_configured(std::string_view name, std::string_view value);  // subprocess environment
  void add_header(std::string_view header, std::string_view value, const EnvironRules& rules);
  void add_computed(const EnvironName& name, std::string_view value) { put(name, value, Origin::kComputed); }
  void remove(const EnvironName& name);
  // The value or an empty view with data() == nullptr.
  std::string_view find(const EnvironName& name) const;
  // The entries, ready for the engine; valid until the next change.
  std::span<const gatehouse_pair> pairs();
  Arena& arena() { return arena_; }

 private:
  enum class Origin : std::uint8_t { kConfigured, kHeader, kComputed };  // each wins over those before
  struct Mark {
    std::uint32_t hash;
    Origin origin;
  };
  using Slot = std::uint32_t;  // 1 + index of an entry; 0: free
  static constexpr std::size_t kUsualEntries = 64;
  static constexpr std::size_t kUsualMemory =
      kUsualEntries * (sizeof(gatehouse_pair) + sizeof(Mark) + 2 * sizeof(Slot));

  void put(const EnvironName& name, std::string_view value, Origin origin);
  // Index of the slot of that name, or of the free one where it belongs.
  std::size_t locate(const EnvironName& name) const;
  void place_slots(std::size_t count);

  Arena& arena_;
  alignas(gatehouse_pair) std::array<std::byte, kUsualMemory> first_memory_;
  std::pmr::monotonic_buffer_resource memory_{first_memory_.data(), first_memory_.size()};
  std::pmr::vector<gatehouse_pair> entries_{&memory_};
  std::pmr::vector<Mark> marks_{&memory_};  // of the entries
  std::pmr::vector<Slot> slots_{&memory_};  // open addressing; a power of two, at most half full
};

// HTTPS as the scheme flag: "on" in any case, or "1".
bool is_https_value(std::string_view value);

}  // namespace wsgi
