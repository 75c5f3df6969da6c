// SPDX-License-Identifier: Apache-2.0
#pragma once

// What supervisor, zygote and workers say to each other. Each message is one SEQPACKET message; zygote and supervisor
// have a socket pair, and so have each worker and the supervisor: the worker's *line*. What comes from below is
// untrusted to the supervisor.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/posix.h"

namespace gatehoused {

// A script in one of its versions.
struct ScriptVersion {
  std::string script;
  std::int64_t mtime_us = 0;
};

// What a worker has seen: the script has another time than the code that it runs, or cannot be loaded.
struct ScriptChange {
  std::string script;
  std::int64_t mtime_us = 0;
  std::string callable;  // that the request asked for; empty: none
  std::string interpreter, application_group;
};

// Supervisor to zygote: fork a worker for this slot. The worker's end of its line comes along as a descriptor.
struct ForkOrder {
  std::uint32_t slot;
};

enum class ZygoteEvent : std::uint32_t {
  kStarted,       // Python runs
  kLoading,       // begins to load what its plan says
  kImporting,     // an import begins: slot is its place in the plan, mtime_us the file's
  kImported,      // likewise: it has been loaded, mtime_us being its file's before
  kImportFailed,  // likewise: it has not
  kLoaded,        // workers can be forked
  kForked,
  kForkFailed,
  kWorkerEnded
};

// Zygote to supervisor.
struct ZygoteReport {
  ZygoteEvent event;
  std::uint32_t slot;
  std::int32_t pid;
  std::int32_t status;  // wait status (kWorkerEnded), errno (kForkFailed)
  std::int64_t mtime_us;
  std::int64_t peak_memory;  // in bytes, of a worker that has ended
};

// Worker to supervisor.
struct WorkerNotice {
  enum class Kind : std::uint32_t {
    kReady,         // it has loaded its imports and takes tickets from now on
    kImportFailed,  // it could not load `change`, and ends
    kStale,         // a request wants `change`
    kRelief,        // it wants to be replaced, and serves until it is told to leave
    kLeaving        // it takes no more tickets
  } kind = Kind::kReady;
  std::string reason;   // kRelief, kLeaving
  ScriptChange change;  // kImportFailed, kStale
};

// Supervisor to worker.
struct WorkerOrder {
  enum class Kind : std::uint32_t {
    kPause,   // take no tickets for now: new code is being loaded
    kServe,   // take tickets; `tolerated` could not be loaded, so old code serves who asks for these versions
    kRetire,  // leave: others have taken over
    kDismiss  // leave: there is too little to do
  } kind = Kind::kPause;
  std::int64_t limit_us = 0;  // kRetire, kDismiss: how long requests in hand may take
  std::vector<ScriptVersion> tolerated;
};

// Longest message on a line; what would be longer is cut where it is made.
inline constexpr std::size_t kMaxLineMessage = 32u << 10;

std::string encode(const WorkerNotice& notice);
std::string encode(const WorkerOrder& order);
// False for malformed bytes.
bool decode(std::span<const std::byte> bytes, WorkerNotice* notice);
bool decode(std::span<const std::byte> bytes, WorkerOrder* order);

enum class Heard {
  kMessage,  // *message is set
  kNothing,  // none is there, or a malformed one was dropped
  kEnd       // the other side is gone
};
// Takes one message off a line, without waiting.
Heard hear(int line, WorkerNotice* message);
Heard hear(int line, WorkerOrder* message);
// Puts one on it, without waiting. False: the other side is gone, or does not keep up.
bool tell(int line, const WorkerNotice& message);
bool tell(int line, const WorkerOrder& message);

}  // namespace gatehoused
