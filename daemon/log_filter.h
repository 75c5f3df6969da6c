// SPDX-License-Identifier: Apache-2.0
#pragma once

// The lines of supervisor, zygote and workers that belong to no request: to descriptor 2, which is httpd's error
// log, as far as the group's log level lets them. Thread: any, after set_log_level.

#include "base/messages.h"
#include "wsgi/engine_abi.h"

namespace gatehoused {

// Installs the sink of this binary. Before that, lines of every level are written.
void set_log_level(base::Level level);
// gatehouse_host.log: the engine's lines take the same way; these have no place for a file of the application.
void on_engine_log(void* context, gatehouse_level level, gatehouse_text line, const gatehouse_place* place);
// The same for lines that the log has already: at level debug.
void on_repeated_engine_log(void* context, gatehouse_level level, gatehouse_text line, const gatehouse_place* place);

}  // namespace gatehoused
