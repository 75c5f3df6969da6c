// SPDX-License-Identifier: Apache-2.0
#pragma once

// Logging for code that does not know where lines go. One sink per binary, set once at start-up:
// the module plugs in httpd's log, the daemon a writer on descriptor 2, the engine its host.
// Thread: any, once the sink is set. Never blocks on a lock of ours.

#include <string>
#include <string_view>

#include "base/messages.h"
#include "base/result.h"

namespace base {

// Receives one line without newline, "GHnnnn: text", its bytes already escaped (escape_line).
using LogSink = void (*)(void* context, Level level, std::string_view line);

// Sets the sink of this binary; write_to_stderr until then and for nullptr. Before any thread starts. context
// must live as long as the process.
void set_log_sink(LogSink sink, void* context);

// Formats as printf, escapes, and hands "GHnnnn: text" to the sink at the message's own level.
[[gnu::format(printf, 2, 3)]] void log(Message message, const char* format, ...);
// The same for an error: its sentence and, if it has one, the operating system's error.
void log(const Error& error);

// "GHnnnn: " + sentence + ": " + strerror, as log(Error) would write it but for the escaping.
std::string text_of(const Error& error);

// Control characters, DEL and broken UTF-8 become \xNN, so that no line can forge another (CVE-2013-1862).
// So do the C1 controls and U+2028/2029. A tab and all other UTF-8 stay. The line never exceeds limit bytes:
// it is cut between characters and then ends in "...".
std::string escape_line(std::string_view text, std::size_t limit = 8192);

// A sink that writes httpd's format "[date] [wsgi:level] [pid N] line\n" to descriptor 2 in one write.
void write_to_stderr(void* context, Level level, std::string_view line);

}  // namespace base
