// SPDX-License-Identifier: Apache-2.0
#pragma once

// Functions of a script beside the application (access, authentication, dispatch): called with environ and texts;
// what each gives goes to the host by its type. What a result means is the host's business.

#include "python/cpython.h"

#include "python/application.h"
#include "python/attach.h"
#include "wsgi/engine_abi.h"

namespace python {

// COMPLETE, FAILED or DECLINED. Exceptions are logged to the request and told as an answer; none stays pending, and
// nobody uses the request's callbacks after the return.
Outcome run_call(Attached& attached, Request& request, const gatehouse_call& call);

}  // namespace python
