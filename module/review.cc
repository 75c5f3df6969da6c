// SPDX-License-Identifier: Apache-2.0
#include "module/review.h"

#include <algorithm>

#include "module/config.h"
#include "module/doctor.h"
#include "module/group_names.h"
#include "module/hook_review.h"
#include "module/imports.h"
#include "module/launch.h"
#include "module/python_directives.h"

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
  if (all.sections_set_application_group || sections_name_interpreters_of(group.spec)) return false;
  std::vector<std::string_view> others(all.section_process_groups.begin(), all.section_process_groups.end());
  return hosts_one_application(group.spec.name, mounts, others);
}

// One warning of the doctor, unless WSGIDoctor hides it.
void report(const server_rec* server, const Finding& finding) {
  if (!configuration()->doctor.hides(finding.message)) log_server(server, finding.message, "%s", finding.text.c_str());
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
    report(main_server, {base::Message::kEveryoneIsProxy,
                         "WSGITrustedProxyHeaders at " + line.place +
                             " believes every client, who can then choose address and host; name the proxies with "
                             "WSGITrustedProxies"});
    return;
  }
}

void review_interpreters(const server_rec* main_server) {
  const Configuration& all = *configuration();
  for (const InterpreterSection& section : all.interpreter_sections) {
    const std::string name = section.process_group.value_or("");
    if (name.empty() || all.find_group(name) != nullptr) continue;
    report(main_server,
           {base::Message::kGroupUndefined, "<WSGIInterpreterOptions> at " + section.place + " names process group \"" +
                                                name + "\", which is not defined; there are: " + all.group_names() +
                                                "; define it with WSGIDaemonProcess"});
  }
  for (const std::string& place : all.free_threading_of_groups)
    report(main_server, {base::Message::kFreeThreading,
                         "WSGIFreeThreading at " + place +
                             " has no effect: it is of a whole process, and its section names an application group; "
                             "remove application-group="});
}

// Groups with threads=0 run what WSGIImportScript names, and nothing else.
void review_services(server_rec* main_server) {
  const Configuration& all = *configuration();
  for_each_alias(main_server, [&](const server_rec& server, const ScriptAlias& alias) {
    const DaemonGroup* group = all.find_group(process_group_of(server, alias));
    if (group == nullptr || !group->spec.is_service()) return;
    report(main_server, {base::Message::kServiceAliased,
                         std::string("requests below ") + alias.path + " go to process group \"" + group->spec.name +
                             "\", which has threads=0 and serves none; name another one, or give it threads"});
  });
}

void review_leftovers(const server_rec* main_server) {
  const Configuration& all = *configuration();
  for (const std::string& line : all.without_effect)
    report(main_server, {base::Message::kWithoutEffect, line + " has no effect in this release"});
  for (const std::string& line : all.obsolete_options)
    report(main_server, {base::Message::kObsolete, line + " has no effect any more; remove it"});
  for (const command_rec* directive : all.obsolete)
    report(main_server,
           {base::Message::kObsolete, std::string(directive->name) + " has no effect any more: " + directive->errmsg});
  for (const std::string& header : all.unknown_headers)
    report(main_server,
           {base::Message::kHeaderUnknown, "WSGITrustedProxyHeaders: " + header +
                                               " is no header that says something about a client; it is not believed"});
}

}  // namespace

base::Status resolve_groups(server_rec* main_server) {
  std::vector<Mount> mounts;
  for_each_alias(main_server, [&](const server_rec& server, const ScriptAlias& alias) {
    mounts.push_back(mount_of(server, alias));
  });
  for (const ImportScript& script : configuration()->import_scripts) {
    Mount mount;
    mount.process_group = script.process_group == kGlobal ? "" : std::string_view(script.process_group);
    mount.application_group = script.application_group;
    mounts.push_back(mount);
  }
  add_script_mounts(main_server, &mounts);
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
  return resolve_imports(main_server);
}

void review_configuration(server_rec* main_server) {
  if (configuration()->doctor.off) return;
  for (const Finding& finding : examine(gather_configuration(main_server))) report(main_server, finding);
  for (const Finding& finding : review_scripts(main_server)) report(main_server, finding);
  review_trust(main_server);
  review_interpreters(main_server);
  review_services(main_server);
  review_leftovers(main_server);
}

}  // namespace httpd
