// SPDX-License-Identifier: Apache-2.0
#pragma once

// wsgi.input. Never asks the host for more than Content-Length tells, never allocates much more than has
// arrived, and copies once: the host reads straight into the bytes object that read() returns.

#include "python/cpython.h"

#include <cstdint>
#include <string>

#include "python/attach.h"
#include "python/ref.h"

namespace python {

class Request;
struct ModuleState;

// The body of one request as far as it has been read.
class RequestBody {
 public:
  explicit RequestBody(Request& request);

  // At most size bytes, fewer only at the end of the body; size < 0: all. A bytes object, or empty with an
  // exception pending. Gives the GIL up while the host reads. The caller holds the turn.
  Ref read(Attached& attached, Py_ssize_t size);
  // To the next newline, which is included, or at most limit bytes; limit < 0: no limit.
  Ref read_line(Attached& attached, Py_ssize_t limit);
  // The exception that the last failed read raised; empty when none has failed.
  Ref failure(Attached& attached) const;

 private:
  std::int64_t fetch(Attached& attached, char* into, std::size_t size);
  std::size_t buffered() const { return buffer_.size() - start_; }
  Ref take(std::size_t size);

  Request& request_;
  std::int64_t remaining_;  // bytes not yet fetched; unknown: kUnknown
  bool failed_ = false;
  Ref failure_;
  std::string buffer_;  // fetched ahead by read_line, from start_ on
  std::size_t start_ = 0;
};

// An empty Ref with an exception pending on failure.
Ref make_input_type(Borrowed module);
Ref make_input(Attached& attached, const ModuleState& objects, Request& request, RequestBody& body);
// The request is over: every use but close() raises RuntimeError from now on.
void end_input(Borrowed input);

}  // namespace python
