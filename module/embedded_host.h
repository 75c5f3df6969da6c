// SPDX-License-Identifier: Apache-2.0
#pragma once

// Embedded mode: the engine in an httpd child, and the host table of wsgi/engine_abi.h over request_rec. Python
// starts and stops on a thread of its own, so that it can start whenever it is needed first: beside child_init where
// the configuration shows an embedded application, else at the first request for one. An httpd whose applications all
// live in process groups carries no interpreter.

#include "module/brigade.h"
#include "module/request_facts.h"

namespace httpd {

// In the child, before it serves. Stops Python when the pool goes.
void prepare_embedded(apr_pool_t* child_pool, server_rec* main_server);

// The engine of this process, which starts if need be. NULL: there is none, logged on the request. Any thread.
const gatehouse_engine_table* embedded_engine(request_rec* r);

// Runs the request on the calling thread. Returns what a handler returns; what went wrong is logged.
int serve_embedded(request_rec* r, const Target& target, RequestFacts* facts, BodyReader* body, ResponseWriter* writer);

}  // namespace httpd
