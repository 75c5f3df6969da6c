// SPDX-License-Identifier: Apache-2.0
#pragma once

// Lets httpd's output filters write without waiting for the client. Its core filter waits when it meets a FLUSH bucket;
// so a filter in front of it takes these out and has the core write what the socket takes at once. The core keeps the
// rest, as it does for the end of a response. Thread: the request's own.

#include "module/httpd_api.h"

namespace httpd {

// While it exists, what is passed to the request's filters does not wait, if the core filter has nothing left from
// before and one pass brings less than FlushMaxThreshold (64 KiB).
class NonblockingOutput {
 public:
  explicit NonblockingOutput(request_rec* r);
  ~NonblockingOutput();
  NonblockingOutput(const NonblockingOutput&) = delete;
  NonblockingOutput& operator=(const NonblockingOutput&) = delete;

  // What one pass may bring: with framing and records of TLS it stays below the threshold.
  static constexpr std::size_t kMost = 56u << 10;

  // False for a stream of HTTP/2, which has no socket.
  static bool is_possible(const request_rec* r) { return r->connection->master == nullptr; }
  // The socket takes more: writes what the core has left. Nothing to be done while is_waiting() after it. False: the
  // client is gone.
  static bool go_on(conn_rec* connection);
  // The core filter has bytes that the socket did not take.
  static bool is_waiting(const conn_rec* connection) { return connection->data_in_output_filters != 0; }

 private:
  bool* active_;
};

// Once, with the module's hooks.
void register_nonblocking_output();

}  // namespace httpd
