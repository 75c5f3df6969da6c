// SPDX-License-Identifier: Apache-2.0
#include "wsgi/trusted_proxy.h"

#include <arpa/inet.h>

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstring>
#include <vector>

#include "wsgi/header_rules.h"

namespace wsgi {

// One request while its headers are applied.
struct ProxyRewrite {
  const TrustedProxies& rules;
  EnvironList& environ;
  ProxyScheme scheme = ProxyScheme::kUnchanged;
};

namespace {

constexpr std::array<std::uint8_t, 12> kV4Prefix = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
constexpr unsigned kV4Bits = 8 * kV4Prefix.size();

bool is_v4(const Address& address) { return std::equal(kV4Prefix.begin(), kV4Prefix.end(), address.bytes.begin()); }

// 1*DIGIT without leading zeros.
std::optional<unsigned> number_of(std::string_view text) {
  unsigned number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool is_plain = text.size() == 1 || (text.size() > 1 && text[0] != '0');
  if (error != std::errc() || end != text.data() + text.size() || !is_plain) return std::nullopt;
  return number;
}

bool is_port(std::string_view text) {
  const std::optional<unsigned> number = number_of(text);
  return number && *number >= 1 && *number <= 65535;
}

// 255.255.0.0 is 16; nothing for a mask with holes.
std::optional<unsigned> bits_of_mask(std::string_view text) {
  const std::optional<Address> mask = parse_address(text);
  if (!mask || !is_v4(*mask) || text.find(':') != std::string_view::npos) return std::nullopt;
  std::uint32_t word = 0;
  for (std::size_t i = kV4Prefix.size(); i < mask->bytes.size(); ++i) word = word << 8 | mask->bytes[i];
  const auto ones = static_cast<unsigned>(std::countl_one(word));
  if (static_cast<unsigned>(std::popcount(word)) != ones) return std::nullopt;
  return ones;
}

// --- What a header's value may look like

// Splits "HOST", "HOST:PORT", "[V6]" or "[V6]:PORT"; the host keeps its brackets. False: no such form.
bool split_host(std::string_view text, std::string_view* host, std::string_view* port) {
  const bool bracketed = text.starts_with('[');
  const std::size_t end = bracketed ? text.find(']') : text.find(':');
  if (bracketed && end == std::string_view::npos) return false;
  *host = bracketed ? text.substr(0, end + 1) : text.substr(0, end);
  std::string_view rest = text.substr(host->size());
  *port = {};
  if (rest.empty()) return true;
  *port = rest.substr(1);
  return rest[0] == ':' && is_port(*port);
}

std::string_view without_brackets(std::string_view host) {
  return host.starts_with('[') ? host.substr(1, host.size() - 2) : host;
}

// RFC 3986 section 3.2.2, but for what no host on the net has: percent signs and sub-delimiters.
bool is_host(std::string_view host) {
  if (host.starts_with('[')) {
    const std::string_view literal = without_brackets(host);
    return literal.find(':') != std::string_view::npos && parse_address(literal).has_value();
  }
  const auto stands_in_name = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
           c == '_';
  };
  return !host.empty() && host.size() <= 255 && std::all_of(host.begin(), host.end(), stands_in_name);
}

// The address in what proxies send: with or without a port, IPv6 with or without brackets. Empty: it is none.
std::string_view address_in(std::string_view item) {
  std::string_view host = item;
  std::string_view port;
  const bool is_bare_v6 = !item.starts_with('[') && std::count(item.begin(), item.end(), ':') > 1;
  if (!is_bare_v6) {
    if (!split_host(item, &host, &port)) return {};
    if (host.starts_with('[') && !is_host(host)) return {};
    host = without_brackets(host);
  }
  return parse_address(host) ? host : std::string_view();
}

// A path of one leading slash; "//" would begin another host's URL where it is put before a path.
bool is_script_name(std::string_view text) {
  if (!text.starts_with('/') || text.find("//") != std::string_view::npos) return false;
  return std::none_of(text.begin(), text.end(), [](char c) {
    return static_cast<unsigned char>(c) <= ' ' || c == '\x7f' || c == '?' || c == '#' || c == '\\';
  });
}

// --- X-Forwarded-For

// The items of a comma-separated list, without blanks around them and without empty ones.
std::vector<std::string_view> items_of(std::string_view list) {
  std::vector<std::string_view> items;
  while (!list.empty()) {
    const std::size_t comma = list.find(',');
    std::string_view item = list.substr(0, comma);
    list.remove_prefix(comma == std::string_view::npos ? list.size() : comma + 1);
    const std::size_t first = item.find_first_not_of(" \t");
    if (first == std::string_view::npos) continue;
    items.push_back(item.substr(first, item.find_last_not_of(" \t") - first + 1));
  }
  return items;
}

std::string_view joined(std::span<const std::string_view> items, Arena& arena) {
  constexpr std::string_view kBetween = ", ";
  std::size_t size = 0;
  for (const std::string_view item : items) size += item.size() + kBetween.size();
  char* text = arena.allocate(size);
  char* next = text;
  for (const std::string_view item : items) {
    if (next != text) next = std::copy(kBetween.begin(), kBetween.end(), next);
    next = std::copy(item.begin(), item.end(), next);
  }
  return {text, static_cast<std::size_t>(next - text)};
}

bool is_trusted(const TrustedProxies& rules, std::string_view address_text) {
  if (rules.proxies.empty()) return true;
  const std::optional<Address> address = parse_address(address_text);
  return address && std::any_of(rules.proxies.begin(), rules.proxies.end(),
                                [&](const Subnet& subnet) { return contains(subnet, *address); });
}

// Each proxy appends its peer. From the right, the first that is no trusted proxy is the client; what is written
// before it anybody may have invented.
bool set_client_from_chain(ProxyRewrite& rewrite, std::string_view value) {
  const std::vector<std::string_view> items = items_of(value);
  if (items.empty()) return false;
  const bool has_proxies = !rewrite.rules.proxies.empty();
  std::size_t client = has_proxies ? items.size() - 1 : 0;
  while (client > 0 && is_trusted(rewrite.rules, address_in(items[client]))) --client;
  const std::string_view address = address_in(items[client]);
  if (address.empty()) return false;
  rewrite.environ.add_computed("REMOTE_ADDR", address);
  if (has_proxies)
    rewrite.environ.add_computed("HTTP_X_FORWARDED_FOR",
                                 joined(std::span(items).subspan(client), rewrite.environ.arena()));
  return true;
}

// --- The other headers

bool set_client(ProxyRewrite& rewrite, std::string_view value) {
  const std::string_view address = address_in(value);
  if (address.empty()) return false;
  rewrite.environ.add_computed("REMOTE_ADDR", address);
  return true;
}

bool set_host(ProxyRewrite& rewrite, std::string_view value) {
  std::string_view host;
  std::string_view port;
  if (!split_host(value, &host, &port) || !is_host(host)) return false;
  rewrite.environ.add_computed("HTTP_HOST", value);
  return true;
}

bool set_server(ProxyRewrite& rewrite, std::string_view value) {
  if (!is_host(value)) return false;
  rewrite.environ.add_computed("SERVER_NAME", value);
  return true;
}

bool set_port(ProxyRewrite& rewrite, std::string_view value) {
  if (!is_port(value)) return false;
  rewrite.environ.add_computed("SERVER_PORT", value);
  return true;
}

bool set_script_name(ProxyRewrite& rewrite, std::string_view value) {
  if (!is_script_name(value)) return false;
  rewrite.environ.add_computed("SCRIPT_NAME", value);
  rewrite.environ.add_computed("mod_wsgi.mount_point", value);
  return true;
}

struct SchemeWord {
  std::string_view word;
  ProxyScheme scheme;
};
constexpr SchemeWord kSchemes[] = {{"https", ProxyScheme::kHttps}, {"http", ProxyScheme::kHttp}};
constexpr SchemeWord kFlags[] = {{"on", ProxyScheme::kHttps}, {"true", ProxyScheme::kHttps}, {"1", ProxyScheme::kHttps},
                                 {"off", ProxyScheme::kHttp}, {"false", ProxyScheme::kHttp}, {"0", ProxyScheme::kHttp}};

bool set_scheme_by(std::span<const SchemeWord> words, ProxyRewrite& rewrite, std::string_view value) {
  for (const SchemeWord& known : words) {
    if (!equal_ignoring_case(known.word, value)) continue;
    rewrite.scheme = known.scheme;
    return true;
  }
  return false;
}

bool set_scheme(ProxyRewrite& rewrite, std::string_view value) { return set_scheme_by(kSchemes, rewrite, value); }
bool set_scheme_flag(ProxyRewrite& rewrite, std::string_view value) { return set_scheme_by(kFlags, rewrite, value); }

using Category = HeaderCategory;
constexpr TrustedHeader kHeaders[] = {
    {"X-Forwarded-For", "HTTP_X_FORWARDED_FOR", Category::kClient, set_client_from_chain},
    {"X-Client-IP", "HTTP_X_CLIENT_IP", Category::kClient, set_client},
    {"X-Real-IP", "HTTP_X_REAL_IP", Category::kClient, set_client},
    {"X-Forwarded-Host", "HTTP_X_FORWARDED_HOST", Category::kHost, set_host},
    {"X-Host", "HTTP_X_HOST", Category::kHost, set_host},
    {"X-Forwarded-Server", "HTTP_X_FORWARDED_SERVER", Category::kServer, set_server},
    {"X-Forwarded-Port", "HTTP_X_FORWARDED_PORT", Category::kPort, set_port},
    {"X-Script-Name", "HTTP_X_SCRIPT_NAME", Category::kScriptName, set_script_name},
    {"X-Forwarded-Script-Name", "HTTP_X_FORWARDED_SCRIPT_NAME", Category::kScriptName, set_script_name},
    {"X-Forwarded-Proto", "HTTP_X_FORWARDED_PROTO", Category::kScheme, set_scheme},
    {"X-Forwarded-Scheme", "HTTP_X_FORWARDED_SCHEME", Category::kScheme, set_scheme},
    {"X-Scheme", "HTTP_X_SCHEME", Category::kScheme, set_scheme},
    {"X-Forwarded-HTTPS", "HTTP_X_FORWARDED_HTTPS", Category::kScheme, set_scheme_flag},
    {"X-Forwarded-SSL", "HTTP_X_FORWARDED_SSL", Category::kScheme, set_scheme_flag},
    {"X-HTTPS", "HTTP_X_HTTPS", Category::kScheme, set_scheme_flag},
};

}  // namespace

