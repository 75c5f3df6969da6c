// SPDX-License-Identifier: Apache-2.0
#pragma once

// WSGIScriptAlias and WSGIScriptAliasMatch: a request's URL becomes the file name of a script. What the alias's
// options say travels in the request's notes, under the names that compat.md 1.4 gives them.

#include "module/config.h"
#include "module/httpd_api.h"

namespace httpd {

inline constexpr const char* kHandlerName = "wsgi-script";
inline constexpr const char* kHandlerType = "application/x-httpd-wsgi";

inline constexpr const char* kNoteProcessGroup = "mod_wsgi.process_group";
inline constexpr const char* kNoteApplicationGroup = "mod_wsgi.application_group";
inline constexpr const char* kNoteCallable = "mod_wsgi.callable_object";
inline constexpr const char* kNotePassAuthorization = "mod_wsgi.pass_authorization";  // "0" or "1"

// The translate_name hook: OK when an alias matched.
int translate_by_alias(request_rec* r);

// True when an alias chose the handler: ExecCGI is not asked for then.
bool is_aliased(const request_rec* r);

// True when the alias names a Python module: r->filename is "module:package.name", and there is no file to check.
bool is_module(const request_rec* r);
// The map_to_storage hook: a module is nowhere in the file system, so <Directory> and .htaccess do not apply.
int keep_module_from_storage(request_rec* r);

}  // namespace httpd
