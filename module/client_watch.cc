// SPDX-License-Identifier: Apache-2.0
#include "module/client_watch.h"

#include <poll.h>

namespace httpd {

const short ClientWatch::kEvents = POLLRDHUP;

ClientWatch::ClientWatch(const request_rec* r)
    : connection_(r->connection), descriptor_(client_descriptor(r->connection)) {}

bool ClientWatch::is_gone() const {
  if (connection_->aborted || (connection_->master != nullptr && connection_->master->aborted)) return true;
  pollfd socket = {descriptor_, kEvents, 0};
  return descriptor_ >= 0 && poll(&socket, 1, 0) > 0;
}

}  // namespace httpd
