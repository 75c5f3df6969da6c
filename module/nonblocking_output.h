// SPDX-License-Identifier: Apache-2.0
#pragma once

// Lets httpd's output filters write without waiting for the client. Its core filter waits when it meets a FLUSH bucket,
// and when it has more than FlushMaxThreshold (64 KiB): so a filter in front of it takes the former out, hands the core
// little at a time, and writes more than that to the socket itself, in as few system calls as the socket allows. What
// the socket does not take, the core keeps, as it does for the end of a response, or this filter. Thread: the request's
// own.

#include "module/httpd_api.h"

namespace httpd {

// While it exists, what is passed to the request's filters does not wait.
class NonblockingOutput {
 public:
  explicit NonblockingOutput(request_rec* r);
  ~NonblockingOutput();
  NonblockingOutput(const NonblockingOutput&) = delete;
  NonblockingOutput& operator=(const NonblockingOutput&) = delete;

  // What one pass should bring at most: so much may have to be copied, of what is in nobody's memory afterwards.
  static constexpr std::size_t kMost = 256u << 10;

  // False for a stream of HTTP/2, which has no socket.
  static bool is_possible(const request_rec* r) { return r->connection->master == nullptr; }
  // The socket takes more: writes what there is. Nothing to be done while is_waiting() after it. False: the client is
  // gone.
  static bool go_on(conn_rec* connection);
  // There are bytes that the socket did not take.
  static bool is_waiting(const conn_rec* connection);

 private:
  bool* active_;
};

// Once, with the module's hooks.
void register_nonblocking_output();

}  // namespace httpd
