// SPDX-License-Identifier: Apache-2.0
#pragma once

// The httpd child's side of daemon mode: one request over a ticket and a private channel (docs/wire.md).
// Thread: the request's own; blocks until the response is complete or has failed.

#include "module/answers.h"
#include "module/body_prefetch.h"
#include "module/brigade.h"
#include "module/config.h"
#include "module/httpd_api.h"
#include "module/request_facts.h"
#include "wire/message.h"

namespace httpd {

struct DaemonRequest {
  const DaemonGroup* group;
  wire::RequestHead* head;                 // content_length 0: no body is read; told when it is sent
  BodyFirst body_first;                    // how much of the body is read before
  std::vector<Answer>* answers = nullptr;  // head->call: where they go, one for each function; no response is made
};

// What a worker is told of a request, from its target and its environ; of its pool. Still to be told: content_length.
wire::RequestHead head_of(request_rec* r, const Target& target, const wsgi::EnvironList& environ, std::uint32_t flags);

// Sends the request to the group and its response to the client. Unstarted requests of a worker that dies are
// sent again. Returns what a handler returns: OK when a response was made (also one that was cut off visibly),
// else a status for httpd's error page; what went wrong is logged on the request. Statuses: 503 with Retry-After
// (queue full, queue-timeout, no worker), 504 (no response head in time), 502 (the worker died while the
// application ran), 500, or the status of the engine or of the body reader.
int forward_to_daemon(request_rec* r, const DaemonRequest& request, BodyReader* body, ResponseWriter* writer);

}  // namespace httpd
