// SPDX-License-Identifier: Apache-2.0
#include "module/target.h"

#include <cstdlib>
#include <cstring>

#include "module/group_names.h"
#include "module/script_alias.h"

namespace httpd {
namespace {

class RequestVariables final : public Variables {
 public:
  explicit RequestVariables(request_rec* r) : r_(r) {}

  std::string_view server() override { return with_port(r_->server->server_hostname); }
  std::string_view host() override {
    return with_port(r_->hostname != nullptr ? r_->hostname : ap_get_server_name(r_));
  }
  std::string_view resource() override {
    PoolArena arena(r_->pool);
    const std::string_view script = script_name(r_, arena);
    const std::string_view name = server();
    return apr_psprintf(r_->pool, "%.*s|%.*s", static_cast<int>(name.size()), name.data(),
                        static_cast<int>(script.size()), script.data());
  }
  std::string_view environment(std::string_view name) override {
    const char* key = pool_copy(r_->pool, name);
    const char* value = apr_table_get(r_->notes, key);
    if (value == nullptr) value = apr_table_get(r_->subprocess_env, key);
    if (value == nullptr) value = std::getenv(key);
    return view_of(value);
  }

 private:
  std::string_view with_port(const char* name) {
    const apr_port_t port = ap_get_server_port(r_);
    if (port == DEFAULT_HTTP_PORT || port == DEFAULT_HTTPS_PORT) return view_of(name);
    return apr_psprintf(r_->pool, "%s:%u", name != nullptr ? name : "", static_cast<unsigned>(port));
  }

