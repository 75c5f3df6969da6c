// SPDX-License-Identifier: Apache-2.0
#pragma once

// The host's wishes as a PyConfig, and the start of CPython with it. A Python that cannot start must cost the
// host one sentence, not its process, so what CPython would end the process for is looked at beforehand.

#include "python/cpython.h"

#include "base/result.h"
#include "wsgi/engine_abi.h"

namespace python {

// Py_InitializeFromConfig on the calling thread, which then has the GIL. kPythonStart on failure.
// free_threading: without a GIL, in a build that can.
base::Status initialize_python(const gatehouse_python& python, bool free_threading);

}  // namespace python
