// SPDX-License-Identifier: Apache-2.0
#pragma once

// The table of directives. Each mistake is refused while the configuration is read, by a text that names the
// directive, the value and the remedy; httpd adds file and line. docs/directives.md tells the same in prose.

#include "module/httpd_api.h"

// Ends with an empty row; named in mod_wsgi.c.
extern "C" const command_rec gatehouse_directives[];
