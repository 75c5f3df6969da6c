// SPDX-License-Identifier: Apache-2.0
#pragma once

// mod_wsgi.LogHandler: a logging.Handler whose records become lines of httpd's log at their own level and place. Made
// when it is first asked for, so that an application without logging does not import it.

#include "python/cpython.h"

#include "python/attach.h"
#include "python/ref.h"

namespace python {

// The class. Imports logging. An empty Ref with an exception pending on failure.
Ref make_log_handler(Attached& attached);

}  // namespace python