  request_rec* r_;
};

std::string_view first_of(const char* a, const char* b, std::string_view otherwise) {
  if (a != nullptr) return a;
  return b != nullptr ? std::string_view(b) : otherwise;
}

bool embedded_is_restricted() { return server_config(ap_server_conf).restrict_embedded == Switch::kOn; }

int find_group(request_rec* r, std::string_view name, DaemonGroup** group) {
  *group = configuration()->find_group(name);
  if (*group == nullptr) {
    log_request(r, base::Message::kGroupUnknown,
                "process group \"%.*s\" is not defined; there are: %s; define it with WSGIDaemonProcess",
                static_cast<int>(name.size()), name.data(), configuration()->group_names().c_str());
    return HTTP_INTERNAL_SERVER_ERROR;
  }
  if (is_visible_from(**group, r->server)) return OK;
  log_request(r, base::Message::kGroupNotVisible,
              "process group \"%.*s\" belongs to the virtual host at %s, whose ServerName is not %s; define it in the "
              "main server to share it",
              static_cast<int>(name.size()), name.data(), (*group)->place.c_str(), r->server->server_hostname);
  return HTTP_INTERNAL_SERVER_ERROR;
}

// WSGIRestrictProcess: is the process group one of those that may be used here?
bool is_allowed(const DirectoryConfig& config, std::string_view process_group) {
  if (config.restrict_process == nullptr) return true;
  if (process_group.empty()) process_group = kGlobal;
  for (int i = 0; i < config.restrict_process->nelts; ++i)
    if (process_group == APR_ARRAY_IDX(config.restrict_process, i, const char*)) return true;
  return false;
}

}  // namespace

Target name_target(request_rec* r, const HandlerScript* handler) {
  const DirectoryConfig& config = directory_config(r);
  RequestVariables variables(r);
  const auto named = [&](const char* of_handler, const char* note) {
    return handler != nullptr ? of_handler : apr_table_get(r->notes, note);
  };

  Target target;
  target.handler = handler;
  const char* process_group = named(handler != nullptr ? handler->process_group : nullptr, kNoteProcessGroup);
  const char* application_group =
      named(handler != nullptr ? handler->application_group : nullptr, kNoteApplicationGroup);
  target.process_group = expand_group(first_of(process_group, config.process_group, kGlobal), variables);
  target.application_group = expand_group(first_of(application_group, config.application_group, kResource), variables);
  // An alias's callable is taken as it is written.
  const char* callable = named("handle_request", kNoteCallable);
  target.callable = callable != nullptr
                        ? std::string_view(callable)
                        : expand_callable(first_of(config.callable_object, nullptr, "application"), variables);
  target.script = view_of(handler != nullptr ? handler->path : r->filename);
  if (handler == nullptr) target.script_mtime_us = r->finfo.mtime;  // of a handler, httpd has not looked at the script
  if (config.script_reloading != Switch::kOff) target.flags |= GATEHOUSE_RELOAD;
  target.known_place = handler != nullptr || is_aliased(r);
  return target;
}

void redirect_target(request_rec* r, const Redirection& to, Target* target) {
  RequestVariables variables(r);
  if (to.process_group != nullptr) target->process_group = expand_group(to.process_group, variables);
  if (to.application_group != nullptr) target->application_group = expand_group(to.application_group, variables);
  if (to.callable != nullptr) target->callable = expand_callable(to.callable, variables);
  if (to.process_group != nullptr || to.application_group != nullptr) target->known_place = false;
}

int place_target(request_rec* r, Target* target) {
  const DirectoryConfig& config = directory_config(r);
  const std::string_view process_group = target->process_group;
  target->interpreter = target->application_group;

  if (!is_allowed(config, process_group)) {
    const std::string_view name = process_group.empty() ? kGlobal : process_group;
    log_request(r, base::Message::kProcessRestricted,
                "process group \"%.*s\" is not among those that WSGIRestrictProcess allows for %s",
                static_cast<int>(name.size()), name.data(), r->filename);
    return HTTP_INTERNAL_SERVER_ERROR;
  }
  if (!process_group.empty()) {
    if (const int status = find_group(r, process_group, &target->group); status != OK) return status;
    if (target->group->one_application_group && target->known_place) target->interpreter = "";
    return OK;
  }
  if (!embedded_is_restricted()) return OK;
  log_request(r, base::Message::kEmbeddedRestricted,
              "WSGIRestrictEmbedded is On and no process group is named for %s; name one with WSGIProcessGroup",
              r->filename);
  return HTTP_INTERNAL_SERVER_ERROR;
}

int hook_target(request_rec* r, const HookScript& script, Target* target) {
  const DirectoryConfig& config = directory_config(r);
  RequestVariables variables(r);
  target->script = script.path;
  target->application_group = expand_hook_group(first_of(script.application_group, nullptr, kGlobal), variables);
  target->interpreter = target->application_group;
  if (config.script_reloading != Switch::kOff) target->flags |= GATEHOUSE_RELOAD;
  if (script.process_group == nullptr) return OK;
  target->process_group = script.process_group;
  if (!is_allowed(config, target->process_group)) {
    log_request(r, base::Message::kProcessRestricted,
                "%s %s: process group \"%s\" is not among those that WSGIRestrictProcess allows here", script.directive,
                script.path, script.process_group);
    return HTTP_INTERNAL_SERVER_ERROR;
  }
  if (const int status = find_group(r, target->process_group, &target->group); status != OK) return status;
  if (target->group->one_application_group && !script.in_htaccess) target->interpreter = "";
  return OK;
}

wsgi::PassAuthorization pass_authorization_of(const request_rec* r, const HandlerScript* handler) {
  const auto& core = *static_cast<core_dir_config*>(ap_get_core_module_config(r->per_dir_config));
  if (core.cgi_pass_auth == AP_CGI_PASS_AUTH_ON) return wsgi::PassAuthorization::kAll;
  Switch pass = handler != nullptr ? handler->pass_authorization : Switch::kUnset;
  if (const char* of_alias = apr_table_get(r->notes, kNotePassAuthorization); of_alias != nullptr && handler == nullptr)
    pass = of_alias[0] == '1' ? Switch::kOn : Switch::kOff;
  if (pass == Switch::kUnset) pass = directory_config(r).pass_authorization;
  return pass == Switch::kOn ? wsgi::PassAuthorization::kAuthorization : wsgi::PassAuthorization::kNone;
}

const HandlerScript* handler_script(const request_rec* r) {
  const apr_array_header_t* handlers = directory_config(r).handlers;
  if (handlers == nullptr || r->handler == nullptr) return nullptr;
  for (int i = 0; i < handlers->nelts; ++i) {
    const HandlerScript& script = APR_ARRAY_IDX(handlers, i, HandlerScript);
    if (std::strcmp(script.name, r->handler) == 0) return &script;
  }
  return nullptr;
}

}  // namespace httpd
