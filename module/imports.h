// SPDX-License-Identifier: Apache-2.0
#pragma once

// Which scripts processes load before they serve: those of WSGIImportScript, and those that a WSGIScriptAlias shows
// to be served by one interpreter of one process group (compat.md 1.4, 1.6). Parent only, once the configuration is
// read.

#include <vector>

#include "base/result.h"
#include "module/config.h"

namespace httpd {

// Gives each group its imports, and the configuration those of embedded mode. After one_application_group is known.
// Error: kGroupUnknown or kGroupNotVisible with the place of a WSGIImportScript that names such a group.
base::Status resolve_imports(server_rec* main_server);

}  // namespace httpd
