// SPDX-License-Identifier: Apache-2.0
#pragma once

// mod_ssl.is_https() and mod_ssl.var_lookup(name) in the environ of authentication and access functions.

#include "python/cpython.h"

#include "python/attach.h"
#include "python/ref.h"
#include "wsgi/engine_abi.h"

namespace python {

class Request;

class SslFunctions {
 public:
  SslFunctions(Request& request, const gatehouse_call& call) : request_(request), call_(call) {}

  // False: an exception is pending.
  bool add_to(Attached& attached, Borrowed environ);
  // The request is over: both functions raise RuntimeError from now on.
  void end();

 private:
  Request& request_;
  const gatehouse_call& call_;
  Ref capsule_;  // what the functions know of the request
};

}  // namespace python
