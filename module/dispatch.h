// SPDX-License-Identifier: Apache-2.0
#pragma once

// WSGIDispatchScript: a script's functions choose process group, application group and callable of each request
// (compat.md 1.7). Thread: the request's own.

#include "module/request_facts.h"

namespace httpd {

// Asks the directory's dispatch script, if it has one, and changes *target as it says. facts: gathered, without the
// target. OK or a status, logged.
int dispatch(request_rec* r, RequestFacts* facts, Target* target);

}  // namespace httpd
