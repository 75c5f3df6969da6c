// SPDX-License-Identifier: Apache-2.0
#pragma once

// httpd's scoreboard as mod_wsgi.server_metrics() tells it. Thread: any, in an httpd child.

#include "wsgi/engine_abi.h"

namespace httpd {

// gatehouse_host.visit_server. Reads what other processes write meanwhile: numbers may be a moment apart.
void on_visit_server(void* context, const gatehouse_server_visitor* visitor) noexcept;

}  // namespace httpd
