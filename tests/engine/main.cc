// SPDX-License-Identifier: Apache-2.0

// Starts the Python of the engine file GATEHOUSE_ENGINE on this thread and runs the tests.
// --scenario NAME ARGUMENT: runs one piece of a test that needs a process of its own (scenarios.h).

#include <string>

#include "tests/engine/fake_host.h"
#include "tests/engine/scenarios.h"

#include <CppUTest/CommandLineTestRunner.h>
#include <CppUTest/MemoryLeakWarningPlugin.h>

int main(int argc, char** argv) {
  // Python's interpreter-lifetime blocks are no leaks of a test.
  MemoryLeakWarningPlugin::turnOffNewDeleteOverloads();
  fake_host::open_engine(GATEHOUSE_ENGINE, GATEHOUSE_PYTHON);
  if (argc == 4 && std::string(argv[1]) == "--scenario") return fake_host::run_scenario(argv[2], argv[3]);
  fake_host::start_python();
  return CommandLineTestRunner::RunAllTests(argc, argv);
}
