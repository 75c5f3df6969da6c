// SPDX-License-Identifier: Apache-2.0
#include "wsgi/environ.h"

#include <array>
#include <cstring>

#include "wsgi/header_rules.h"

namespace wsgi {
namespace {

constexpr std::string_view kReservedPrefixes[] = {"wsgi.", "mod_wsgi.", "apache.", "gatehouse."};

// What a byte of a header name becomes in a CGI name; 0: such a name is not shown.
constexpr std::array<char, 256> make_cgi_bytes() {
  std::array<char, 256> bytes{};
  for (char c = '0'; c <= '9'; ++c) bytes[static_cast<unsigned char>(c)] = c;
  for (char c = 'A'; c <= 'Z'; ++c) {
    bytes[static_cast<unsigned char>(c)] = c;
    bytes[static_cast<unsigned char>(c + ('a' - 'A'))] = c;
  }
  bytes['-'] = '_';
  return bytes;
}
constexpr std::array<char, 256> kCgiBytes = make_cgi_bytes();

char cgi_byte(char c) { return kCgiBytes[static_cast<unsigned char>(c)]; }

// A data pointer that is never null, so that "empty" and "missing" stay apart.
gatehouse_text text_of(std::string_view view) { return {view.data() != nullptr ? view.data() : "", view.size()}; }

std::string_view view_of(const gatehouse_text& text) { return {text.data, text.size}; }

bool is_reserved(std::string_view name) {
  for (const std::string_view prefix : kReservedPrefixes)
    if (name.starts_with(prefix)) return true;
  return false;
}

}  // namespace

bool is_plain_header_name(std::string_view name) {
  for (const char c : name)
    if (cgi_byte(c) == 0) return false;
  return !name.empty();
}

std::string_view cgi_name(std::string_view header, const EnvironRules& rules, Arena& arena) {
  switch (header.size()) {
    case 0:
      return {};
    case 5:
      if (equal_ignoring_case(header, "proxy")) return {};
      break;
    case 12:
      if (equal_ignoring_case(header, "content-type")) return "CONTENT_TYPE";
      break;
    case 13:
      if (rules.pass_authorization == PassAuthorization::kNone && equal_ignoring_case(header, "authorization"))
        return {};
      break;
    case 14:
      if (equal_ignoring_case(header, "content-length")) return "CONTENT_LENGTH";
      break;
    case 19:
      if (rules.pass_authorization != PassAuthorization::kAll && equal_ignoring_case(header, "proxy-authorization"))
        return {};
      break;
    default:
      break;
  }
  constexpr std::string_view kPrefix = "HTTP_";
  char* name = arena.allocate(kPrefix.size() + header.size());
  std::memcpy(name, kPrefix.data(), kPrefix.size());
  char* next = name + kPrefix.size();
  for (const char c : header) {
    const char byte = cgi_byte(c);
    if (byte == 0) return {};
    *next++ = byte;
  }
  return {name, kPrefix.size() + header.size()};
}

std::string_view collapse_slashes(std::string_view path, Arena& arena) {
  const std::size_t run = path.find("//");
  if (run == std::string_view::npos) return path;
  char* out = arena.allocate(path.size());
  std::size_t size = 0;
  for (const char c : path)
    if (c != '/' || size == 0 || out[size - 1] != '/') out[size++] = c;
  return {out, size};
}

EnvironList::EnvironList(Arena& arena) : arena_(arena) {
  entries_.reserve(kUsualEntries);
  marks_.reserve(kUsualEntries);
  slots_.resize(2 * kUsualEntries);
}

void EnvironList::add_configured(std::string_view name, std::string_view value) {
  if (!is_reserved(name)) put(name, value, Origin::kConfigured);
}

void EnvironList::add_header(std::string_view header, std::string_view value, const EnvironRules& rules) {
  const std::string_view name = cgi_name(header, rules, arena_);
  if (!name.empty()) put(name, value, Origin::kHeader);
}

void EnvironList::remove(const EnvironName& name) {
  const Slot gone = slots_[locate(name)];
  if (gone == 0) return;
  entries_.erase(entries_.begin() + (gone - 1));
  marks_.erase(marks_.begin() + (gone - 1));
  place_slots(slots_.size());
}

std::string_view EnvironList::find(const EnvironName& name) const {
  const Slot slot = slots_[locate(name)];
  return slot == 0 ? std::string_view() : view_of(entries_[slot - 1].value);
}

std::span<const gatehouse_pair> EnvironList::pairs() { return entries_; }

std::size_t EnvironList::locate(const EnvironName& name) const {
  const std::size_t mask = slots_.size() - 1;
  for (std::size_t i = name.hash() & mask;; i = (i + 1) & mask) {
    const Slot slot = slots_[i];
    if (slot == 0) return i;
    if (marks_[slot - 1].hash == name.hash() && view_of(entries_[slot - 1].name) == name.text()) return i;
  }
}

void EnvironList::put(const EnvironName& name, std::string_view value, Origin origin) {
  Slot& slot = slots_[locate(name)];
  if (slot != 0) {
    Origin& before = marks_[slot - 1].origin;
    if (before > origin) return;
    before = origin;
    entries_[slot - 1].value = text_of(value);
    return;
  }
  entries_.push_back({text_of(name.text()), text_of(value)});
  marks_.push_back({name.hash(), origin});
  slot = static_cast<Slot>(entries_.size());
  if (entries_.size() * 2 > slots_.size()) place_slots(slots_.size() * 2);
}

void EnvironList::place_slots(std::size_t count) {
  slots_.assign(count, 0);
  for (Slot entry = 1; entry <= marks_.size(); ++entry) {
    std::size_t i = marks_[entry - 1].hash & (count - 1);
    while (slots_[i] != 0) i = (i + 1) & (count - 1);
    slots_[i] = entry;
  }
}

bool is_https_value(std::string_view value) { return value == "1" || equal_ignoring_case(value, "on"); }

}  // namespace wsgi
