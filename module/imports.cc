// SPDX-License-Identifier: Apache-2.0
#include "module/imports.h"

#include <algorithm>
#include <optional>
#include <string>

#include "module/chroot_path.h"
#include "module/group_names.h"

namespace httpd {
namespace {

using Kind = wire::Import::Kind;

std::string_view literal(std::string_view group) { return group == kGlobal ? std::string_view() : group; }

// As requests name it in %{RESOURCE} and %{SERVER}.
std::string name_of(const server_rec& server) {
  std::string name = server.server_hostname != nullptr ? server.server_hostname : "";
  const apr_port_t port = server.port;
  if (port != 0 && port != DEFAULT_HTTP_PORT && port != DEFAULT_HTTPS_PORT)
    name.append(":").append(std::to_string(port));
  return name;
}

std::string resource_of(const server_rec& server, const ScriptAlias& alias) {
  std::string path = alias.path;
  while (path.ends_with('/')) path.pop_back();
  return name_of(server) + "|" + path;
}

bool is_one_script(const ScriptAlias& alias) {
  const std::string_view target = view_of(alias.target);
  return !target.ends_with('/') && (alias.regex == nullptr || target.find('$') == target.npos);
}

void add(std::vector<wire::Import>* imports, wire::Import import) {
  const auto same = [&](const wire::Import& other) {
    return other.script == import.script && other.interpreter == import.interpreter;
  };
  if (std::none_of(imports->begin(), imports->end(), same)) imports->push_back(std::move(import));
}

// A group with chroot= sees names without its root. What script-user= and script-group= ask for is looked at with each
// request, so that applications are not run ahead of it.
void add_to_group(DaemonGroup* group, wire::Import import) {
  if (import.kind == Kind::kApplication && (group->script_owner.is_set() || group->spec.is_service())) return;
  if (!group->spec.chroot.empty()) import.script = path_inside(group->spec.chroot, import.script);
  if (!import.script.empty()) add(&group->launch.imports, std::move(import));
}

// Sections may send requests of an alias elsewhere, but for what its own options say.
void add_alias(const server_rec& server, const ScriptAlias& alias) {
  Configuration& all = *configuration();
  if (!is_one_script(alias)) return;
  if (alias.process_group == nullptr && !all.section_process_groups.empty()) return;
  const char* process_group =
      alias.process_group != nullptr ? alias.process_group : directory_config(&server).process_group;
  const std::string_view group_name = process_group != nullptr ? std::string_view(process_group) : kGlobal;
  if (!is_literal_group(group_name)) return;

  const bool sections_decide = alias.application_group == nullptr && all.sections_set_application_group;
  const char* of_server = directory_config(&server).application_group;
  const std::string_view application_group = alias.application_group != nullptr ? alias.application_group
                                             : of_server != nullptr             ? of_server
                                                                                : kResource;
  const bool is_literal = is_literal_group(application_group) && !sections_decide;

  if (group_name == kGlobal) {
    // As the reference has it: an embedded application is loaded ahead only when both options say where.
    if (alias.process_group == nullptr || alias.application_group == nullptr || !is_literal) return;
    const std::string name(literal(application_group));
    return add(&all.embedded_imports, {Kind::kApplication, alias.target, name, name});
  }
  DaemonGroup* group = all.find_group(group_name);
  if (group == nullptr || !is_visible_from(*group, &server)) return;
  if (!is_literal && !group->one_application_group) return;
  const std::string name = is_literal ? std::string(literal(application_group))
                                      : (application_group == kResource ? resource_of(server, alias) : name_of(server));
  add_to_group(group, {Kind::kApplication, alias.target, group->one_application_group ? "" : name, name});
}

base::Status add_script(const ImportScript& script) {
  Configuration& all = *configuration();
  const std::string name(literal(script.application_group));
  if (literal(script.process_group).empty()) {
    add(&all.embedded_imports, {Kind::kScript, script.path, name, name});
    return base::ok();
  }
  DaemonGroup* group = all.find_group(script.process_group);
  const std::string line =
      "WSGIImportScript " + script.path + " at " + script.place + ": process group \"" + script.process_group + "\" ";
  if (group == nullptr)
    return base::Error{base::Message::kGroupUnknown, 0,
                       line + "is not defined; there are: " + all.group_names() + "; define it with WSGIDaemonProcess"};
  if (!is_visible_from(*group, script.server))
    return base::Error{base::Message::kGroupNotVisible, 0,
                       line + "belongs to the virtual host at " + group->place +
                           ", of another ServerName; define it in the main server to share it"};
  add_to_group(group, {Kind::kScript, script.path, group->one_application_group ? "" : name, name});
  return base::ok();
}

}  // namespace

base::Status resolve_imports(server_rec* main_server) {
  Configuration& all = *configuration();
  all.embedded_imports.clear();
  for (DaemonGroup* group : all.groups) group->launch.imports.clear();
  for (const ImportScript& script : all.import_scripts)
    if (const base::Status added = add_script(script); !added) return added.error();
  for (const server_rec* server = main_server; server != nullptr; server = server->next) {
    const apr_array_header_t& aliases = *server_config(server).aliases;
    for (int i = 0; i < aliases.nelts; ++i) add_alias(*server, APR_ARRAY_IDX(&aliases, i, ScriptAlias));
  }
  return base::ok();
}

}  // namespace httpd