std::optional<Address> parse_address(std::string_view text) {
  char name[INET6_ADDRSTRLEN] = {};
  if (text.empty() || text.size() >= sizeof name || text.find('\0') != std::string_view::npos) return std::nullopt;
  std::memcpy(name, text.data(), text.size());
  Address address;
  if (inet_pton(AF_INET6, name, address.bytes.data()) == 1) return address;
  std::copy(kV4Prefix.begin(), kV4Prefix.end(), address.bytes.begin());
  if (inet_pton(AF_INET, name, address.bytes.data() + kV4Prefix.size()) == 1) return address;
  return std::nullopt;
}

std::optional<Subnet> parse_subnet(std::string_view text) {
  const std::size_t slash = text.find('/');
  const std::string_view address = text.substr(0, slash);
  const std::optional<Address> network = parse_address(address);
  if (!network) return std::nullopt;
  if (slash == std::string_view::npos) return Subnet{*network, 128};
  const std::string_view prefix = text.substr(slash + 1);
  const bool is_dotted = address.find(':') == std::string_view::npos;
  const unsigned skipped = is_dotted ? kV4Bits : 0;
  std::optional<unsigned> bits = number_of(prefix);
  if (!bits && is_dotted) bits = bits_of_mask(prefix);
  if (!bits || *bits > 128 - skipped) return std::nullopt;
  return Subnet{*network, skipped + *bits};
}

