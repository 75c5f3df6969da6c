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
  // Main thread of the parent.
  static base::Result<ScoreboardPage*> create();
  static void destroy(ScoreboardPage* page);

  // Any process and thread of httpd; does not block.
  void refresh();
  // For gatehoused: read-only.
  int descriptor() const { return descriptor_.get(); }

 private:
  ScoreboardPage() = default;

  base::UniqueFd descriptor_;
  void* memory_ = nullptr;
  std::size_t size_ = 0;
  std::optional<wsgi::ServerPage> page_;
};

}  // namespace httpd
