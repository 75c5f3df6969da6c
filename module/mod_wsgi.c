/* SPDX-License-Identifier: Apache-2.0 */

/* The module structure, and nothing else. In C, because in C++20 `module` begins a module declaration; in a file
 * of this name, because <IfModule mod_wsgi.c> compares it. */

#include <httpd.h>
#include <http_config.h>

extern const command_rec gatehouse_directives[];
void gatehouse_register_hooks(apr_pool_t* pool);
void* gatehouse_create_directory_config(apr_pool_t* pool, char* directory);
void* gatehouse_merge_directory_config(apr_pool_t* pool, void* base, void* add);
void* gatehouse_create_server_config(apr_pool_t* pool, server_rec* server);
void* gatehouse_merge_server_config(apr_pool_t* pool, void* base, void* add);

module AP_MODULE_DECLARE_DATA wsgi_module = {
    STANDARD20_MODULE_STUFF,          gatehouse_create_directory_config,
    gatehouse_merge_directory_config, gatehouse_create_server_config,
    gatehouse_merge_server_config,    gatehouse_directives,
    gatehouse_register_hooks,         0,
};
