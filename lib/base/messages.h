// SPDX-License-Identifier: Apache-2.0
#pragma once

// Every message Gatehouse can log: its stable code (GHnnnn), level and remedy, from messages.def.

#include <cstdint>
#include <string_view>

namespace base {

enum class Level : std::uint8_t { kEmergency, kAlert, kCritical, kError, kWarning, kNotice, kInfo, kDebug, kTrace };

enum class Message : std::uint16_t {
#define GH_MESSAGE(name, number, level, cause, remedy) name = number,
#include "base/messages.def"
#undef GH_MESSAGE
};

struct MessageEntry {
  Message message;
  std::string_view code;  // "GH0401"
  Level level;
  std::string_view cause;
  std::string_view remedy;
};

// The entry of a message; every enumerator has one.
const MessageEntry& entry_of(Message message);

}  // namespace base
