// SPDX-License-Identifier: Apache-2.0
#pragma once

// wsgi.errors, sys.stdout and sys.stderr: text objects of type mod_wsgi.Log that turn each line into one log
// record. A partial line waits for its newline, a flush or the end of the request. wsgi.errors belongs to one
// request; the other two write to the request of the thread that uses them, else to the host's log.

#include "python/cpython.h"

#include <string>
#include <string_view>

#include "base/messages.h"
#include "python/attach.h"
#include "python/ref.h"
#include "wsgi/engine_abi.h"

namespace python {

class Request;
struct ModuleState;

enum class Stream { kErrors, kStdout, kStderr };

// These three: an empty Ref with an exception pending on failure.
Ref make_log_type(Borrowed module);
Ref make_stream(Attached& attached, const ModuleState& objects, Stream stream);  // kStdout or kStderr
Ref make_errors(Attached& attached, const ModuleState& objects, Request& request);
// Logs what was begun on wsgi.errors and not ended with a newline. While the request runs.
void flush_errors(Attached& attached, Borrowed errors);
// The request is over: writing to its wsgi.errors raises RuntimeError from now on.
void end_errors(Borrowed errors);

// Logs text's full lines; what follows the last newline stays in partial. Long lines are logged in pieces of at
// most 8 KB, cut between characters. place: nullptr when it is not known. May let other threads run.
void write_lines(Attached& attached, Request* request, base::Level level, std::string& partial, std::string_view text,
                 const gatehouse_place* place = nullptr);
// Logs what is left in partial.
void flush_lines(Attached& attached, Request* request, base::Level level, std::string& partial,
                 const gatehouse_place* place = nullptr);
// What print() has begun in a request and not ended with a newline.
void flush_partial_lines(Attached& attached, Request& request);

// The str's UTF-8; lone surrogates as \udcXX.
std::string utf8_of(Borrowed text);

}  // namespace python
