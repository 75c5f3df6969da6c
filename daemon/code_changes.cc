// SPDX-License-Identifier: Apache-2.0
#include "daemon/code_changes.h"

#include "daemon/imports.h"

namespace gatehoused {

bool CodeChanges::may_serve(const wire::RequestHead& head) {
  const std::string script(head.script);
  // httpd has not looked at a handler script, nor at one whose functions are called: its time is the file's.
  const std::int64_t mtime = head.script_mtime_us != 0 ? head.script_mtime_us : mtime_of(script);
  const base::MutexLock lock(mutex_);
  const auto tolerated = tolerated_.find(script);
  if (tolerated != tolerated_.end() && tolerated->second == mtime) return true;
  const auto told = told_.find(script);
  const bool is_told = told != told_.end() && told->second == mtime;
  if (!is_told || (!rolling_ && !paused_)) {
    const WorkerNotice stale{WorkerNotice::Kind::kStale,
                             "",
                             {script, mtime, std::string(head.callable), std::string(head.interpreter),
                              std::string(head.application_group)}};
    if (tell(line_, stale)) told_[script] = mtime;
  }
  if (rolling_) return true;
  if (!paused_) intake_.pause(Intake::kOldCode);
  paused_ = true;
  return false;
}

void CodeChanges::obey(const WorkerOrder& order) {
  const base::MutexLock lock(mutex_);
  for (const ScriptVersion& version : order.tolerated) tolerated_[version.script] = version.mtime_us;
  const bool pauses = order.kind == WorkerOrder::Kind::kPause;
  if (pauses && !paused_) intake_.pause(Intake::kOldCode);
  if (!pauses && paused_) intake_.resume(Intake::kOldCode);
  paused_ = pauses;
}

}  // namespace gatehoused
