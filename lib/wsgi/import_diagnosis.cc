// SPDX-License-Identifier: Apache-2.0
#include "wsgi/import_diagnosis.h"

#include <algorithm>
#include <iterator>

namespace wsgi {
namespace {

// What extension modules, and the tools that make them, say when a second interpreter of the process loads them.
constexpr std::string_view kSubinterpreterRefusals[] = {
    "does not support loading in subinterpreters",      // CPython 3.12 and later
    "PyO3 modules do not yet support subinterpreters",  // Rust: cryptography, pydantic, orjson, bcrypt ...
    "PyO3 modules may only be initialized once per interpreter process",
    "Interpreter change detected - this module can only be loaded into one interpreter per process",  // Cython
    "cannot load module more than once per process",                                                  // NumPy
};

constexpr std::string_view kMainInterpreter =
    "run it in the main interpreter: application-group=%{GLOBAL} in WSGIScriptAlias, or WSGIApplicationGroup %{GLOBAL}";

bool refuses_subinterpreters(std::string_view text) {
  return std::any_of(std::begin(kSubinterpreterRefusals), std::end(kSubinterpreterRefusals),
                     [&](std::string_view refusal) { return text.find(refusal) != std::string_view::npos; });
}

// The name in "module numpy.core does not support ...", which tells more than ImportError.name.
std::string named_module(std::string_view text) {
  const std::size_t refusal = text.find(std::string(" ").append(kSubinterpreterRefusals[0]));
  if (refusal == std::string_view::npos) return {};
  const std::string_view before = text.substr(0, refusal);
  const std::size_t blank = before.find_last_of(" \n");
  return std::string(blank == std::string_view::npos ? before : before.substr(blank + 1));
}

std::string extension_of(const ImportFailure& failure) {
  std::string name = named_module(failure.text);
  if (name.empty()) name = failure.module;
  if (!name.empty()) return "extension module " + name;
  if (!failure.importer.empty()) return "an extension module that " + failure.importer + " imports";
  return failure.statement.empty() ? "an extension module" : "the extension module of \"" + failure.statement + "\"";
}

constexpr std::string_view kNoLockEach =
    "does not allow several interpreters with a lock each in one process; install a version of it that does, or ";

std::string about_lock(Lock lock) {
  return lock == Lock::kOfPool ? "remove interpreters= of WSGIDaemonProcess and use processes= instead"
                               : "set WSGIPerInterpreterGIL Off for the application group";
}

std::string about_subinterpreters(const ImportFailure& failure, const ImportSurroundings& around) {
  const std::string needs = "needs " + extension_of(failure) + ", which ";
  if (around.lock != Lock::kShared) return needs + std::string(kNoLockEach) + about_lock(around.lock);
  if (!around.in_main_interpreter) return needs + "refuses sub-interpreters; " + std::string(kMainInterpreter);
  return needs +
         "another interpreter of this process has loaded, and which allows one only; give the two applications "
         "process groups of their own, or " +
         std::string(kMainInterpreter) + " for both";
}

// A directory on sys.path that is of another Python; "" when there is none.
std::string foreign_directory(const ImportSurroundings& around) {
  for (const std::string& directory : around.path) {
    const std::string version = version_in_path(directory);
    if (!version.empty() && version != around.version) return directory;
  }
  return {};
}

std::string about_versions(const std::string& directory, const std::string& verb, const ImportSurroundings& around) {
  const std::string version = version_in_path(directory);
  return verb + directory + ", which is of Python " + version + ", but Python " + around.version +
         " runs it; choose the environment's Python with python-home= or python=" + version +
         ", or make the environment again with Python " + around.version;
}

bool is_of_another_build(std::string_view text) {
  return text.find("undefined symbol: Py") != std::string_view::npos ||
         text.find("undefined symbol: _Py") != std::string_view::npos;
}

}  // namespace

std::string version_in_path(std::string_view path) {
  constexpr std::string_view kFolder = "/python3.";
  const std::size_t at = path.find(kFolder);
  if (at == std::string_view::npos) return {};
  const std::string_view name = path.substr(at + kFolder.size());
  const std::string_view digits = name.substr(0, name.find_first_not_of("0123456789"));
  if (digits.empty()) return {};
  const bool is_free_threaded = name.substr(digits.size()).starts_with('t');
  return "3." + std::string(digits) + (is_free_threaded ? "t" : "");
}

std::string diagnose(const ImportFailure& failure, const ImportSurroundings& around) {
  if (refuses_subinterpreters(failure.text)) return about_subinterpreters(failure, around);
  const std::string foreign = foreign_directory(around);
  if (is_of_another_build(failure.text)) {
    const std::string needs = "needs an extension module that was built for another Python";
    return foreign.empty() ? needs + " than " + around.version + ", which runs it; install it again with this Python"
                           : about_versions(foreign, needs + ": sys.path has ", around);
  }
  if (!failure.not_found) return {};
  const std::string needs = "needs a module that is not on sys.path, which is " + around.search_path + "; ";
  if (!around.found_outside.empty()) return about_versions(around.found_outside.front(), needs + "it is in ", around);
  if (!foreign.empty()) return about_versions(foreign, needs + "that has ", around);
  return needs + "install it in this Python's environment or add its directory with python-path";
}

}  // namespace wsgi
