// SPDX-License-Identifier: Apache-2.0
#pragma once

// The memory that shows httpd's scoreboard to process groups with server-metrics=On (wsgi/server_page.h). The parent
// makes it for a configuration; its children write to it, and the parent, which never reads it, does too.

#include <cstddef>
#include <optional>

#include "base/posix.h"
#include "base/result.h"
#include "wsgi/server_page.h"

namespace httpd {

class ScoreboardPage {
 public:
  // The caller's, to be deleted. Main thread of the parent.
  static base::Result<ScoreboardPage*> create();

  // Any process and thread of httpd; does not block.
  void refresh();
  // For gatehoused: read-only.
  int descriptor() const { return descriptor_.get(); }

 private:
  ScoreboardPage() = default;

  base::UniqueFd descriptor_;
  base::Mapping memory_;
  std::optional<wsgi::ServerPage> page_;
};

}  // namespace httpd
