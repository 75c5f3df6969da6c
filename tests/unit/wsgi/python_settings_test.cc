// SPDX-License-Identifier: Apache-2.0
#include "wsgi/python_settings.h"

#include "base/bytes.h"

#include <CppUTest/TestHarness.h>

using wsgi::InterpreterRule;
using wsgi::PythonSettings;

namespace {

PythonSettings full_settings() {
  PythonSettings settings;
  settings.optimize = 2;
  settings.write_bytecode = false;
  settings.hash_seed = "random";
  settings.warnings = {"error", "ignore::UserWarning"};
  settings.runs_exit_functions = false;
  settings.rules = {{GATEHOUSE_SWITCH_INTERVAL, 5000, "", std::nullopt, std::nullopt},
                    {GATEHOUSE_PYTHON_PATH, 0, "/a:/b", "", "admin"},
                    {GATEHOUSE_OWN_GIL, 1, "", "shop", std::nullopt}};
  settings.telemetry = {"/run/telemetry.sock", 2'500'000, 0, true, 77};
  return settings;
}

}  // namespace

TEST_GROUP(PythonSettings){};

TEST(PythonSettings, ComeBackFromTheirBytes) {
  const PythonSettings settings = full_settings();
  const std::string bytes = wsgi::encode(settings);
  const base::Result<PythonSettings> back = wsgi::decode_python_settings(base::as_bytes(bytes));
  CHECK_TRUE(static_cast<bool>(back));
  LONGS_EQUAL(2, back->optimize);
  CHECK_FALSE(back->write_bytecode || back->runs_exit_functions);
  STRCMP_EQUAL("random", back->hash_seed.c_str());
  CHECK((back->warnings == settings.warnings));
  CHECK((back->rules == settings.rules));
  CHECK((back->telemetry == settings.telemetry));
}

TEST(PythonSettings, AnyPrefixAndAnyFurtherByteIsRefused) {
  const std::string bytes = wsgi::encode(full_settings());
  for (std::size_t size = 0; size < bytes.size(); ++size)
    CHECK_FALSE(
        static_cast<bool>(wsgi::decode_python_settings(base::as_bytes(std::string_view(bytes).substr(0, size)))));
  CHECK_FALSE(static_cast<bool>(wsgi::decode_python_settings(base::as_bytes(bytes + "x"))));
}

TEST(PythonSettings, TheEngineIsGivenWhatTheySay) {
  const PythonSettings settings = full_settings();
  const wsgi::PythonSettingsView view(settings, true);
  gatehouse_python python{};
  view.fill(&python);
  LONGS_EQUAL(2, python.optimize);
  LONGS_EQUAL(0, python.write_bytecode);
  LONGS_EQUAL(1, python.skip_exit_functions);
  STRCMP_EQUAL("random", python.hash_seed);
  LONGS_EQUAL(2, python.warnings_count);
  STRCMP_EQUAL("ignore::UserWarning", python.warnings[1]);
  CHECK((wsgi::rules_of(python) == settings.rules));
  CHECK((wsgi::telemetry_of(python) == settings.telemetry));
  LONGS_EQUAL(1, python.telemetry->after_fork);
}

TEST(PythonSettings, UnsetOnesLeaveThingsToPython) {
  const PythonSettings settings;
  const wsgi::PythonSettingsView view(settings, true);
  gatehouse_python python{};
  view.fill(&python);
  LONGS_EQUAL(1, python.write_bytecode);
  LONGS_EQUAL(0, python.skip_exit_functions);
  POINTERS_EQUAL(nullptr, python.hash_seed);
  POINTERS_EQUAL(nullptr, python.telemetry);
  LONGS_EQUAL(0, python.warnings_count + python.rules_count);
}
