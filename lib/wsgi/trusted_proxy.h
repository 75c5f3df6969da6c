// SPDX-License-Identifier: Apache-2.0
#pragma once

// WSGITrustedProxyHeaders and WSGITrustedProxies: what a proxy in front of httpd says about the client's request
// goes into the environ, and what nobody vouches for leaves it. Addresses are numbers; no name is ever looked up.
// Pure; views live as long as the environ's arena. Fuzzed.

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "wsgi/environ.h"

namespace wsgi {

// An IP address; an IPv4 one is kept as its IPv6 form ::ffff:a.b.c.d, and so both ways to write it are equal.
struct Address {
  std::array<std::uint8_t, 16> bytes{};
};
std::optional<Address> parse_address(std::string_view text);

struct Subnet {
  Address network;
  unsigned bits = 0;  // of the 128
};
// "10.1.2.3", "10.0.0.0/8", "10.0.0.0/255.0.0.0", "::1", "2001:db8::/32". Bits behind the prefix are ignored.
std::optional<Subnet> parse_subnet(std::string_view text);
// No IPv4 address is in an IPv6 subnet.
bool contains(const Subnet& subnet, const Address& address);

// Headers of one category are synonyms: several ways to say the same thing.
enum class HeaderCategory : std::uint8_t { kClient, kHost, kServer, kPort, kScriptName, kScheme };
inline constexpr std::size_t kHeaderCategories = 6;

struct ProxyRewrite;
struct TrustedHeader {
  std::string_view name;      // "X-Forwarded-For"
  std::string_view variable;  // "HTTP_X_FORWARDED_FOR"
  HeaderCategory category;
  // Puts what the value says into the environ. False: its syntax is wrong; nothing was changed.
  bool (*apply)(ProxyRewrite& rewrite, std::string_view value);
};
// All there are.
std::span<const TrustedHeader> trusted_headers();
// In any case, with '-' or '_'. NULL when it is none of them.
const TrustedHeader* find_trusted_header(std::string_view name);

struct TrustedProxies {
  std::span<const TrustedHeader* const> headers;  // in the configuration's order
  std::span<const Subnet> proxies;                // empty: everyone is trusted
};

// What the proxy says about the scheme.
enum class ProxyScheme : std::uint8_t { kUnchanged, kHttp, kHttps };

// Applies the headers in their order if REMOTE_ADDR is a trusted proxy, then removes the synonyms of every category
// that has a configured header, but for the one that was applied last. So an application sees only headers that
// were believed.
ProxyScheme apply_trusted_headers(const TrustedProxies& rules, EnvironList* environ);

}  // namespace wsgi
