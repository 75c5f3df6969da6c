// SPDX-License-Identifier: Apache-2.0
#pragma once

// httpd's parent: starts one supervisor (gatehoused) a process group and generation, starts it again when it ends by
// itself, lets old generations finish after a restart, and leaves nothing behind at httpd's stop. Parent only, its
// one thread. What must survive a restart lives in the process's pool; the module's code stays mapped (-z nodelete).

#include "module/httpd_api.h"

namespace httpd {

// Lets go of the queues that the configuration, just read and its launches resolved, has no use for: they end with the
// last of their httpd's children. Before other modules fork processes, which would hold them for good (mod_cgid's).
void close_old_queues();

// Makes the queues of this generation, or takes over those of the last, and starts its supervisors. False: one could
// not be started; logged.
bool start_groups(server_rec* main_server);

// Tries again what the operating system refused before (no process, no descriptor). For httpd's monitor hook.
void revive_groups();

}  // namespace httpd
