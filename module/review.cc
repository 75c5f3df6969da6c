// SPDX-License-Identifier: Apache-2.0
#include "module/review.h"

#include <algorithm>

#include "module/config.h"
#include "module/group_names.h"
#include "module/launch.h"

namespace httpd {
namespace {

// Calls function(alias, the process group it has unless a section says otherwise) for every script alias.
template <typename Function>
void for_each_alias(server_rec* main_server, Function&& function) {
  for (server_rec* server = main_server; server != nullptr; server = server->next) {
    const apr_array_header_t& aliases = *server_config(server).aliases;
    for (int i = 0; i < aliases.nelts; ++i) function(*server, APR_ARRAY_IDX(&aliases, i, ScriptAlias));
  }
}

std::string_view first_of(const char* a, const char* b, std::string_view otherwise) {
  if (a != nullptr) return a;
  return b != nullptr ? std::string_view(b) : otherwise;
}

std::string_view process_group_of(const server_rec& server, const ScriptAlias& alias) {
  const std::string_view name = first_of(alias.process_group, directory_config(&server).process_group, kGlobal);
  return name == kGlobal ? std::string_view("") : name;
}

// %{SERVER} and %{RESOURCE} contain the port; 80 and 443 are left out of them and make no difference.
bool has_one_name(const server_rec& server) {
  apr_port_t port = 0;
  const auto differs = [&](apr_port_t next) {
    if (next == DEFAULT_HTTP_PORT || next == DEFAULT_HTTPS_PORT || next == 0) next = DEFAULT_HTTP_PORT;
    const bool other = port != 0 && port != next;
    port = next;
    return other;
  };
  if (server.is_virtual)
    for (const server_addr_rec* address = server.addrs; address != nullptr; address = address->next)
      if (address->host_port != 0 && differs(address->host_port)) return false;
  for (const ap_listen_rec* listener = ap_listeners; !server.is_virtual && listener != nullptr;
       listener = listener->next)
    if (listener->bind_addr != nullptr && differs(listener->bind_addr->port)) return false;
  return true;
}

Mount mount_of(const server_rec& server, const ScriptAlias& alias) {
  Mount mount;
  mount.process_group = process_group_of(server, alias);
  mount.application_group = first_of(alias.application_group, directory_config(&server).application_group, kResource);
  mount.server = view_of(server.server_hostname);
  const bool one_script = alias.regex == nullptr && !view_of(alias.target).ends_with('/') && has_one_name(server);
  if (one_script) mount.path = alias.path;
  return mount;
}

bool hosts_one(const DaemonGroup& group, std::span<const Mount> mounts) {
  const Configuration& all = *configuration();
  if (all.sections_set_application_group) return false;
  std::vector<std::string_view> others(all.section_process_groups.begin(), all.section_process_groups.end());
  return hosts_one_application(group.spec.name, mounts, others);
}

void review_name(const server_rec& server, std::string_view directive, std::string_view name) {
  if (name.empty() || !is_literal_group(name) || name == kGlobal || configuration()->find_group(name) != nullptr)
    return;
  log_server(&server, base::Message::kGroupUndefined,
             "%.*s names process group \"%.*s\", which is not defined; there are: %s; define it with WSGIDaemonProcess",
             static_cast<int>(directive.size()), directive.data(), static_cast<int>(name.size()), name.data(),
             configuration()->group_names().c_str());
}

// A line that trusts everybody's headers: neither its virtual host nor the main server names proxies.
void review_trust(const server_rec* main_server) {
  const Configuration& all = *configuration();
  const auto names_proxies = [&](const server_rec* server) {
    return std::any_of(all.trusted_proxies.begin(), all.trusted_proxies.end(),
                       [&](const DirectivePlace& line) { return line.server == server; });
  };
  for (const DirectivePlace& line : all.trusted_headers) {
    if (names_proxies(line.server) || names_proxies(main_server)) continue;
    log_server(main_server, base::Message::kEveryoneIsProxy,
               "WSGITrustedProxyHeaders at %s believes every client, who can then choose address and host; name the "
               "proxies with WSGITrustedProxies",
               line.place.c_str());
    return;
  }
}

void review_leftovers(const server_rec* main_server) {
  const Configuration& all = *configuration();
  for (const std::string& line : all.without_effect)
    log_server(main_server, base::Message::kWithoutEffect, "%s has no effect in this release", line.c_str());
  for (const command_rec* directive : all.obsolete)
    log_server(main_server, base::Message::kObsolete, "%s has no effect any more: %s", directive->name,
               directive->errmsg);
  for (const std::string& header : all.unknown_headers)
    log_server(main_server, base::Message::kHeaderUnknown,
               "WSGITrustedProxyHeaders: %s is no header that says something about a client; it is not believed",
               header.c_str());
}

}  // namespace

base::Status resolve_groups(server_rec* main_server) {
  std::vector<Mount> mounts;
  for_each_alias(main_server, [&](const server_rec& server, const ScriptAlias& alias) {
    mounts.push_back(mount_of(server, alias));
  });
  for (DaemonGroup* group : configuration()->groups) {
    base::Result<wire::Launch> launch = resolve_launch(*group, main_server);
    if (!launch) {
      base::Error error = launch.error();
      error.what = "WSGIDaemonProcess " + group->spec.name + " at " + group->place + ": " + error.what;
      return error;
    }
    group->launch = std::move(launch.value());
    group->one_application_group = hosts_one(*group, mounts);
  }
  return base::ok();
}

void review_configuration(server_rec* main_server) {
  const Configuration& all = *configuration();
  for (const server_rec* server = main_server; server != nullptr; server = server->next) {
    const char* name = directory_config(server).process_group;
    const bool inherited = server != main_server && name == directory_config(main_server).process_group;
    if (name != nullptr && !inherited) review_name(*server, "WSGIProcessGroup", name);
  }
  for (const std::string& name : all.section_process_groups) review_name(*main_server, "WSGIProcessGroup", name);
  for (const server_rec* server = main_server; server != nullptr; server = server->next) {
    const apr_array_header_t& aliases = *server_config(server).aliases;
    // A virtual host's list goes on with that of the main server, which is reviewed there.
    const int inherited = server == main_server ? 0 : server_config(main_server).aliases->nelts;
    for (int i = 0; i < aliases.nelts - inherited; ++i) {
      const ScriptAlias& alias = APR_ARRAY_IDX(&aliases, i, ScriptAlias);
      review_name(*server, std::string("WSGIScriptAlias ") + alias.path, view_of(alias.process_group));
    }
  }
  review_trust(main_server);
  review_leftovers(main_server);
}

}  // namespace httpd
