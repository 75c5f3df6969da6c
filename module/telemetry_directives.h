// SPDX-License-Identifier: Apache-2.0
#pragma once

// WSGITelemetryService, WSGISlowRequests and WSGITelemetryOptions: handlers of httpd's command table. They fill in
// configuration()->python.telemetry.

#include "module/httpd_api.h"

namespace httpd {

const char* on_telemetry_service(cmd_parms* cmd, void* config, const char* target, const char* option) noexcept;
const char* on_slow_requests(cmd_parms* cmd, void* config, const char* value) noexcept;
const char* on_telemetry_options(cmd_parms* cmd, void* config, int count, char* const flags[]) noexcept;

}  // namespace httpd
