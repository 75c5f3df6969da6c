// SPDX-License-Identifier: Apache-2.0
#include "module/scoreboard_page.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <string>

#include "module/launch.h"
#include "module/scoreboard_view.h"

namespace httpd {

base::Result<ScoreboardPage*> ScoreboardPage::create() {
  const int processes = mpm_query(AP_MPMQ_HARD_LIMIT_DAEMONS, 1);
  const int threads = mpm_query(AP_MPMQ_HARD_LIMIT_THREADS, 1);
  const auto failed = [] {
    return base::os_error(base::Message::kSupervisorStart, "server-metrics=: there is no memory for the scoreboard");
  };
  const base::UniqueFd file(memfd_create("gatehouse-scoreboard", MFD_CLOEXEC));
  const std::size_t size = wsgi::ServerPage::size_for(processes, threads);
  if (!file.valid() || ftruncate(file.get(), static_cast<off_t>(size)) != 0) return failed();
  base::UniqueFd read_only(open(("/proc/self/fd/" + std::to_string(file.get())).c_str(), O_RDONLY | O_CLOEXEC));
  base::Mapping memory = base::Mapping::of(file.get(), size);
  if (!read_only.valid() || !memory.valid()) return failed();
  auto* page = new ScoreboardPage;
  page->descriptor_ = std::move(read_only);
  page->memory_ = std::move(memory);
  page->page_.emplace(page->memory_.data(), processes, threads);
  return page;
}

void ScoreboardPage::refresh() { page_->refresh(on_visit_server, base::now().count()); }

}  // namespace httpd
