// SPDX-License-Identifier: Apache-2.0
#include "daemon/server_view.h"

#include <sys/mman.h>
#include <sys/stat.h>

#include "base/log.h"
#include "wsgi/server_page.h"

namespace gatehoused {
namespace {

constinit const void* memory_of_view = nullptr;
constinit std::size_t size_of_view = 0;

void on_visit_server(void* /*context*/, const gatehouse_server_visitor* visitor) noexcept {
  wsgi::ServerPage::visit(memory_of_view, size_of_view, *visitor);
}

}  // namespace

bool map_server_view(base::UniqueFd memory) {
  struct stat status {};
  void* mapped = MAP_FAILED;
  if (fstat(memory.get(), &status) == 0 && status.st_size > 0)
    mapped = mmap(nullptr, static_cast<std::size_t>(status.st_size), PROT_READ, MAP_SHARED, memory.get(), 0);
  if (mapped == MAP_FAILED) {
    base::log(base::os_error(base::Message::kDaemonStart, "server-metrics=: httpd's scoreboard cannot be seen"));
    return false;
  }
  memory_of_view = mapped;
  size_of_view = static_cast<std::size_t>(status.st_size);
  return true;
}

VisitServer server_view() { return memory_of_view != nullptr ? on_visit_server : nullptr; }

}  // namespace gatehoused
