// SPDX-License-Identifier: Apache-2.0
#pragma once

// start_response and the write callable that it returns, as Python objects over a Response.

#include "python/cpython.h"

#include "python/attach.h"
#include "python/ref.h"

namespace python {

class Response;
struct ModuleState;

// An empty Ref with an exception pending on failure.
Ref make_start_response_type(Borrowed module);
Ref make_start_response(Attached& attached, const ModuleState& objects, Response& response);
// The request is over: calling either raises RuntimeError from now on.
void end_start_response(Borrowed start_response);

}  // namespace python
