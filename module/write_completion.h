// SPDX-License-Identifier: Apache-2.0
#pragma once

// The end of a large file's way to the client. What the socket has not taken when the handler returns, the event MPM
// sends on: its listener finds the socket writable, wakes a thread, and has it back with the next that the socket does
// not take. For a client that reads as fast as it can, that costs more than a thread that waits for it: so the
// handler's own does, for a moment. Thread: the request's own.

#include "module/httpd_api.h"

namespace httpd {

// After the end of the response was passed on. Returns when httpd's core has nothing left, the client is gone, or when
// the wait was long enough: the rest is the MPM's. Does nothing where half of the process's threads wait already, for a
// stream of HTTP/2, and under an MPM that itself waits.
void complete_writing(conn_rec* connection);

}  // namespace httpd
