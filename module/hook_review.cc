// SPDX-License-Identifier: Apache-2.0
#include "module/hook_review.h"

namespace httpd {
namespace {

std::string_view name_or(const char* name, const char* otherwise, std::string_view last) {
  if (name != nullptr) return name;
  return otherwise != nullptr ? std::string_view(otherwise) : last;
}

// A handler of the main server serves every virtual host, with that one's groups.
template <typename Function>
void for_each_server_of(const ScriptUse& use, server_rec* main_server, Function&& function) {
  if (!use.is_handler || use.place.server != main_server) return function(*use.place.server);
  for (const server_rec* server = main_server; server != nullptr; server = server->next) function(*server);
}

std::string_view process_group_of(const ScriptUse& use, const server_rec& server) {
  const char* of_server = use.is_handler ? directory_config(&server).process_group : nullptr;
  const std::string_view name = name_or(use.process_group, of_server, kGlobal);
  return name == kGlobal ? std::string_view("") : name;
}

}  // namespace

void add_script_mounts(server_rec* main_server, std::vector<Mount>* mounts) {
  for (const ScriptUse& use : configuration()->script_uses) {
    if (!use.is_handler && (use.application_group == nullptr || use.application_group == kGlobal)) continue;
    for_each_server_of(use, main_server, [&](const server_rec& server) {
      Mount mount;
      mount.process_group = process_group_of(use, server);
      mount.application_group = name_or(use.application_group, directory_config(&server).application_group, kResource);
      mount.server = view_of(server.server_hostname);
      mounts->push_back(mount);
    });
  }
}

bool shows_embedded_script(server_rec* main_server) {
  const bool handlers = server_config(main_server).restrict_embedded != Switch::kOn;
  bool shows = false;
  for (const ScriptUse& use : configuration()->script_uses) {
    if (use.is_handler && !handlers) continue;
    for_each_server_of(use, main_server,
                       [&](const server_rec& server) { shows = shows || process_group_of(use, server).empty(); });
  }
  return shows;
}

std::vector<Finding> review_scripts(server_rec* main_server) {
  std::vector<Finding> findings;
  if (server_config(main_server).restrict_embedded != Switch::kOn) return findings;
  for (const ScriptUse& use : configuration()->script_uses) {
    if (use.is_handler || use.process_group != nullptr) continue;
    findings.push_back({base::Message::kHookRestricted, std::string(use.directive) + " " + use.path + " at " +
                                                            use.place.place +
                                                            " has no process group, so that httpd's children start a "
                                                            "Python although WSGIRestrictEmbedded is On; name one "
                                                            "with process-group="});
  }
  return findings;
}

}  // namespace httpd
