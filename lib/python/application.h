// SPDX-License-Identifier: Apache-2.0
#pragma once

// The life of one request in an interpreter: find the code, build environ, call the application, send what it
// gives, close it.

#include "python/cpython.h"

#include <cstdint>

#include "python/attach.h"
#include "wsgi/engine_abi.h"

namespace python {

class Request;

struct Outcome {
  gatehouse_result result;
  std::uint32_t status;
};

// Everything that can go wrong is logged to the request and told in the outcome. No exception stays pending, and
// nobody uses the request's callbacks after the return.
Outcome run_request(Attached& attached, Request& request);

}  // namespace python
