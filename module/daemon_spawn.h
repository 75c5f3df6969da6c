// SPDX-License-Identifier: Apache-2.0
#pragma once

// httpd's parent: starts one supervisor (gatehoused) a process group and generation, starts it again when it ends by
// itself, lets old generations finish after a restart, and leaves nothing behind at httpd's stop. Parent only, its
// one thread. What must survive a restart lives in the process's pool; the module's code stays mapped (-z nodelete).

#include "module/httpd_api.h"

namespace httpd {

// Makes the queues of this generation and starts its supervisors. False: one could not be started; logged.
bool start_groups(server_rec* main_server);

// Tries again what the operating system refused before (no process, no descriptor). For httpd's monitor hook.
void revive_groups();

}  // namespace httpd
