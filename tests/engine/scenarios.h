// SPDX-License-Identifier: Apache-2.0
#pragma once

// Pieces of tests that need a process of their own, since Python starts once in a process: each prints what it
// saw; the test compares.

#include <string>

namespace fake_host {

void set_engine_file(const std::string& file);
// Runs a scenario in this process, whose Python is not started; the exit status.
int run_scenario(const std::string& name);

struct Printed {
  int status;        // as waitpid gives it
  std::string text;  // standard output and standard error
};
// Runs this program again with --scenario name.
Printed in_own_process(const std::string& name);

}  // namespace fake_host
