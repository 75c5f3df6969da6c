// SPDX-License-Identifier: Apache-2.0
#pragma once

// The name of an environ entry with its hash, which the compiler computes for names that are written in the code.
// A view: does not own its text.

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace wsgi {

class EnvironName {
 public:
  template <std::size_t kSize>
  consteval EnvironName(const char (&literal)[kSize]) : text_(literal, kSize - 1), hash_(hash_of(text_)) {}
  EnvironName(std::string_view text) : text_(text), hash_(hash_of(text)) {}

  std::string_view text() const { return text_; }
  std::uint32_t hash() const { return hash_; }

 private:
  using Word = std::uint64_t;

  static constexpr Word first_bytes(const char* from, std::size_t size) {
    std::array<char, sizeof(Word)> bytes{};
    std::copy_n(from, size, bytes.begin());
    return std::bit_cast<Word>(bytes);
  }

  static constexpr Word mix(Word hash, Word word) {
    constexpr Word kMultiplier = 0x9e3779b97f4a7c15;  // 2^64 / golden ratio
    hash = (hash ^ word) * kMultiplier;
    return hash ^ (hash >> 32);
  }

  // The upper bits of a product depend on all of its factors, the lower ones, which choose a slot, on their lower ones.
  static constexpr std::uint32_t fold(Word hash) { return __builtin_bswap32(static_cast<std::uint32_t>(hash)); }

  static constexpr std::uint32_t hash_of(std::string_view name) {
    constexpr std::size_t kWord = sizeof(Word);
    Word hash = name.size();
    if (name.size() < kWord) return fold(mix(hash, first_bytes(name.data(), name.size())));
    for (std::size_t i = 0; i + kWord < name.size(); i += kWord) hash = mix(hash, first_bytes(name.data() + i, kWord));
    // The last word may overlap the one before: a copy of constant size is one load.
    return fold(mix(hash, first_bytes(name.data() + name.size() - kWord, kWord)));
  }

  std::string_view text_;
  std::uint32_t hash_;
};

}  // namespace wsgi
