// SPDX-License-Identifier: Apache-2.0
#include "module/telemetry_directives.h"

#include <strings.h>
#include <sys/un.h>

#include <cmath>
#include <cstdlib>
#include <optional>
#include <string_view>

#include "module/config.h"
#include "module/directive_line.h"

namespace httpd {

using base::Message;

namespace {

constexpr std::int64_t kLeastInterval = 500'000;  // below it the telling itself would show in the figures
constexpr double kLongest = 1e9;

wsgi::TelemetrySettings& settings() { return configuration()->python.telemetry; }

const char* misplaced(cmd_parms* cmd) { return ap_check_cmd_context(cmd, GLOBAL_ONLY); }

// Seconds as microseconds.
std::optional<std::int64_t> micros_of(const char* text) {
  char* end = nullptr;
  const double seconds = std::strtod(text, &end);
  if (end == text || *end != '\0' || !(seconds >= 0) || seconds > kLongest) return std::nullopt;
  return std::llround(seconds * 1e6);
}

}  // namespace

const char* on_telemetry_service(cmd_parms* cmd, void* /*config*/, const char* target, const char* option) noexcept {
  if (const char* refused = misplaced(cmd)) return refused;
  constexpr std::string_view kScheme = "unix:";
  constexpr std::string_view kInterval = "interval=";
  if (!std::string_view(target).starts_with(kScheme))
    return refuse(cmd, Message::kDirectiveValue, "must be unix: and the path of a datagram socket, not \"%s\"", target);
  const std::string_view path = std::string_view(target).substr(kScheme.size());
  if (!path.starts_with('/') || path.size() >= sizeof(sockaddr_un::sun_path))
    return refuse(cmd, Message::kDirectiveValue, "needs an absolute path of at most %d bytes after unix:, not \"%s\"",
                  static_cast<int>(sizeof(sockaddr_un::sun_path)) - 1, target);
  settings().socket = path;
  if (option == nullptr) return nullptr;
  if (!std::string_view(option).starts_with(kInterval))
    return refuse(cmd, Message::kDirectiveOption, "has no option \"%s\"; there is interval=", option);
  const std::optional<std::int64_t> interval = micros_of(option + kInterval.size());
  if (!interval || *interval < kLeastInterval)
    return refuse(cmd, Message::kDirectiveValue, "needs an interval of 0.5 seconds or more, not \"%s\"", option);
  settings().interval_us = *interval;
  return nullptr;
}

const char* on_slow_requests(cmd_parms* cmd, void* /*config*/, const char* value) noexcept {
  if (const char* refused = misplaced(cmd)) return refused;
  const std::optional<std::int64_t> threshold = micros_of(value);
  if (!threshold)
    return refuse(cmd, Message::kDirectiveValue, "must be a number of seconds, 0 or more, not \"%s\"", value);
  settings().slow_us = *threshold;
  return nullptr;
}

// As httpd's own Options: each flag of a line has a sign, or none has.
const char* on_telemetry_options(cmd_parms* cmd, void* /*config*/, int count, char* const flags[]) noexcept {
  if (const char* refused = misplaced(cmd)) return refused;
  const auto has_sign = [](const char* flag) { return flag[0] == '+' || flag[0] == '-'; };
  if (count == 0) return refuse(cmd, Message::kDirectiveValue, "needs CaptureUserAgent, All or None");
  const bool adds = has_sign(flags[0]);
  bool user_agent = adds && settings().user_agent;
  for (int i = 0; i < count; ++i) {
    if (has_sign(flags[i]) != adds)
      return refuse(cmd, Message::kDirectiveOption,
                    "mixes flags with and without + or -; give all of a line a sign, or none");
    const char* const name = flags[i] + (adds ? 1 : 0);
    const bool is_flag = strcasecmp(name, "CaptureUserAgent") == 0;
    const bool is_none = !adds && strcasecmp(name, "None") == 0;
    if (!is_flag && !is_none && (adds || strcasecmp(name, "All") != 0))
      return refuse(cmd, Message::kDirectiveOption,
                    "knows no flag \"%s\"; there is CaptureUserAgent, with or without + or -, and All or None",
                    flags[i]);
    user_agent = !is_none && flags[i][0] != '-';
  }
  settings().user_agent = user_agent;
  return nullptr;
}

}  // namespace httpd
