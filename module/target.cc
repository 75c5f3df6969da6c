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

int resolve_target(request_rec* r, Target* target) {
  const DirectoryConfig& config = directory_config(r);
  RequestVariables variables(r);
  const auto note = [&](const char* name) { return apr_table_get(r->notes, name); };

  const std::string_view process_group =
      expand_group(first_of(note(kNoteProcessGroup), config.process_group, kGlobal), variables);
  target->application_group =
      expand_group(first_of(note(kNoteApplicationGroup), config.application_group, kResource), variables);
  // An alias's callable is taken as it is written.
  const char* callable = note(kNoteCallable);
  target->callable = callable != nullptr
                         ? std::string_view(callable)
                         : expand_callable(first_of(config.callable_object, nullptr, "application"), variables);
  target->script = view_of(r->filename);
  target->script_mtime_us = r->finfo.mtime;
  if (config.script_reloading != Switch::kOff) target->flags |= GATEHOUSE_RELOAD;
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
    if (target->group->one_application_group && is_aliased(r)) target->interpreter = "";
    return OK;
  }
  if (!embedded_is_restricted()) return OK;
  log_request(r, base::Message::kEmbeddedRestricted,
              "WSGIRestrictEmbedded is On and no process group is named for %s; name one with WSGIProcessGroup",
              r->filename);
  return HTTP_INTERNAL_SERVER_ERROR;
}

wsgi::PassAuthorization pass_authorization_of(const request_rec* r) {
  const auto& core = *static_cast<core_dir_config*>(ap_get_core_module_config(r->per_dir_config));
  if (core.cgi_pass_auth == AP_CGI_PASS_AUTH_ON) return wsgi::PassAuthorization::kAll;
  const char* of_alias = apr_table_get(r->notes, kNotePassAuthorization);
  const bool pass = of_alias != nullptr ? of_alias[0] == '1' : directory_config(r).pass_authorization == Switch::kOn;
  return pass ? wsgi::PassAuthorization::kAuthorization : wsgi::PassAuthorization::kNone;
}

}  // namespace httpd
