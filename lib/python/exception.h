// SPDX-License-Identifier: Apache-2.0
#pragma once

// Exceptions that have reached us: taken, logged in full, never left pending and never passed to the host.

#include "python/cpython.h"

#include <string>
#include <string_view>

#include "base/messages.h"
#include "python/attach.h"
#include "python/ref.h"

namespace python {

class Request;

// Takes the pending exception: logs "GHnnnn: what: Type: text" and then its traceback with all causes, one
// record a line, to the request, or to the host when request is nullptr.
void log_exception(Attached& attached, Request* request, base::Message message, std::string_view what);
// The same for an exception that was taken already.
void log_taken(Attached& attached, Request* request, base::Message message, std::string_view what, Borrowed exception);

// "ValueError: no such thing", its first line only, whatever the exception's own methods do.
std::string describe(Attached& attached, Borrowed exception);

}  // namespace python
