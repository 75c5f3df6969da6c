// SPDX-License-Identifier: Apache-2.0
#include "wsgi/header_rules.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include "base/log.h"

namespace wsgi {
namespace {

// Where a byte may stand: one bit a place.
constexpr std::uint8_t kInName = 1;    // tchar, RFC 9110 section 5.6.2
constexpr std::uint8_t kInValue = 2;   // HTAB, SP, VCHAR, obs-text, RFC 9110 section 5.5
constexpr std::uint8_t kInReason = 4;  // the same without HTAB

constexpr std::array<std::uint8_t, 256> make_places() {
  std::array<std::uint8_t, 256> places{};
  for (unsigned byte = 0x20; byte < 256; ++byte)
    if (byte != 0x7f) places[byte] = kInValue | kInReason;
  places['\t'] = kInValue;
  for (const char c : std::string_view("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"))
    places[static_cast<unsigned char>(c)] |= kInName;
  return places;
}
constexpr std::array<std::uint8_t, 256> kPlaces = make_places();

// Index of the first byte that may not stand in that place, or npos.
std::size_t find_misplaced(std::string_view text, std::uint8_t place) {
  for (std::size_t i = 0; i < text.size(); ++i)
    if ((kPlaces[static_cast<unsigned char>(text[i])] & place) == 0) return i;
  return std::string_view::npos;
}

constexpr char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; }

// The header of this name belongs to the connection, which is the server's (PEP 3333 "Other HTTP Features").
bool is_hop_by_hop(std::string_view name) {
  switch (name.size()) {
    case 2:
      return equal_ignoring_case(name, "te");
    case 7:
      return equal_ignoring_case(name, "trailer") || equal_ignoring_case(name, "upgrade");
    case 10:
      return equal_ignoring_case(name, "connection") || equal_ignoring_case(name, "keep-alive");
    case 17:
      return equal_ignoring_case(name, "transfer-encoding");
    case 18:
      return equal_ignoring_case(name, "proxy-authenticate");
    case 19:
      return equal_ignoring_case(name, "proxy-authorization");
    default:
      return false;
  }
}

std::string name_of(char c) {
  const auto byte = static_cast<unsigned char>(c);
  switch (byte) {
    case '\0':
      return "a NUL";
    case '\t':
      return "a tab";
    case '\n':
      return "a line feed";
    case '\r':
      return "a carriage return";
    case ' ':
      return "a space";
    default:
      break;
  }
  if (byte > 0x20 && byte < 0x7f) return std::string("the character '") + c + "'";
  char text[32];
  std::snprintf(text, sizeof text, "the %s 0x%02x", byte < 0x80 ? "control character" : "byte",
                static_cast<unsigned>(byte));
  return text;
}

std::string quoted(std::string_view text) { return "'" + base::escape_line(text, 60) + "'"; }

std::string has_at(std::string_view what, std::string_view text, std::size_t at) {
  return std::string(what) + " has " + name_of(text[at]) + " at byte " + std::to_string(at);
}

// The paths below are cold: a response that takes one becomes a 500 with this message in the log.
[[gnu::cold]] Refusal refuse_status(std::string_view text, std::string_view why) {
  return {"status " + quoted(text) + ": " + std::string(why)};
}

[[gnu::cold]] Refusal refuse_header(std::size_t index, std::string_view name, std::string_view why) {
  return {"header " + std::to_string(index) + " " + quoted(name) + ": " + std::string(why)};
}

}  // namespace

Refusal parse_status(std::string_view text, StatusLine* out) {
  std::uint32_t code = 0;
  for (std::size_t i = 0; i < 3; ++i) {
    if (i >= text.size() || text[i] < '0' || text[i] > '9')
      return refuse_status(text, "does not begin with three digits, as '200 OK' does");
    code = code * 10 + static_cast<std::uint32_t>(text[i] - '0');
  }
  std::string_view reason = text.substr(3);
  if (!reason.empty()) {
    if (reason[0] != ' ') return refuse_status(text, "three digits must end it or be followed by a space");
    reason.remove_prefix(1);
  }
  if (code < 200 || code > 599)
    return refuse_status(text, "the code of a response is 200 to 599; interim responses are the server's");
  const std::size_t at = find_misplaced(reason, kInReason);
  if (at != std::string_view::npos)
    return refuse_status(text, has_at("status", text, text.size() - reason.size() + at));
  *out = {code, reason};
  return {};
}

Refusal check_header(std::size_t index, std::string_view name, std::string_view value) {
  if (name.empty()) return refuse_header(index, name, "name is empty");
  std::size_t at = find_misplaced(name, kInName);
  if (at != std::string_view::npos) return refuse_header(index, name, has_at("name", name, at));
  if (is_hop_by_hop(name)) return refuse_header(index, name, "hop-by-hop headers are the server's to send (PEP 3333)");
  if (equal_ignoring_case(name, "status"))
    return refuse_header(index, name, "the status goes into the first argument of start_response");
  at = find_misplaced(value, kInValue);
  if (at != std::string_view::npos) return refuse_header(index, name, has_at("value", value, at));
  return {};
}

Refusal parse_content_length(std::string_view value, std::int64_t* out) {
  std::int64_t length = 0;
  bool fits = true;
  for (const char c : value) {
    if (c < '0' || c > '9') return {"Content-Length " + quoted(value) + ": must be digits only"};
    fits = fits && !__builtin_mul_overflow(length, 10, &length) && !__builtin_add_overflow(length, c - '0', &length);
  }
  if (value.empty()) return {"Content-Length is empty: must be digits only"};
  if (!fits) return {"Content-Length " + quoted(value) + ": is over 9223372036854775807"};
  *out = length;
  return {};
}

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) { return lower(x) == lower(y); });
}

bool is_local_redirect(std::uint32_t status, std::string_view name, std::string_view value) {
  return status == 200 && value.starts_with('/') && !value.starts_with("//") && equal_ignoring_case(name, "location");
}

bool has_no_body(std::uint32_t status, bool head_request) { return head_request || status == 204 || status == 304; }

}  // namespace wsgi
