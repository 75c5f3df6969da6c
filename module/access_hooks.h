// SPDX-License-Identifier: Apache-2.0
#pragma once

// WSGIAccessScript, WSGIAuthUserScript and WSGIAuthGroupScript: httpd's hooks and providers over call_hook(). A request
// whose directory has no such script costs one look at its configuration.

#include "module/httpd_api.h"

namespace httpd {

// The access_checker hook: OK, DECLINED, 403, or the status of a script that could not be asked.
int check_access(request_rec* r);

// Makes known the providers "wsgi" for AuthBasicProvider and AuthDigestProvider, and "wsgi-group" for Require.
void register_auth_providers(apr_pool_t* pool);

}  // namespace httpd
