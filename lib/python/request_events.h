// SPDX-License-Identifier: Apache-2.0
#pragma once

// The events of a request, as mod_wsgi.subscribe_events tells them. Each function returns at once, and builds nothing,
// when the request's interpreter has no subscriber.

#include "python/cpython.h"

#include <cstdint>

#include "python/attach.h"
#include "python/ref.h"

namespace python {

class Request;

// The application is about to be called. What is returned is to be called: subscribers may replace it.
Ref publish_request_started(Attached& attached, Request& request, Borrowed application, Borrowed environ);
// start_response was called; nothing is checked yet. exc_info may be empty.
void publish_response_started(Attached& attached, Request& request, Borrowed status, Borrowed headers,
                              Borrowed exc_info);
// An exception of the application was logged.
void publish_request_exception(Attached& attached, Request& request, Borrowed exception);
// After close(). status: what the client was or will be answered with.
void publish_request_finished(Attached& attached, Request& request, std::uint32_t status);

}  // namespace python
