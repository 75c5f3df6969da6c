// SPDX-License-Identifier: Apache-2.0
#pragma once

// Which code answers a request: process group, application group and callable, from the alias's options, then the
// directory, then the built-in defaults. Resolved in the handler phase, so that SetEnv and RewriteRule E= count.

#include "module/request_facts.h"

namespace httpd {

// OK and *target, or 500: the group is not defined, not to be used from here, or embedded mode is switched off.
// Logged.
int resolve_target(request_rec* r, Target* target);

// Is Authorization shown to the application: CGIPassAuth, the alias's option, WSGIPassAuthorization.
wsgi::PassAuthorization pass_authorization_of(const request_rec* r);

}  // namespace httpd
