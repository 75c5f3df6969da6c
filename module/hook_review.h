// SPDX-License-Identifier: Apache-2.0
#pragma once

// What the configuration shows of scripts beside the applications: handlers and access, authentication and dispatch
// scripts. Thread: the one that reads the configuration, or a child's before it serves.

#include <vector>

#include "module/config.h"
#include "module/doctor_rules.h"
#include "module/group_names.h"

namespace httpd {

// Their mounts, for design.md 9. A script in the main interpreter, which is there anyway, is none.
void add_script_mounts(server_rec* main_server, std::vector<Mount>* mounts);

// Does one of them surely run in httpd's children?
bool shows_embedded_script(server_rec* main_server);

// Scripts that WSGIRestrictEmbedded keeps from running.
std::vector<Finding> review_scripts(server_rec* main_server);

}  // namespace httpd
