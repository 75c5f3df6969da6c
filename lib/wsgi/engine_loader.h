// SPDX-License-Identifier: Apache-2.0
#pragma once

// Finds and opens engines. An engine file is engine-cpython-3.X.so in one of the given directories, or
// engine-cpython-3.Xt.so for a free-threaded build, which is a version of its own everywhere: "3.13t".
// libpython becomes global (extension modules do not link it), the engine stays local. Never closed.
// Thread: at start-up, one thread.

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "wsgi/engine_abi.h"

namespace wsgi {

// "3.10", "3.11", ...: versions that have an engine file in any of the directories; sorted by number, no doubles.
std::vector<std::string> engine_versions(std::span<const std::string> directories);

// The engine file of a version ("3.12") or kEngineMissing, whose text lists the versions there are.
base::Result<std::string> find_engine(std::string_view version, std::span<const std::string> directories);

// Opens the engine file and asks it for its table. Errors: kEngineRefused with the file and the loader's words.
base::Result<const gatehouse_engine_table*> open_engine(const std::string& file);

// The version of the Python behind a virtual environment: "3.12" from <home>/pyvenv.cfg (version or
// version_info), else from <home>/lib/python3.X; empty when <home> tells neither. "3.13t" by <home>/lib/python3.13t.
std::string version_of_environment(const std::string& home);

// The interpreter of an environment to give to PyConfig: <home>/bin/python when <home>/pyvenv.cfg is
// readable, else empty (then home is a PYTHONHOME).
std::string executable_of_environment(const std::string& home);

// The interpreter in an installation's <home>/bin, what sys.executable is to be beside PyConfig.home; empty when there
// is none.
std::string executable_of_installation(const std::string& home, const std::string& version);

// The directory of the file that holds this function's binary (mod_wsgi.so, gatehoused), then GATEHOUSE_LIBEXECDIR.
std::vector<std::string> engine_directories();

}  // namespace wsgi
