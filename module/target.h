// SPDX-License-Identifier: Apache-2.0
#pragma once

// Which code answers a request: process group, application group and callable, from the alias's options, then the
// directory, then the built-in defaults. Resolved in the handler phase, so that SetEnv and RewriteRule E= count.

#include "module/request_facts.h"

namespace httpd {

// The WSGIHandlerScript of the request's handler; NULL when it is none. Nothing is looked up where there are none.
const HandlerScript* handler_script(const request_rec* r);

// Script, groups and callable as the configuration names them. handler: of handler_script().
Target name_target(request_rec* r, const HandlerScript* handler);

// What a dispatch script wants instead; texts may hold variables and live as long as the request. NULL: no change.
struct Redirection {
  const char* process_group = nullptr;
  const char* application_group = nullptr;
  const char* callable = nullptr;
};
void redirect_target(request_rec* r, const Redirection& to, Target* target);

// Finds the process group and the interpreter of a named target. OK or 500: the group is not defined, not to be used
// from here, or embedded mode is switched off. Logged.
int place_target(request_rec* r, Target* target);

// The target of an access, authentication or dispatch script, placed. OK or 500, as above.
int hook_target(request_rec* r, const HookScript& script, Target* target);

// Is Authorization shown to the application: CGIPassAuth, the alias's or the handler's option, WSGIPassAuthorization.
wsgi::PassAuthorization pass_authorization_of(const request_rec* r, const HandlerScript* handler);

}  // namespace httpd
