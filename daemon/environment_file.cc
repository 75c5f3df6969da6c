// SPDX-License-Identifier: Apache-2.0
#include "daemon/environment_file.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <optional>

#include "base/posix.h"

namespace gatehoused {
namespace {

using base::Message;

constexpr std::size_t kLargestFile = 1u << 20;
constexpr std::string_view kBlanks = " \t\r";

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(kBlanks);
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

bool is_name(std::string_view name) {
  const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
  return !name.empty() && is_letter(name.front()) &&
         std::all_of(name.begin(), name.end(), [&](char c) { return is_letter(c) || (c >= '0' && c <= '9'); });
}

// After a closing quote only a comment may follow.
bool is_comment(std::string_view rest) { return rest.empty() || rest.front() == '#'; }

char unescaped(char c) {
  if (c == 'n') return '\n';
  return c == 't' ? '\t' : c;
}

// text begins with a double quote. Nothing when it is not closed, or more follows.
std::optional<std::string> double_quoted(std::string_view text) {
  std::string value;
  for (std::size_t i = 1; i < text.size(); ++i) {
    if (text[i] == '"') return is_comment(trimmed(text.substr(i + 1))) ? std::optional(value) : std::nullopt;
    const bool escapes = text[i] == '\\' && i + 1 < text.size() &&
                         std::string_view("nt\\\"$`").find(text[i + 1]) != std::string_view::npos;
    value += escapes ? unescaped(text[++i]) : text[i];
  }
  return std::nullopt;
}

std::optional<std::string> single_quoted(std::string_view text) {
  const std::size_t end = text.find('\'', 1);
  if (end == text.npos || !is_comment(trimmed(text.substr(end + 1)))) return std::nullopt;
  return std::string(text.substr(1, end - 1));
}

std::string unquoted(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i)
    if (text[i] == '#' && (i == 0 || kBlanks.find(text[i - 1]) != kBlanks.npos))
      return std::string(trimmed(text.substr(0, i)));
  return std::string(text);
}

std::optional<std::string> value_of(std::string_view text) {
  if (text.starts_with('"')) return double_quoted(text);
  if (text.starts_with('\'')) return single_quoted(text);
  return unquoted(text);
}

base::Error refusal(std::size_t line, const char* what) {
  return {Message::kGroupStartFailed, 0, "line " + std::to_string(line) + ": " + what};
}

}  // namespace

base::Result<std::vector<std::string>> parse_environment(std::string_view text) {
  std::vector<std::string> entries;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = trimmed(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (is_comment(line)) continue;
    if (line.find('\0') != line.npos) return refusal(number, "a NUL byte cannot be in an environment");
    if (line.starts_with("export ")) line = trimmed(line.substr(7));
    const std::size_t equals = line.find('=');
    const std::string_view name = trimmed(line.substr(0, equals));
    if (equals == line.npos || !is_name(name)) return refusal(number, "write NAME=VALUE, or # and a comment");
    const std::optional<std::string> value = value_of(trimmed(line.substr(equals + 1)));
    if (!value) return refusal(number, "a quoted value must end with its quote, and only a comment may follow");
    entries.push_back(std::string(name) + "=" + *value);
  }
  return entries;
}

base::Result<std::vector<std::string>> read_environment_file(const std::string& file) {
  const std::string subject = "env-file " + file;
  // Not blocking: somebody may have put a pipe there.
  const base::UniqueFd fd(open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat status;
  if (!fd.valid() || fstat(fd.get(), &status) != 0)
    return base::os_error(Message::kGroupStartFailed, subject + " cannot be read by the group's user");
  if (!S_ISREG(status.st_mode) || status.st_size > static_cast<off_t>(kLargestFile))
    return base::Error{Message::kGroupStartFailed, 0, subject + " is no file of at most 1 MB"};
  std::string text(kLargestFile, '\0');
  std::size_t size = 0;
  while (size < text.size()) {
    const ssize_t count = base::read_some(fd.get(), text.data() + size, text.size() - size);
    if (count < 0) return base::os_error(Message::kGroupStartFailed, subject + " cannot be read");
    if (count == 0) break;
    size += static_cast<std::size_t>(count);
  }
  base::Result<std::vector<std::string>> entries = parse_environment(std::string_view(text).substr(0, size));
  if (entries) return entries;
  base::Error error = entries.error();
  error.what = subject + ", " + error.what;
  return error;
}

}  // namespace gatehoused
