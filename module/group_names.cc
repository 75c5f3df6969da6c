// SPDX-License-Identifier: Apache-2.0
#include "module/group_names.h"

#include <algorithm>

namespace httpd {
namespace {

constexpr std::string_view kServer = "%{SERVER}";
constexpr std::string_view kHost = "%{HOST}";
constexpr std::string_view kEnvironment = "%{ENV:";

// The name in "%{ENV:name}"; data() is NULL when text is no such variable.
std::string_view environment_name(std::string_view text) {
  if (!text.starts_with(kEnvironment) || !text.ends_with('}')) return {};
  return text.substr(kEnvironment.size(), text.size() - kEnvironment.size() - 1);
}

// What may differ between two requests of one mount, or cannot be told from the configuration.
bool varies(std::string_view application_group) {
  return application_group == kHost || environment_name(application_group).data() != nullptr;
}

// Two mounts whose requests all have one application group.
bool same_application_group(const Mount& a, const Mount& b) {
  if (a.application_group != b.application_group) return false;
  if (a.application_group == kServer) return a.server == b.server;
  if (a.application_group == kResource) return a.server == b.server && a.path == b.path;
  return true;
}

bool has_one_application_group(const Mount& mount) {
  return !varies(mount.application_group) && (mount.application_group != kResource || !mount.path.empty());
}

}  // namespace

std::string_view expand_group(std::string_view text, Variables& variables) {
  if (const std::string_view name = environment_name(text); name.data() != nullptr) {
    const std::string_view value = variables.environment(name);
    if (value.data() == nullptr) return text;
    text = value;
    if (environment_name(text).data() != nullptr) return text;
  }
  if (text == kGlobal) return "";
  if (text == kResource) return variables.resource();
  if (text == kServer) return variables.server();
  if (text == kHost) return variables.host();
  return text;
}

std::string_view expand_hook_group(std::string_view text, Variables& variables) {
  return text == kGlobal || text == kServer || text == kHost ? expand_group(text, variables) : text;
}

std::string_view expand_callable(std::string_view text, Variables& variables) {
  const std::string_view name = environment_name(text);
  if (name.data() == nullptr) return text;
  const std::string_view value = variables.environment(name);
  return value.empty() ? "application" : value;
}

bool is_literal_group(std::string_view text) { return !text.starts_with("%{") || text == kGlobal; }

bool hosts_one_application(std::string_view process_group, std::span<const Mount> mounts,
                           std::span<const std::string_view> other_ways) {
  for (const std::string_view way : other_ways)
    if (way == process_group || !is_literal_group(way)) return false;
  const Mount* first = nullptr;
  for (const Mount& mount : mounts) {
    if (!is_literal_group(mount.process_group)) return false;
    if (mount.process_group != process_group) continue;
    if (!has_one_application_group(mount)) return false;
    if (first != nullptr && !same_application_group(*first, mount)) return false;
    first = &mount;
  }
  return first != nullptr;
}

}  // namespace httpd
