// SPDX-License-Identifier: Apache-2.0
#pragma once

// Two callables that applications find in environ: wsgi.early_hints(headers) sends a 103 response, and
// gatehouse.client_disconnected() tells whether the client is gone. Objects that nobody has kept are used again for the
// next request.

#include "python/cpython.h"

#include <vector>

#include "python/attach.h"
#include "python/ref.h"

namespace python {

class Response;

// One interpreter's. With its GIL.
class ClientCalls {
 public:
  enum class Kind { kEarlyHints, kClientDisconnected };

  // False: an exception is pending.
  bool set_up(Borrowed module);
  // The callable of this kind for a response's request. An empty Ref with an exception pending on failure.
  Ref take(Attached& attached, Kind kind, Response& response);
  // The request is over: calling it raises RuntimeError from now on.
  void give_back(Attached& attached, Ref call);

 private:
  Ref type_;
  std::vector<Ref> idle_;
};

}  // namespace python
