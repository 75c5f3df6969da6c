// SPDX-License-Identifier: Apache-2.0
#pragma once

// A picture of httpd's scoreboard in memory that httpd's processes write and gatehoused's only read: what
// mod_wsgi.server_metrics() tells in a process group with server-metrics=On.
//
// Two pictures take turns, so that a reader has a whole one. A reader believes nothing of what it reads: texts end
// where their field does, counts where the memory does.

#include <cstddef>
#include <cstdint>

#include "wsgi/engine_abi.h"

namespace wsgi {

class ServerPage {
 public:
  // Bytes for so many processes of so many threads.
  static std::size_t size_for(int processes, int threads);

  // memory: of size_for(processes, threads), zero before its first use; not owned.
  ServerPage(void* memory, int processes, int threads);

  // tell: as gatehouse_host.visit_server, without its context. Writes what it tells, unless the picture is younger
  // than kFresh or somebody else is writing. now_us: monotonic. Any process that may write; does not block.
  void refresh(void (*tell)(void*, const gatehouse_server_visitor*), std::int64_t now_us);
  static constexpr std::int64_t kFresh = 100'000;

  // Tells the visitor what the picture in memory shows. False: there is none yet, or it changes all the time. Any
  // process that may read size bytes.
  static bool visit(const void* memory, std::size_t size, const gatehouse_server_visitor& visitor);

 private:
  struct Header;
  struct Process;
  struct Thread;
  struct Painter;
  friend struct Painter;

  Header* const header_;
  const std::size_t picture_size_;
};

}  // namespace wsgi
