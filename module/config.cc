// SPDX-License-Identifier: Apache-2.0
#include "module/config.h"

#include <strings.h>

#include <algorithm>

namespace httpd {
namespace {

// The module stays mapped over restarts (-z nodelete): the pool's cleanup takes the pointer back.
constinit Configuration* current = nullptr;

apr_status_t on_configuration_gone(void* data) noexcept {
  if (current == data) current = nullptr;
  return APR_SUCCESS;
}

template <typename T>
T* set_one(T* add, T* base) {
  return add != nullptr ? add : base;
}

Switch set_one(Switch add, Switch base) { return add != Switch::kUnset ? add : base; }
QueuePriority set_one(QueuePriority add, QueuePriority base) { return add != QueuePriority::kUnset ? add : base; }
MapHead set_one(MapHead add, MapHead base) { return add != MapHead::kUnset ? add : base; }

}  // namespace

DaemonGroup* Configuration::find_group(std::string_view name) const {
  const auto found =
      std::find_if(groups.begin(), groups.end(), [&](const DaemonGroup* group) { return group->spec.name == name; });
  return found != groups.end() ? *found : nullptr;
}

std::string Configuration::group_names() const {
  std::string names;
  for (const DaemonGroup* group : groups) names.append(names.empty() ? "" : ", ").append(group->spec.name);
  return names.empty() ? "none" : names;
}

Configuration* configuration() { return current; }

Configuration* begin_configuration(apr_pool_t* pool) {
  current = pool_new<Configuration>(pool);
  current->pool = pool;
  ap_version_t version;
  ap_get_server_revision(&version);
  current->httpd_version = apr_psprintf(pool, "%d.%d.%d", version.major, version.minor, version.patch);
  apr_pool_cleanup_register(pool, current, on_configuration_gone, apr_pool_cleanup_null);
  return current;
}

bool is_visible_from(const DaemonGroup& group, const server_rec* server) {
  return std::any_of(group.servers.begin(), group.servers.end(), [&](const server_rec* home) {
    if (!home->is_virtual || home == server) return true;
    return home->server_hostname != nullptr && server->server_hostname != nullptr &&
           strcasecmp(home->server_hostname, server->server_hostname) == 0;
  });
}

DirectoryConfig& directory_config(const request_rec* r) {
  return *static_cast<DirectoryConfig*>(ap_get_module_config(r->per_dir_config, &wsgi_module));
}

DirectoryConfig& directory_config(const server_rec* server) {
  return *static_cast<DirectoryConfig*>(ap_get_module_config(server->lookup_defaults, &wsgi_module));
}

ServerConfig& server_config(const server_rec* server) {
  return *static_cast<ServerConfig*>(ap_get_module_config(server->module_config, &wsgi_module));
}

}  // namespace httpd

using httpd::DirectoryConfig;
using httpd::ServerConfig;

void* gatehouse_create_directory_config(apr_pool_t* pool, char* /*directory*/) noexcept {
  return httpd::pool_new<DirectoryConfig>(pool);
}

void* gatehouse_merge_directory_config(apr_pool_t* pool, void* base, void* add) noexcept {
  const auto& under = *static_cast<DirectoryConfig*>(base);
  const auto& over = *static_cast<DirectoryConfig*>(add);
  auto* merged = httpd::pool_new<DirectoryConfig>(pool);
  merged->process_group = httpd::set_one(over.process_group, under.process_group);
  merged->application_group = httpd::set_one(over.application_group, under.application_group);
  merged->callable_object = httpd::set_one(over.callable_object, under.callable_object);
  merged->pass_authorization = httpd::set_one(over.pass_authorization, under.pass_authorization);
  merged->chunked_request = httpd::set_one(over.chunked_request, under.chunked_request);
  merged->request_buffering = httpd::set_one(over.request_buffering, under.request_buffering);
  merged->script_reloading = httpd::set_one(over.script_reloading, under.script_reloading);
  merged->ignore_activity = httpd::set_one(over.ignore_activity, under.ignore_activity);
  merged->error_override = httpd::set_one(over.error_override, under.error_override);
  merged->enable_sendfile = httpd::set_one(over.enable_sendfile, under.enable_sendfile);
  merged->pass_apache_request = httpd::set_one(over.pass_apache_request, under.pass_apache_request);
  merged->map_head = httpd::set_one(over.map_head, under.map_head);
  merged->queue_priority = httpd::set_one(over.queue_priority, under.queue_priority);
  merged->restrict_process = httpd::set_one(over.restrict_process, under.restrict_process);
  merged->trusted_headers = httpd::set_one(over.trusted_headers, under.trusted_headers);
  merged->trusted_proxies = httpd::set_one(over.trusted_proxies, under.trusted_proxies);
  merged->dispatch_script = httpd::set_one(over.dispatch_script, under.dispatch_script);
  merged->access_script = httpd::set_one(over.access_script, under.access_script);
  merged->auth_user_script = httpd::set_one(over.auth_user_script, under.auth_user_script);
  merged->auth_group_script = httpd::set_one(over.auth_group_script, under.auth_group_script);
  const bool both = over.handlers != nullptr && under.handlers != nullptr;
  merged->handlers =
      both ? apr_array_append(pool, over.handlers, under.handlers) : httpd::set_one(over.handlers, under.handlers);
  return merged;
}

void* gatehouse_create_server_config(apr_pool_t* pool, server_rec* /*server*/) noexcept {
  auto* config = httpd::pool_new<ServerConfig>(pool);
  config->aliases = apr_array_make(pool, 4, sizeof(httpd::ScriptAlias));
  return config;
}

void* gatehouse_merge_server_config(apr_pool_t* pool, void* base, void* add) noexcept {
  const auto& under = *static_cast<ServerConfig*>(base);
  const auto& over = *static_cast<ServerConfig*>(add);
  auto* merged = httpd::pool_new<ServerConfig>(pool, under);  // the global directives: the main server's
  merged->aliases = apr_array_append(pool, over.aliases, under.aliases);
  return merged;
}
