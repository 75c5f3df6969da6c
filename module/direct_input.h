// SPDX-License-Identifier: Apache-2.0
#pragma once

// Takes a request's body from the client's socket past httpd's core, which reads 8,000 bytes at a time: into memory of
// the reader's, or into a pipe, to which the kernel moves it without copying. A connection filter in front of the
// core's does so where httpd's filters would have had the core read; they see buckets that have a length and nothing
// else, and count them as ever. Thread: the request's own.

#include <cstddef>

#include "module/httpd_api.h"

namespace httpd {

// While it exists, what is read by the request's filters in AP_MODE_READBYTES is taken, but for what the core had read
// before, and for what comes when a pipe is full.
class DirectInput {
 public:
  // False when a filter that may look at the bytes (TLS, an application's, another module's) stands on their way, and
  // for a stream of HTTP/2: nothing can be taken.
  static bool is_possible(const request_rec* r);
  // is_possible() was true. The place is the caller's, and outlives this.
  DirectInput(request_rec* r, int pipe);                        // its end to write to, non-blocking
  DirectInput(request_rec* r, void* memory, std::size_t size);  // for one read of at most size bytes
  ~DirectInput();
  DirectInput(const DirectInput&) = delete;
  DirectInput& operator=(const DirectInput&) = delete;

  // The bytes of a bucket of data are in the place; the bucket cannot be read.
  static bool is_taken(const apr_bucket* bucket);

  struct Place;

 private:
  Place* place_;
};

// Once, with the module's hooks.
void register_direct_input();

}  // namespace httpd
