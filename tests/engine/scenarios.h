// SPDX-License-Identifier: Apache-2.0
#pragma once

// Pieces of tests that need a process of their own, since Python starts once in a process: each prints what it
// saw; the test compares.

#include <map>
#include <string>

#include "wsgi/engine_abi.h"

namespace fake_host {

using Scenario = int (*)(const std::string& argument);
// Those of hazards to whoever embeds CPython, in a file of their own.
const std::map<std::string, Scenario>& embedding_scenarios();
// What a scenario starts Python with, unless it is about that.
gatehouse_python ordinary();
// Starts Python; prints a refusal. 0 or -1.
int start(const gatehouse_python& python);

// Runs a scenario in this process, whose Python is not started; the exit status.
int run_scenario(const std::string& name, const std::string& argument);

struct Printed {
  int status;        // as waitpid gives it
  std::string text;  // standard output and standard error
};
// Runs this program again with --scenario name argument.
Printed in_own_process(const std::string& name, const std::string& argument = {});

}  // namespace fake_host
