// SPDX-License-Identifier: Apache-2.0
#pragma once

// The directives on Python and its interpreters: handlers for the rows of directives.def, and what they have
// gathered. Thread: the one that reads the configuration.

#include "module/httpd_api.h"
#include "wire/group_spec.h"
#include "wsgi/python_settings.h"

namespace httpd {

const char* on_dont_write_bytecode(cmd_parms* cmd, void* config, const char* value) noexcept;
const char* on_python_warnings(cmd_parms* cmd, void* config, const char* value) noexcept;
const char* on_python_optimize(cmd_parms* cmd, void* config, const char* value) noexcept;
const char* on_hash_seed(cmd_parms* cmd, void* config, const char* value) noexcept;
const char* on_destroy_interpreter(cmd_parms* cmd, void* config, const char* value) noexcept;
// These may also stand in <WSGIInterpreterOptions>.
const char* set_setting(cmd_parms* cmd, gatehouse_setting setting, const char* value);
template <gatehouse_setting setting>
const char* on_setting_switch(cmd_parms* cmd, void* /*config*/, const char* value) noexcept {
  return set_setting(cmd, setting, value);
}
const char* on_switch_interval(cmd_parms* cmd, void* config, const char* value) noexcept;
const char* on_python_path(cmd_parms* cmd, void* config, const char* value) noexcept;
const char* on_interpreter_options(cmd_parms* cmd, void* config, const char* arguments) noexcept;

// What they say for embedded mode.
wsgi::PythonSettings embedded_python_settings(const server_rec* main_server);
// The same for a process group, whose own options take the place of embedded mode's.
wsgi::PythonSettings python_settings_of(const wire::GroupSpec& group);
// Does a section name an application group of this process group, other than the main interpreter? It then has to have
// an interpreter of its own.
bool sections_name_interpreters_of(const wire::GroupSpec& group);

}  // namespace httpd
