// SPDX-License-Identifier: Apache-2.0
#include "wsgi/environ.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

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

void EnvironList::add_configured(std::string_view name, std::string_view value) {
  if (!is_reserved(name)) put(name, value, Origin::kConfigured);
}

void EnvironList::add_header(std::string_view header, std::string_view value, const EnvironRules& rules) {
  const std::string_view name = cgi_name(header, rules, arena_);
  if (!name.empty()) put(name, value, Origin::kHeader);
}

void EnvironList::remove(const EnvironName& name) {
  std::size_t at = locate(name);
  const Slot gone = std::exchange(slots_[at], 0);
  if (gone == 0) return;
  std::copy(&entry_of(gone) + 1, &entries_[count_], &entry_of(gone));
  --count_;
  for (Slot& slot : slots_)
    if (slot > gone) slot -= 4;
  // Those behind it may stand there because its slot was taken.
  const std::size_t mask = slots_.size() - 1;
  for (at = (at + 1) & mask; slots_[at] != 0; at = (at + 1) & mask) place(std::exchange(slots_[at], 0));
}

std::string_view EnvironList::find(const EnvironName& name) const {
  const Slot slot = slots_[locate(name)];
  return slot == 0 ? std::string_view() : view_of(entry_of(slot).value);
}

std::size_t EnvironList::locate(const EnvironName& name) const {
  const std::size_t mask = slots_.size() - 1;
  for (std::size_t at = name.hash() & mask;; at = (at + 1) & mask)
    if (slots_[at] == 0 || view_of(entry_of(slots_[at]).name) == name.text()) return at;
}

void EnvironList::put(const EnvironName& name, std::string_view value, Origin origin) {
  std::size_t at = name.hash() & (slots_.size() - 1);
  if (slots_[at] != 0) [[unlikely]]
    at = locate(name);  // most find theirs free
  Slot& slot = slots_[at];
  const auto rank = static_cast<Slot>(origin);
  if (slot != 0) [[unlikely]] {
    if (slot % 4 > rank) return;
    slot = slot / 4 * 4 + rank;
    entry_of(slot).value = text_of(value);
    return;
  }
  entries_[count_++] = {text_of(name.text()), text_of(value)};
  slot = static_cast<Slot>(4 * count_) + rank;
  if (count_ == entries_.size()) [[unlikely]]
    grow();
}

void EnvironList::place(Slot slot) { slots_[locate(view_of(entry_of(slot).name))] = slot; }

void EnvironList::grow() {
  std::vector<gatehouse_pair> entries(2 * count_);
  std::copy(entries_.begin(), entries_.end(), entries.begin());
  more_entries_ = std::move(entries);
  entries_ = more_entries_;
  const std::vector<Slot> before(slots_.begin(), slots_.end());
  more_slots_.assign(2 * before.size(), 0);
  slots_ = more_slots_;
  for (const Slot slot : before)
    if (slot != 0) place(slot);
}

bool is_https_value(std::string_view value) { return value == "1" || equal_ignoring_case(value, "on"); }

}  // namespace wsgi
