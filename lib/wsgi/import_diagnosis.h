// SPDX-License-Identifier: Apache-2.0
#pragma once

// What an import that failed says about its cause: an extension module that refuses sub-interpreters, an environment
// of another Python, a module that is nowhere on sys.path. Pure: the engine gathers the facts.

#include <string>
#include <string_view>
#include <vector>

#include "wsgi/interpreter_rules.h"

namespace wsgi {

struct ImportFailure {
  std::string text;            // the messages of the exception and of its causes, a line each
  std::string module;          // ImportError.name; empty when the exception does not tell
  std::string importer;        // the module whose import statement failed; empty when unknown
  bool not_found = false;      // ModuleNotFoundError
  std::string statement = {};  // the text of that import statement; empty when unknown
};

struct ImportSurroundings {
  std::string version;  // "3.12": of the Python that runs
  bool in_main_interpreter = true;
  std::string search_path;                 // repr(sys.path)
  std::vector<std::string> path;           // sys.path
  std::vector<std::string> found_outside;  // site-packages of other versions beside ours that have the module
  Lock lock = Lock::kShared;               // of the interpreter
};

// A phrase that goes on from "script X": what it needs, why that fails, what to do. Empty: nothing is known.
std::string diagnose(const ImportFailure& failure, const ImportSurroundings& surroundings);

// The version in ".../python3.12/...", "" when a path names none.
std::string version_in_path(std::string_view path);

}  // namespace wsgi
