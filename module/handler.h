// SPDX-License-Identifier: Apache-2.0
#pragma once

// The content handler: checks in the order of compat.md 4.4, then resolves which code answers and hands the request
// to this process's engine or to a process group. Each refusal is one log line and a status (compat.md 7).

#include "module/httpd_api.h"

namespace httpd {

// DECLINED for requests of other handlers, which cost one comparison.
int handle_request(request_rec* r);

}  // namespace httpd
