// SPDX-License-Identifier: Apache-2.0
#pragma once

// Gathers what doctor_rules.h judges: from httpd's tree of directives, which has places and sections, from the process
// groups as they were resolved, and from the file system, of which nothing is opened but the pyvenv.cfg that resolving
// a group opens as well. Parent only, after resolve_groups.

#include "module/doctor_rules.h"
#include "module/httpd_api.h"

namespace httpd {

ConfigurationFacts gather_configuration(server_rec* main_server);

}  // namespace httpd
