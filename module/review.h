// SPDX-License-Identifier: Apache-2.0
#pragma once

// What can be said about the configuration once all of it is read. Parent only.

#include "base/result.h"
#include "module/httpd_api.h"

namespace httpd {

// Resolves each process group's launch and decides whether it hosts one application only. Errors: those of
// resolve_launch, with the group's name and place.
base::Status resolve_groups(server_rec* main_server);

// Logs what is odd but no mistake: what the doctor finds, directives and options without effect. WSGIDoctor hides it.
void review_configuration(server_rec* main_server);

}  // namespace httpd
