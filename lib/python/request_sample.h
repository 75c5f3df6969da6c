// SPDX-License-Identifier: Apache-2.0
#pragma once

// How long each phase of a request took, from the instants that host and engine have noted.

#include <cstdint>

#include "wsgi/engine_abi.h"
#include "wsgi/request_metrics.h"

namespace python {

// Sets the phases from httpd to the application's end, and their sum; the others become 0. Wall clock.
void set_phases(wsgi::RequestSample* sample, const gatehouse_request& abi, std::int64_t application_start_us,
                std::int64_t application_finish_us);

}  // namespace python
