// SPDX-License-Identifier: Apache-2.0
#include "base/messages.h"

#include <algorithm>
#include <cstdlib>
#include <iterator>

namespace base {
namespace {

constexpr MessageEntry make(Message message, std::string_view padded, Level level, std::string_view cause,
                            std::string_view remedy) {
  return {message, padded, level, cause, remedy};
}

// "GH" and the number in four digits, as a constant string.
template <unsigned number>
struct Code {
  static constexpr char text[] = {'G',
                                  'H',
                                  static_cast<char>('0' + number / 1000 % 10),
                                  static_cast<char>('0' + number / 100 % 10),
                                  static_cast<char>('0' + number / 10 % 10),
                                  static_cast<char>('0' + number % 10)};
  static constexpr std::string_view view{text, sizeof text};
};

constexpr MessageEntry kEntries[] = {
#define GH_MESSAGE(name, number, level, cause, remedy) \
  make(Message::name, Code<number>::view, Level::level, cause, remedy),
#include "base/messages.def"
#undef GH_MESSAGE
};

constexpr bool in_order() {
  return std::is_sorted(std::begin(kEntries), std::end(kEntries),
                        [](const MessageEntry& a, const MessageEntry& b) { return a.message < b.message; });
}
static_assert(in_order(), "messages.def must be in the order of its numbers");

}  // namespace

const MessageEntry& entry_of(Message message) {
  const auto* found =
      std::lower_bound(std::begin(kEntries), std::end(kEntries), message,
                       [](const MessageEntry& entry, Message wanted) { return entry.message < wanted; });
  if (found == std::end(kEntries) || found->message != message) std::abort();
  return *found;
}

}  // namespace base
