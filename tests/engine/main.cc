// SPDX-License-Identifier: Apache-2.0

// engine-tests ENGINE [OPTIONS OF CPPUTEST]: opens the engine file, starts its Python on this thread, runs the tests.
// engine-tests ENGINE --scenario NAME: one piece of a test that needs a process of its own (scenarios.h).

#include <cstdio>
#include <string>
#include <vector>

#include "tests/engine/fake_host.h"
#include "tests/engine/scenarios.h"

#include <CppUTest/CommandLineTestRunner.h>
#include <CppUTest/MemoryLeakWarningPlugin.h>

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: %s ENGINE [OPTIONS OF CPPUTEST]\n", argv[0]);
    return 2;
  }
  // Python's interpreter-lifetime blocks are no leaks of a test.
  MemoryLeakWarningPlugin::turnOffNewDeleteOverloads();
  fake_host::open_engine(argv[1]);
  fake_host::set_engine_file(argv[1]);
  if (argc == 4 && std::string(argv[2]) == "--scenario") return fake_host::run_scenario(argv[3]);
  fake_host::start_python();
  std::vector<char*> rest = {argv[0]};
  rest.insert(rest.end(), argv + 2, argv + argc);
  return CommandLineTestRunner::RunAllTests(static_cast<int>(rest.size()), rest.data());
}
