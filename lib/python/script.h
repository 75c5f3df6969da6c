// SPDX-License-Identifier: Apache-2.0
#pragma once

// The application's script files in one interpreter: loaded from source when first wanted, loaded again when the
// file has changed. Each has its own import lock, so a slow import holds up its own requests only.

#include "python/cpython.h"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/mutex.h"
#include "python/attach.h"
#include "python/ref.h"
#include "wsgi/engine_abi.h"

namespace python {

class Interpreter;
class Request;

// The outcome of looking for the code of a target.
enum class Lookup {
  kReady,   // globals is set
  kFailed,  // logged; problem says it in one sentence
  kStale    // the file has changed and the target declines stale code
};

struct LookupResult {
  Lookup lookup;
  Ref globals;  // the script's namespace
  std::string problem;
  std::uint32_t status = 500;  // kFailed: what to answer
};

class Scripts {
 public:
  // The target's script, loaded or loaded again if need be. Log lines go to request, or to the host when it is
  // nullptr. Waits without the GIL while another thread imports this script.
  LookupResult find(Attached& attached, Interpreter& interpreter, const gatehouse_target& target, Request* request);

 private:
  struct Script {
    std::string path;           // of the file, or "module:package.name"
    std::string file;           // that was loaded, of a module its __file__; empty: there is none to watch
    Ref globals;                // empty: not loaded
    std::int64_t mtime_us = 0;  // of the file that was loaded
    bool importing = false;     // changed with the GIL and mutex_; what is above and below is the importing thread's
    std::uint64_t attempts = 0;
    std::string problem;  // of the last attempt
    std::uint32_t status = 500;
  };

  Script& script_of(std::string_view path);
  void wait_for_import(Attached& attached, Script& script) GH_EXCLUDES(mutex_);
  // False: another thread imports it, or has done so since the script had had that many attempts.
  bool begin_import(Script& script, std::uint64_t attempts) GH_EXCLUDES(mutex_);
  void end_import(Script& script) GH_EXCLUDES(mutex_);
  // These two: the namespace of what they have loaded, or an empty Ref with an exception pending.
  Ref import_file(Interpreter& interpreter, Script& script, const std::string& text);
  Ref import_module(Script& script, bool again);
  // By the one thread that has begun.
  LookupResult import(Attached& attached, Interpreter& interpreter, Script& script, const gatehouse_target& target,
                      Request* request);

  std::unordered_map<std::string, std::unique_ptr<Script>> scripts_;
  std::string key_;  // of the last look-up: spares an allocation
  base::Mutex mutex_;
  base::CondVar imported_;
};

// The callable of this name in a script's namespace; an empty Ref when there is none: logged, problem set.
Ref find_callable(Attached& attached, Interpreter& interpreter, Borrowed globals, const gatehouse_target& target,
                  Request* request, std::string* problem);

}  // namespace python
