// SPDX-License-Identifier: Apache-2.0
#pragma once

// Is the client of a request still there? Looks at the connection and takes nothing from it. A client that has shut
// down its sending side counts as gone: TCP does not tell it from one that has closed, and it is still answered.
// Thread: any, while the request lives.

#include "module/httpd_api.h"

namespace httpd {

class ClientWatch {
 public:
  explicit ClientWatch(const request_rec* r);

  bool is_gone() const;
  // The socket, for a poll of one's own with kEvents; -1: there is none.
  int descriptor() const { return descriptor_; }
  static const short kEvents;
  // HTTP/2: the stream may end without a sign at the socket, so is_gone() must be asked again now and then.
  bool is_stream() const { return connection_->master != nullptr; }

 private:
  const conn_rec* connection_;
  const int descriptor_;
};

}  // namespace httpd
