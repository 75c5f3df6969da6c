// SPDX-License-Identifier: Apache-2.0
#pragma once

// Python in this process: start, fork, stop. It is started once, on the thread that Python then takes for
// the main one, and never finalised: a thread that came back to a finalised Python would take the process
// down. The host ends the process with _exit.

#include "python/cpython.h"

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "python/interpreter.h"
#include "wsgi/interpreter_rules.h"
#include "wsgi/engine_abi.h"
#include "wsgi/telemetry_records.h"

namespace python {

// What applications see as mod_wsgi.version: the version whose behaviour and names we answer for.
inline constexpr int kVersion[3] = {6, 0, 5};

// Copied from gatehouse_python: what interpreters made later need.
struct Settings {
  std::string python_path;
  std::string working_directory;
  std::string process_group;
  int processes = 1;
  int threads = 1;
  int pool = 0;  // how many interpreters stand for each name; 0: one, and the main one for ""
  bool free_threading = false;
  bool runs_exit_functions = true;
  std::vector<wsgi::InterpreterRule> rules;
  wsgi::TelemetrySettings telemetry;
};

// "3.12.1" of "3.12.1 (main, ...) [GCC ...]": of the libpython that is loaded. A string.
const char* python_version();

class Runtime {
 public:
  // The process's only one; start() must have been called.
  static Runtime& get();

  // Starts Python on the calling thread; returns without the GIL. Once per process, also when it fails.
  static base::Status start(const gatehouse_python& python, const gatehouse_host& host);

  // Around fork(), on the thread that called start().
  void before_fork();
  void after_fork_parent();
  void after_fork_child(const gatehouse_host& host);
  // Python is about to fork for an application; with the GIL. Warns when CPython cannot do that here.
  void application_will_fork();
  // In the child of every fork, before any code of Python runs there, with all signals blocked.
  void forked();
  // Is this a process that an application has forked?
  bool is_application_child() const { return is_application_child_; }
  // The calling thread's states in all interpreters go; the main thread keeps its own.
  void end_thread();
  // process_signal in every interpreter. Without the GIL, any thread.
  void publish_signal(int number);
  // process_stopping, then threading._shutdown, atexit and a flush of the standard streams in each interpreter. Without
  // the GIL, on the thread that called start(). Blocks for as long as the application's threads do.
  void stop(const char* reason);

  const gatehouse_host& host() const { return *host_; }
  // When this process began to run Python: wall clock.
  std::int64_t started_us() const { return started_us_; }
  const Settings& settings() const { return settings_; }
  Interpreters& interpreters() { return interpreters_; }

 private:
  void set_host(const gatehouse_host& host);
  void begin_telemetry();

  Settings settings_;
  const gatehouse_host* host_ = nullptr;
  Interpreters interpreters_;
  PyThreadState* main_state_ = nullptr;
  std::int64_t started_us_ = 0;
  bool host_forks_ = false;
  bool is_application_child_ = false;
  std::atomic<bool> warned_of_fork_ = false;
};

}  // namespace python
