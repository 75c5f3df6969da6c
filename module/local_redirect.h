// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "module/httpd_api.h"

namespace httpd {

// Serves another local URL as the answer to r, by a GET without body that runs through all of httpd's phases: who may
// not ask for that URL does not get it this way. Headers in r's err_headers_out go with it; no type may be left in r.
// Reads and drops what is left of r's body. Returns the handler's result.
int redirect_locally(request_rec* r, const char* location);

}  // namespace httpd
