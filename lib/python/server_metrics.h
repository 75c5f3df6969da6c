// SPDX-License-Identifier: Apache-2.0
#pragma once

// mod_wsgi.server_metrics(): httpd's scoreboard as the host shows it.

#include "python/cpython.h"

#include "python/attach.h"
#include "python/ref.h"

namespace python {

// A dict, or None where the host shows none. An empty Ref with an exception pending on failure.
Ref server_metrics(Attached& attached);

}  // namespace python
