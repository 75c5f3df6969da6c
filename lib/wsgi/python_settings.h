// SPDX-License-Identifier: Apache-2.0
#pragma once

// How Python is to start and what its interpreters are to be like, as the directives say it: kept by the module,
// handed to gatehoused, given to the engine as part of gatehouse_python.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "wsgi/engine_abi.h"
#include "wsgi/interpreter_rules.h"
#include "wsgi/telemetry_records.h"

namespace wsgi {

struct PythonSettings {
  std::int32_t optimize = 0;
  bool write_bytecode = true;
  std::string hash_seed;              // "", "random" or a decimal number
  std::vector<std::string> warnings;  // -W options
  bool runs_exit_functions = true;    // at the end: threading._shutdown and atexit
  std::vector<InterpreterRule> rules;
  TelemetrySettings telemetry;
};

// For gatehoused's standard start. decode refuses (kDaemonStart) what another version has encoded.
std::string encode(const PythonSettings& settings);
base::Result<PythonSettings> decode_python_settings(std::span<const std::byte> bytes);

// Settings in the engine's terms. Its own texts and those of settings, which must outlive it, are pointed to.
class PythonSettingsView {
 public:
  // forks: the process that starts Python forks those that serve.
  PythonSettingsView(const PythonSettings& settings, bool forks);
  PythonSettingsView(const PythonSettingsView&) = delete;
  PythonSettingsView& operator=(const PythonSettingsView&) = delete;

  // Fills the members of python that the settings are about.
  void fill(gatehouse_python* python) const;

 private:
  const PythonSettings& settings_;
  std::vector<const char*> warnings_;
  std::vector<gatehouse_rule> rules_;
  gatehouse_telemetry telemetry_;
};

// What an engine is given, in our terms again.
std::vector<InterpreterRule> rules_of(const gatehouse_python& python);
TelemetrySettings telemetry_of(const gatehouse_python& python);

}  // namespace wsgi