bool contains(const Subnet& subnet, const Address& address) {
  if (is_v4(address) && subnet.bits < kV4Bits) return false;
  const std::size_t whole = subnet.bits / 8;
  if (!std::equal(address.bytes.begin(), address.bytes.begin() + whole, subnet.network.bytes.begin())) return false;
  const unsigned rest = subnet.bits % 8;
  return rest == 0 || ((address.bytes[whole] ^ subnet.network.bytes[whole]) >> (8 - rest)) == 0;
}

std::span<const TrustedHeader> trusted_headers() { return kHeaders; }

const TrustedHeader* find_trusted_header(std::string_view name) {
  constexpr std::size_t kPrefix = std::string_view("HTTP_").size();
  const auto is_shown_as = [](char given, char shown) {
    const char upper = given >= 'a' && given <= 'z' ? static_cast<char>(given - ('a' - 'A')) : given;
    return shown == (upper == '-' ? '_' : upper);
  };
  for (const TrustedHeader& header : kHeaders) {
    const std::string_view shown = header.variable.substr(kPrefix);
    if (std::equal(name.begin(), name.end(), shown.begin(), shown.end(), is_shown_as)) return &header;
  }
  return nullptr;
}

ProxyScheme apply_trusted_headers(const TrustedProxies& rules, EnvironList* environ) {
  ProxyRewrite rewrite{rules, *environ};
  std::array<bool, kHeaderCategories> configured{};
  std::array<const TrustedHeader*, kHeaderCategories> applied{};
  const bool peer_is_trusted = is_trusted(rules, environ->find("REMOTE_ADDR"));
  for (const TrustedHeader* header : rules.headers) {
    const auto category = static_cast<std::size_t>(header->category);
    configured[category] = true;
    const std::string_view value = environ->find(header->variable);
    if (peer_is_trusted && value.data() != nullptr && header->apply(rewrite, value)) applied[category] = header;
  }
  for (const TrustedHeader& header : kHeaders) {
    const auto category = static_cast<std::size_t>(header.category);
    if (configured[category] && applied[category] != &header) environ->remove(header.variable);
  }
  return rewrite.scheme;
}

}  // namespace wsgi
