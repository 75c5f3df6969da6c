// SPDX-License-Identifier: Apache-2.0
#include "wire/head_size.h"

#include <algorithm>

namespace wire {
namespace {

constexpr std::size_t kLongestName = 64;

std::size_t size_of(const Pair& pair) { return pair.name.size() + pair.value.size(); }

}  // namespace

std::string text_of_sizes(std::span<const Pair> pairs) {
  std::size_t total = 0;
  for (const Pair& pair : pairs) total += size_of(pair);
  std::string text = std::to_string(pairs.size()) + " of " + std::to_string(total) + " bytes";
  if (pairs.empty()) return text;
  const Pair& largest = *std::max_element(pairs.begin(), pairs.end(),
                                          [](const Pair& a, const Pair& b) { return size_of(a) < size_of(b); });
  return text.append(", the largest is ")
      .append(largest.name.substr(0, kLongestName))
      .append(" of ")
      .append(std::to_string(size_of(largest)))
      .append(" bytes");
}

}  // namespace wire
