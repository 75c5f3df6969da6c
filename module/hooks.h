// SPDX-License-Identifier: Apache-2.0
#pragma once

// Which of httpd's hooks we take part in, and where: what runs in the parent, in a child, for a request.

#include "module/httpd_api.h"

// Named in mod_wsgi.c.
extern "C" void gatehouse_register_hooks(apr_pool_t* pool) noexcept;
