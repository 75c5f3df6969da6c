// SPDX-License-Identifier: Apache-2.0
#pragma once

// httpd's scoreboard as its processes show it (wsgi/server_page.h): mapped once by the supervisor, before anything is
// forked; zygote and workers inherit the mapping, which cannot be written to.

#include "base/posix.h"
#include "wsgi/engine_abi.h"

namespace gatehoused {

// False: logged, and there is no view. Main thread, before any other is started.
bool map_server_view(base::UniqueFd memory);

// For gatehouse_host.visit_server; nullptr without a view.
using VisitServer = void (*)(void* context, const gatehouse_server_visitor* visitor);
VisitServer server_view();

}  // namespace gatehoused
