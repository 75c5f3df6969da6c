// SPDX-License-Identifier: Apache-2.0
#include "wsgi/environ.h"

#include <array>
#include <cstring>
#include <utility>

#include "wsgi/header_rules.h"

namespace wsgi {
namespace {

constexpr std::size_t kFirstSlots = 128;
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

std::uint64_t first_bytes(const char* from, std::size_t size) {
  std::uint64_t word = 0;
  if (size > 0) std::memcpy(&word, from, size);
  return word;
}

std::uint32_t hash_of(std::string_view name) {
  constexpr std::uint64_t kMultiplier = 0x9e3779b97f4a7c15;  // 2^64 / golden ratio
  constexpr std::size_t kWord = sizeof(std::uint64_t);
  const auto mix = [](std::uint64_t hash, std::uint64_t word) {
    hash = (hash ^ word) * kMultiplier;
    return hash ^ (hash >> 32);
  };
  std::uint64_t hash = name.size();
  if (name.size() < kWord) return static_cast<std::uint32_t>(mix(hash, first_bytes(name.data(), name.size())));
  for (std::size_t i = 0; i + kWord < name.size(); i += kWord) hash = mix(hash, first_bytes(name.data() + i, kWord));
  // The last word may overlap the one before: a copy of constant size is one load.
  return static_cast<std::uint32_t>(mix(hash, first_bytes(name.data() + name.size() - kWord, kWord)));
}

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

EnvironList::EnvironList(Arena& arena) : arena_(arena), slots_(kFirstSlots) { entries_.reserve(kFirstSlots / 2); }

void EnvironList::add_configured(std::string_view name, std::string_view value) {
  if (!is_reserved(name)) put(name, value, Origin::kConfigured);
}

void EnvironList::add_header(std::string_view header, std::string_view value, const EnvironRules& rules) {
  const std::string_view name = cgi_name(header, rules, arena_);
  if (!name.empty()) put(name, value, Origin::kHeader);
}

void EnvironList::add_computed(std::string_view name, std::string_view value) { put(name, value, Origin::kComputed); }

void EnvironList::remove(std::string_view name) {
  Slot& gone = locate(name, hash_of(name));
  if (gone.origin == Origin::kNone) return;
  const std::uint32_t entry = gone.entry;
  entries_.erase(entries_.begin() + entry);
  gone = {};
  for (Slot& slot : slots_)
    if (slot.entry > entry) --slot.entry;
  place_slots(slots_.size());
}

std::string_view EnvironList::find(std::string_view name) const {
  const Slot& slot = locate(name, hash_of(name));
  return slot.origin == Origin::kNone ? std::string_view() : view_of(entries_[slot.entry].value);
}

std::span<const gatehouse_pair> EnvironList::pairs() { return entries_; }

const EnvironList::Slot& EnvironList::locate(std::string_view name, std::uint32_t hash) const {
  const std::size_t mask = slots_.size() - 1;
  for (std::size_t i = hash & mask;; i = (i + 1) & mask) {
    const Slot& slot = slots_[i];
    if (slot.origin == Origin::kNone) return slot;
    if (slot.hash == hash && view_of(entries_[slot.entry].name) == name) return slot;
  }
}

EnvironList::Slot& EnvironList::locate(std::string_view name, std::uint32_t hash) {
  return const_cast<Slot&>(std::as_const(*this).locate(name, hash));
}

void EnvironList::put(std::string_view name, std::string_view value, Origin origin) {
  const std::uint32_t hash = hash_of(name);
  Slot& slot = locate(name, hash);
  if (slot.origin > origin) return;
  if (slot.origin != Origin::kNone) {
    slot.origin = origin;
    entries_[slot.entry].value = text_of(value);
    return;
  }
  slot = {hash, static_cast<std::uint32_t>(entries_.size()), origin};
  entries_.push_back({text_of(name), text_of(value)});
  if (entries_.size() * 2 > slots_.size()) place_slots(slots_.size() * 2);
}

void EnvironList::place_slots(std::size_t count) {
  const std::vector<Slot> old = std::exchange(slots_, std::vector<Slot>(count));
  for (const Slot& slot : old)
    if (slot.origin != Origin::kNone) locate(view_of(entries_[slot.entry].name), slot.hash) = slot;
}

bool is_https_value(std::string_view value) { return value == "1" || equal_ignoring_case(value, "on"); }

}  // namespace wsgi
