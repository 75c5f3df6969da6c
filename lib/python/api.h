// SPDX-License-Identifier: Apache-2.0
#pragma once

// The names that the built-in modules mod_wsgi and apache have in every interpreter, but for those of events.h and
// metrics.h. docs/python-api.md and stubs/ show all of them.

#include "python/cpython.h"

#include "python/ref.h"

namespace python {

// active_requests: the dict of request ids. False: an exception is pending.
bool add_mod_wsgi_names(Borrowed module, Borrowed active_requests);
bool add_apache_names(Borrowed module);

}  // namespace python
