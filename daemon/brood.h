// SPDX-License-Identifier: Apache-2.0
#pragma once

// A zygote with its workers, as the supervisor sees it: the way to command it, to stop it and to be rid of it.
// Thread: the supervisor's only one.

#include <sys/types.h>

#include <memory>
#include <vector>

#include "base/posix.h"
#include "base/result.h"
#include "daemon/zygote.h"

namespace gatehoused {

// SIGKILL to a process, if it is in this process group. The number may be anything, such as the word of a zygote that
// runs an application: nobody outside of the group is signalled.
void kill_member(pid_t group, pid_t pid);

class Brood {
 public:
  // Forks a zygote (which never returns from this call) that loads the plan. id tells broods apart. kForkFailed,
  // kSystemCall.
  static base::Result<Brood> hatch(ZygoteInheritance inheritance, LoadPlan plan, int id);

  int id() const { return id_; }
  pid_t zygote() const { return zygote_; }
  base::Micros started() const { return started_; }

  // Readable: ZygoteReport, or end-of-file; -1 after deafen().
  int reports() const { return command_.get(); }
  // line: the worker's end. False: the zygote is gone, or does not keep up.
  bool order_fork(std::size_t slot, int line);
  // The zygote has closed its end: it has ended, or is made to.
  void deafen();

  // Lets go of the leash: zygote and workers stop, or are killed at the deadline. Any number of times.
  void release(base::Deadline kill_at);
  bool released() const { return !leash_.valid(); }

  // The supervisor has seen the zygote's end (and waited for it).
  void zygote_ended() { zygote_reaped_ = true; }
  bool has_zygote() const { return !zygote_reaped_; }
  // SIGKILL to all that is left of the process group. Safe also after the zygote's end: the number of a group
  // cannot be given to another while a child of ours is in it, and only then is it signalled.
  void kill_all() const;
  void kill_one(pid_t pid) const { kill_member(zygote_, pid); }

  // The import of a zygote's report; nullptr for nonsense.
  const PlannedImport* import_at(std::size_t place) const {
    return place < plan_->imports.size() ? &plan_->imports[place] : nullptr;
  }
  bool is_first() const { return plan_->is_first; }
  bool needs_pilot() const { return plan_->needs_pilot(); }

  enum class Stage : std::uint8_t {
    kStarting,   // Python starts, or the plan waits for its time
    kLoading,    // the plan is being loaded
    kWarmingUp,  // workers can be forked; not enough of them are ready to take over
    kServing
  } stage = Stage::kStarting;
  base::Micros loading_since{};
  ScriptVersion importing;            // the last import that began
  std::vector<ScriptVersion> loaded;  // by the zygote
  bool ending = false;                // no more forks
  base::Deadline kill_at = base::Deadline::never();
  bool killed = false;  // kill_at has passed once

 private:
  Brood() = default;
  int id_ = 0;
  pid_t zygote_ = 0;  // and the number of its process group and session
  bool zygote_reaped_ = false;
  base::Micros started_{};
  std::unique_ptr<const LoadPlan> plan_;
  base::UniqueFd command_;
  base::UniqueFd leash_;  // write end
};

}  // namespace gatehoused
