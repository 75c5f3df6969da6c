// SPDX-License-Identifier: Apache-2.0
#include "module/hooks.h"

#include "module/access_hooks.h"
#include "module/config.h"
#include "module/daemon_spawn.h"
#include "module/direct_input.h"
#include "module/embedded_host.h"
#include "module/handler.h"
#include "module/interruption.h"
#include "module/nonblocking_output.h"
#include "module/process_number.h"
#include "module/review.h"
#include "module/script_alias.h"

namespace httpd {
namespace {

// --- In the parent, each time the configuration is read.

int on_pre_config(apr_pool_t* pool, apr_pool_t* /*log*/, apr_pool_t* /*temporary*/) noexcept {
  begin_configuration(pool);
  return OK;
}

// httpd -t: says what post_config would say into the log.
int on_check_config(apr_pool_t* /*pool*/, apr_pool_t* /*log*/, apr_pool_t* /*temporary*/, server_rec* s) noexcept {
  const base::Status resolved = resolve_groups(s);
  if (!resolved) {
    log_server(s, resolved.error());
    return HTTP_INTERNAL_SERVER_ERROR;
  }
  if (ap_state_query(AP_SQ_RUN_MODE) == AP_SQ_RM_CONFIG_TEST) review_configuration(s);
  close_old_queues();
  return OK;
}

int on_post_config(apr_pool_t* pool, apr_pool_t* /*log*/, apr_pool_t* /*temporary*/, server_rec* s) noexcept {
  ap_add_version_component(pool, "Gatehouse/" GATEHOUSE_VERSION);
  // The first of the two passes at start only looks whether the configuration is good.
  if (ap_state_query(AP_SQ_MAIN_STATE) == AP_SQ_MS_CREATE_PRE_CONFIG) return OK;
  review_configuration(s);
  return start_groups(s) ? OK : HTTP_INTERNAL_SERVER_ERROR;
}

int on_monitor(apr_pool_t* /*pool*/, server_rec* /*s*/) noexcept {
  revive_groups();
  return DECLINED;
}

void on_child_status(server_rec* /*s*/, pid_t pid, ap_generation_t /*generation*/, int /*slot*/,
                     mpm_child_status state) noexcept {
  if (state != MPM_CHILD_EXITED || configuration() == nullptr) return;
  for (const DaemonGroup* group : configuration()->groups)
    if (group->waiting != nullptr) group->waiting->clear(pid);
}

// --- In a child

void on_child_init(apr_pool_t* pool, server_rec* s) noexcept {
  keep_process_number();
  for (DaemonGroup* group : configuration()->groups) {
    group->kept = new KeptChannels(static_cast<std::size_t>(group->spec.processes));
    group->bodies = new BodyBuffers;
    if (group->waiting != nullptr) group->waiting->enter();
    // httpd's own rules for temporary files, asked as the user that httpd serves as.
    if (!group->spec.spool_directory.empty()) {
      group->spool_directory = group->spec.spool_directory.c_str();
    } else if (apr_temp_dir_get(&group->spool_directory, pool) != APR_SUCCESS) {
      group->spool_directory = "/tmp";
    }
  }
  prepare_embedded(pool, s);
}

// httpd gives its threads some ten seconds and then kills the child; they should not spend them on waiting for workers.
void on_child_stopping(apr_pool_t* /*pool*/, int graceful) noexcept {
  if (graceful == 0) interrupt_all();
}

// --- For a request

int on_translate_name(request_rec* r) noexcept { return translate_by_alias(r); }

int on_map_to_storage(request_rec* r) noexcept { return keep_module_from_storage(r); }

int on_access(request_rec* r) noexcept { return check_access(r); }

int on_handler(request_rec* r) noexcept { return handle_request(r); }

}  // namespace
}  // namespace httpd

void gatehouse_register_hooks(apr_pool_t* pool) noexcept {
  base::set_log_sink(httpd::log_sink, nullptr);
  static const char* const after_alias[] = {"mod_alias.c", nullptr};
  static const char* const after_ssl[] = {"mod_ssl.c", nullptr};
  static const char* const before_authz_host[] = {"mod_authz_host.c", nullptr};
  static const char* const before_user_directories[] = {"mod_userdir.c", "mod_vhost_alias.c", nullptr};
  ap_hook_pre_config(httpd::on_pre_config, nullptr, nullptr, APR_HOOK_MIDDLE);
  ap_hook_check_config(httpd::on_check_config, nullptr, nullptr, APR_HOOK_MIDDLE);
  ap_hook_post_config(httpd::on_post_config, nullptr, nullptr, APR_HOOK_MIDDLE);
  ap_hook_monitor(httpd::on_monitor, nullptr, nullptr, APR_HOOK_MIDDLE);
  ap_hook_child_status(httpd::on_child_status, nullptr, nullptr, APR_HOOK_MIDDLE);
  ap_hook_child_init(httpd::on_child_init, nullptr, nullptr, APR_HOOK_MIDDLE);
  ap_hook_child_stopping(httpd::on_child_stopping, nullptr, nullptr, APR_HOOK_MIDDLE);
  ap_hook_translate_name(httpd::on_translate_name, after_alias, before_user_directories, APR_HOOK_MIDDLE);
  // An answer may depend on the URL, so httpd must ask again for a subrequest's.
  ap_hook_check_access(httpd::on_access, after_ssl, before_authz_host, APR_HOOK_MIDDLE, AP_AUTH_INTERNAL_PER_URI);
  ap_hook_map_to_storage(httpd::on_map_to_storage, nullptr, nullptr, APR_HOOK_FIRST);
  ap_hook_handler(httpd::on_handler, nullptr, nullptr, APR_HOOK_MIDDLE);
  httpd::register_auth_providers(pool);
  httpd::register_nonblocking_output();
  httpd::register_direct_input();
}
