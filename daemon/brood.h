// SPDX-License-Identifier: Apache-2.0
#pragma once

// A zygote with its workers, as the supervisor sees it: the way to command it, to stop it and to be rid of it.
// Thread: the supervisor's only one.

#include <sys/types.h>

#include "base/posix.h"
#include "base/result.h"
#include "daemon/zygote.h"

namespace gatehoused {

class Brood {
 public:
  // Forks a zygote (which never returns from this call). id tells broods apart. kForkFailed, kSystemCall.
  static base::Result<Brood> hatch(ZygoteInheritance inheritance, int id);

  int id() const { return id_; }
  pid_t zygote() const { return zygote_; }
  base::Micros started() const { return started_; }

  // Readable: ZygoteReport, or end-of-file; -1 after deafen().
  int reports() const { return command_.get(); }
  bool order_fork(std::size_t slot);  // false: the zygote is gone, or does not keep up
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

  bool up = false;      // the zygote has reported that it started
  bool ending = false;  // no more forks
  base::Deadline kill_at = base::Deadline::never();
  bool killed = false;  // kill_at has passed once

 private:
  Brood() = default;
  int id_ = 0;
  pid_t zygote_ = 0;  // and the number of its process group and session
  bool zygote_reaped_ = false;
  base::Micros started_{};
  base::UniqueFd command_;
  base::UniqueFd leash_;  // write end
};

}  // namespace gatehoused
