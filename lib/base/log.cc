// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"

#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstring>

#include "base/posix.h"

namespace base {
namespace {

// The sink of this binary; constant once threads run.
// NOLINTBEGIN(cppcoreguidelines-avoid-non-const-global-variables)
constinit LogSink current_sink = write_to_stderr;
constinit void* current_context = nullptr;
// NOLINTEND(cppcoreguidelines-avoid-non-const-global-variables)

constexpr std::size_t kStackLine = 8192;
constexpr std::string_view kCut = "...";
constexpr const char* kLevelNames[] = {"emerg", "alert", "crit", "error", "warn", "notice", "info", "debug", "trace1"};
constexpr const char* kDays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
constexpr const char* kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

bool is_printable_ascii(unsigned char byte) { return (byte >= 0x20 && byte < 0x7f) || byte == '\t'; }

struct Utf8Lead {
  std::size_t size;  // of the whole sequence
  unsigned char second_low, second_high;
};

// RFC 3629 section 4: the narrower ranges of the second byte keep out overlong forms, surrogates and what
// lies beyond U+10FFFF.
Utf8Lead utf8_lead(unsigned char lead) {
  if (lead >= 0xc2 && lead <= 0xdf) return {2, 0x80, 0xbf};
  if (lead == 0xe0) return {3, 0xa0, 0xbf};
  if (lead == 0xed) return {3, 0x80, 0x9f};
  if (lead >= 0xe1 && lead <= 0xef) return {3, 0x80, 0xbf};
  if (lead == 0xf0) return {4, 0x90, 0xbf};
  if (lead == 0xf4) return {4, 0x80, 0x8f};
  if (lead >= 0xf1 && lead <= 0xf3) return {4, 0x80, 0xbf};
  return {0, 0, 0};
}

// C1 controls, LINE SEPARATOR and PARAGRAPH SEPARATOR: terminals and log readers act on them.
bool is_control_sequence(std::string_view character) {
  if (character.size() == 2) return character[0] == '\xc2' && character[1] < '\xa0';
  return character == "\xe2\x80\xa8" || character == "\xe2\x80\xa9";
}

// Bytes of the character at the front of text that may be shown as it is; 0: its first byte must be escaped.
std::size_t shown_size(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  if (byte(0) < 0x80) return is_printable_ascii(byte(0)) ? 1 : 0;
  const Utf8Lead lead = utf8_lead(byte(0));
  if (lead.size == 0 || lead.size > text.size()) return 0;
  if (byte(1) < lead.second_low || byte(1) > lead.second_high) return 0;
  for (std::size_t i = 2; i < lead.size; ++i)
    if ((byte(i) & 0xc0) != 0x80) return 0;
  return is_control_sequence(text.substr(0, lead.size)) ? 0 : lead.size;
}

bool is_plain(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return is_printable_ascii(static_cast<unsigned char>(c)); });
}

void emit(Message message, std::string_view line) {
  const Level level = entry_of(message).level;
  if (is_plain(line)) {
    current_sink(current_context, level, line);
  } else {
    current_sink(current_context, level, escape_line(line, line.size() * 4));
  }
}

}  // namespace

void set_log_sink(LogSink sink, void* context) {
  current_sink = sink != nullptr ? sink : write_to_stderr;
  current_context = context;
}

void log(Message message, const char* format, ...) {
  const std::string_view code = entry_of(message).code;
  char line[kStackLine];
  const std::size_t prefix = code.size() + 2;
  std::memcpy(line, code.data(), code.size());
  std::memcpy(line + code.size(), ": ", 2);

  va_list arguments;
  va_start(arguments, format);
  va_list again;
  va_copy(again, arguments);
  const int written = std::vsnprintf(line + prefix, sizeof line - prefix, format, arguments);
  va_end(arguments);
  const std::size_t size = written < 0 ? 0 : static_cast<std::size_t>(written);
  if (prefix + size < sizeof line) {
    emit(message, std::string_view(line, prefix + size));
  } else {
    std::string longer(line, prefix);
    longer.resize(prefix + size);
    std::vsnprintf(longer.data() + prefix, size + 1, format, again);
    emit(message, longer);
  }
  va_end(again);
}

void log(const Error& error) { emit(error.message, text_of(error)); }

std::string text_of(const Error& error) {
  std::string text(entry_of(error.message).code);
  text.append(": ").append(error.what);
  if (error.os_error != 0) {
    char buffer[128];
    text.append(": ").append(strerror_r(error.os_error, buffer, sizeof buffer));
  }
  return text;
}

std::string escape_line(std::string_view text, std::size_t limit) {
  if (text.size() <= limit && is_plain(text)) return std::string(text);
  std::string line;
  line.reserve(std::min(text.size(), limit));
  std::size_t room_for_cut = 0;  // how far line may be kept when "..." must follow
  while (!text.empty()) {
    const std::size_t shown = shown_size(text);
    char escaped[5];
    std::string_view piece = text.substr(0, shown);
    if (shown == 0) {
      std::snprintf(escaped, sizeof escaped, "\\x%02x", static_cast<unsigned>(static_cast<unsigned char>(text[0])));
      piece = {escaped, 4};
    }
    if (line.size() + piece.size() > limit) {
      line.resize(room_for_cut);
      return line.append(kCut.substr(0, limit));
    }
    line.append(piece);
    if (line.size() + kCut.size() <= limit) room_for_cut = line.size();
    text.remove_prefix(std::max<std::size_t>(shown, 1));
  }
  return line;
}

void write_to_stderr(void* /*context*/, Level level, std::string_view line) {
  const std::int64_t wall = wall_clock_us();
  const time_t seconds = wall / 1'000'000;
  tm local{};
  localtime_r(&seconds, &local);
  char head[128];
  const int size = std::snprintf(head, sizeof head, "[%s %s %02d %02d:%02d:%02d.%06d %d] [wsgi:%s] [pid %d] ",
                                 kDays[local.tm_wday], kMonths[local.tm_mon], local.tm_mday, local.tm_hour,
                                 local.tm_min, local.tm_sec, static_cast<int>(wall % 1'000'000), local.tm_year + 1900,
                                 kLevelNames[static_cast<std::size_t>(level)], getpid());
  char newline = '\n';
  const iovec pieces[] = {
      {head, static_cast<std::size_t>(size)}, {const_cast<char*>(line.data()), line.size()}, {&newline, 1}};
  ssize_t written;
  do {
    written = writev(STDERR_FILENO, pieces, 3);
  } while (written < 0 && errno == EINTR);
}

}  // namespace base
