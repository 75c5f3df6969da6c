// SPDX-License-Identifier: Apache-2.0
#pragma once

// What a worker does when a request finds that its script has changed since this process loaded it (reload=). The
// supervisor is told, who has new workers load it. With reload=strict this worker takes no tickets meanwhile, and old
// code serves only if the supervisor says that the new one cannot be loaded; with reload=rolling old code goes on.

#include <cstdint>
#include <string>
#include <unordered_map>

#include "base/mutex.h"
#include "daemon/intake.h"
#include "daemon/orders.h"
#include "daemon/session.h"

namespace gatehoused {

class CodeChanges final : public ChangedCode {
 public:
  // line: to the supervisor. It stays the caller's, and intake must outlive this.
  CodeChanges(int line, Intake* intake, bool rolling) : line_(line), intake_(*intake), rolling_(rolling) {}

  // Any thread that serves.
  bool may_serve(const wire::RequestHead& head) override;
  // kPause or kServe.
  void obey(const WorkerOrder& order);

 private:
  const int line_;
  Intake& intake_;
  const bool rolling_;
  base::Mutex mutex_;
  bool paused_ GH_GUARDED_BY(mutex_) = false;
  // The latest version of each script that old code is to serve, and that the supervisor was told of.
  std::unordered_map<std::string, std::int64_t> tolerated_ GH_GUARDED_BY(mutex_);
  std::unordered_map<std::string, std::int64_t> told_ GH_GUARDED_BY(mutex_);
};

}  // namespace gatehoused
