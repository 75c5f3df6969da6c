// SPDX-License-Identifier: Apache-2.0
#pragma once

// What a generation loads before it serves, and what the supervisor remembers of changed code between generations.
// Pure: no process, no clock, no file.

#include <cstdint>
#include <string>
#include <vector>

#include "base/posix.h"
#include "daemon/orders.h"
#include "wire/group_spec.h"

namespace gatehoused {

struct PlannedImport {
  wire::Import import;
  std::string callable;   // must be in the script, too; empty: is not looked for
  bool required = false;  // the generation fails with it; else its failure is left to the requests that want it
};

// How a zygote and its workers load.
struct LoadPlan {
  std::vector<PlannedImport> imports;
  bool before_fork = true;  // the zygote loads what lives in the main interpreter; else each worker does
  bool is_first = false;    // there is no older generation to fall back to
  bool needs_one = false;   // the generation fails when no application can be loaded
  bool is_retry = false;    // of the same code: the log has the failure already
  // The zygote waits for this moment, or until one of the files has another time than here.
  base::Deadline not_before = base::Deadline::at(base::Micros(0));
  std::vector<ScriptVersion> watched;

  // Loaded by the zygote, before workers are forked.
  bool is_loaded_ahead(const PlannedImport& planned) const { return before_fork && planned.import.interpreter.empty(); }
  // Its first worker must show whether the code can be loaded.
  bool needs_pilot() const;
};

// What has changed since the generation that serves was loaded. One entry a script: its latest version.
class Changes {
 public:
  enum class Answer {
    kWait,      // a generation with it is being made, or will be
    kServeOld,  // it could not be loaded: go on
    kNews       // it was not known
  };
  // A worker of the serving generation asks.
  Answer notice(const ScriptChange& change);
  // Something is to be loaded that was not tried yet.
  bool any_untried() const;
  bool any() const { return !entries_.empty(); }

  // A generation with all of this is being made. imports: what the serving one has loaded ahead; preload: option.
  // serving: a generation is there to fall back to.
  LoadPlan plan(const std::vector<wire::Import>& configured, const std::vector<ScriptVersion>& loaded, bool preload,
                bool serving);
  // It could not load this one.
  void add_culprit(const ScriptVersion& version);
  // It has failed: what it was to load is not asked for again until it changes, but retried after a while.
  void attempt_failed();
  // It serves, with these versions.
  void attempt_succeeded(const std::vector<ScriptVersion>& loaded);
  // The versions that old code is to serve.
  std::vector<ScriptVersion> failed() const;
  std::vector<ScriptVersion> latest() const;  // of all that have changed
  int failures() const { return failures_; }  // in a row, of the same code

 private:
  struct Entry {
    ScriptChange change;
    std::int64_t attempted_us = -1;  // the version that the latest attempt was for
    bool failed = false;
    bool noticed = false;  // by a worker, which knows what the request wants of it
  };
  Entry* find(std::string_view script);
  std::vector<Entry> entries_;
  int failures_ = 0;
};

}  // namespace gatehoused
