// SPDX-License-Identifier: Apache-2.0
#pragma once

// Takes a request's body from the client's socket past httpd's core, which reads 8,000 bytes at a time: the kernel
// moves it into a pipe, and copies nothing. A connection filter in front of the core's does so where httpd's filters
// would have had the core read; they see buckets that have a length and nothing else, and count them as ever. Thread:
// the request's.

#include "module/httpd_api.h"

namespace httpd {

// While it exists, what is read by the request's filters in AP_MODE_READBYTES goes into a pipe, but for what the core
// had read before, and for what comes when the pipe is full.
class DirectInput {
 public:
  // False when a filter that may look at the bytes (TLS, an application's, another module's) stands on their way, and
  // for a stream of HTTP/2: there is nothing to be taken.
  static bool is_possible(request_rec* r);
  // is_possible() was true. pipe: its end to write to, non-blocking; the caller's, and outlives this.
  DirectInput(request_rec* r, int pipe);
  ~DirectInput();
  DirectInput(const DirectInput&) = delete;
  DirectInput& operator=(const DirectInput&) = delete;

  // The bytes of a bucket of data are in the pipe.
  static bool is_piped(const apr_bucket* bucket);

 private:
  int* pipe_;
};

// Once, with the module's hooks.
void register_direct_input();

}  // namespace httpd
