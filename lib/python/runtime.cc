// SPDX-License-Identifier: Apache-2.0
#include "python/runtime.h"

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "base/log.h"
#include "base/posix.h"
#include "python/exception.h"
#include "python/forking.h"
#include "python/metrics.h"
#include "python/program_signals.h"
#include "python/python_config.h"
#include "python/restriction.h"
#include "python/stacks.h"
#include "python/telemetry.h"
#include "wsgi/python_settings.h"

namespace python {
namespace {

constinit Runtime* runtime = nullptr;

void on_base_log(void* context, base::Level level, std::string_view line) {
  const auto* host = static_cast<const gatehouse_host*>(context);
  host->log(host->context, static_cast<gatehouse_level>(level), gatehouse_text{line.data(), line.size()}, nullptr);
}

void on_fork_child() noexcept { runtime->forked(); }

std::string_view string_or_empty(const char* string) { return string != nullptr ? string : ""; }

// Keeps the process's action for SIGINT over a scope. The first import of CPython's signal module replaces it even
// when Python is told to install no handlers; later imports do not.
class KeepInterruptAction {
 public:
  KeepInterruptAction() { sigaction(SIGINT, nullptr, &action_); }
  ~KeepInterruptAction() { sigaction(SIGINT, &action_, nullptr); }
  KeepInterruptAction(const KeepInterruptAction&) = delete;
  KeepInterruptAction& operator=(const KeepInterruptAction&) = delete;

 private:
  struct sigaction action_;
};

// Calls module.function() and logs an exception of it. A module that nobody imported has nothing to stop.
void run_exit_function(Attached& attached, const char* module_name, const char* function) {
  Borrowed modules(PyImport_GetModuleDict());
  const Ref module = Ref::steal(item_of(modules.get(), module_name));
  if (!module) return;
  if (Ref::steal(PyObject_CallMethod(module.get(), function, nullptr))) return;
  log_exception(attached, nullptr, base::Message::kStopFailed, std::string(module_name) + "." + function + "()");
}

// threading takes whichever thread imported it for the main one: in a sub-interpreter that is a thread of some
// request, which does not end, and for whose end threading._shutdown would wait. From here on it is the calling one.
void become_main_thread(Attached& attached) {
  Borrowed modules(PyImport_GetModuleDict());
  const Ref threading = Ref::steal(item_of(modules.get(), "threading"));
  if (!threading) return;
  const Ref main_thread = Ref::steal(PyObject_GetAttrString(threading.get(), "_main_thread"));
  const Ref own = Ref::steal(PyLong_FromUnsignedLong(PyThread_get_thread_ident()));
  if (main_thread && own && PyObject_SetAttrString(main_thread.get(), "_ident", own.get()) == 0) return;
  log_exception(attached, nullptr, base::Message::kStopFailed, "threading._main_thread");
}

void flush_stream(Attached& attached, const char* name) {
  Ref stream = Ref::borrow(PySys_GetObject(name));
  if (!stream || stream.get() == Py_None || is_restricted(stream)) return;
  if (Ref::steal(PyObject_CallMethod(stream.get(), "flush", nullptr))) return;
  log_exception(attached, nullptr, base::Message::kStopFailed, std::string("sys.") + name + ".flush()");
}

// Fails for a wish that this Python cannot fulfil and without which the host must not begin.
base::Status check(const Settings& settings) {
  if (settings.pool == 0 || (kHasOwnGil && !settings.free_threading)) return base::ok();
  const std::string wish = "interpreters=" + std::to_string(settings.pool);
  if (!kHasOwnGil)
    return base::Error{base::Message::kPythonStart, 0,
                       wish + " needs Python 3.12 or newer, this is " PY_VERSION
                              "; choose another one with python=, or "
                              "use processes= instead"};
  return base::Error{
      base::Message::kPythonStart, 0,
      wish + " makes no sense with WSGIFreeThreading On: one interpreter uses all cores; remove one of them"};
}

Settings settings_of(const gatehouse_python& python) {
  Settings settings;
  settings.python_path = string_or_empty(python.python_path);
  settings.working_directory = string_or_empty(python.working_directory);
  settings.process_group = string_or_empty(python.process_group);
  settings.processes = python.processes;
  settings.threads = python.threads;
  settings.pool = python.interpreters > 1 ? python.interpreters : 0;
  settings.runs_exit_functions = python.skip_exit_functions == 0;
  settings.rules = wsgi::rules_of(python);
  settings.telemetry = wsgi::telemetry_of(python);
  const bool wanted = wsgi::settings_for(settings.rules, settings.process_group, "").free_threading;
  settings.free_threading = wanted && kIsFreeThreaded;
  if (wanted && !kIsFreeThreaded)
    base::log(base::Message::kFreeThreading,
              "WSGIFreeThreading On has no effect: this Python %s is no free-threaded one, and needs its lock; choose "
              "one that "
              "is, such as 3.13t, with python= or WSGIPython (its engine: make engine PYTHON=/path/to/python3.13t), or "
              "remove it",
              PY_VERSION);
  return settings;
}

}  // namespace

const char* python_version() {
  static char version[32];
  const char* text = Py_GetVersion();
  const std::size_t size = std::min(std::strcspn(text, " +"), sizeof version - 1);
  std::memcpy(version, text, size);
  return version;
}

Runtime& Runtime::get() { return *runtime; }

base::Status Runtime::start(const gatehouse_python& python, const gatehouse_host& host) {
  if (runtime != nullptr)
    return base::Error{base::Message::kPythonStart, 0, "Python was started in this process before"};
  runtime = new Runtime;
  runtime->started_us_ = base::wall_clock_us();
  runtime->set_host(host);
  runtime->settings_ = settings_of(python);

  if (const base::Status possible = check(runtime->settings_); !possible) return possible;
  const KeepInterruptAction keep_interrupt_action;
  // Not os.register_at_fork(): extension modules fork, too, and CPython may never get as far as its own hooks.
  if (const int error = pthread_atfork(hold_signals, let_signals_through, on_fork_child); error != 0)
    return base::Error{base::Message::kPythonStart, error, "no fork handler could be installed"};
  const base::Status initialized = initialize_python(python, runtime->settings_.free_threading);
  if (!initialized) return initialized;
  runtime->main_state_ = PyThreadState_Get();
  Attached attached = Attached::in_slot();
  find_state_of_extensions(attached);
  if (!runtime->interpreters_.add_main(attached)) {
    log_exception(attached, nullptr, base::Message::kPythonStart, "the main interpreter could not be prepared");
    PyEval_SaveThread();
    return base::Error{base::Message::kPythonStart, 0,
                       "the main interpreter could not be prepared; its exception is logged"};
  }
  PyEval_SaveThread();
  if (python.telemetry != nullptr && python.telemetry->after_fork == 0) runtime->begin_telemetry();
  return base::ok();
}

void Runtime::set_host(const gatehouse_host& host) {
  host_ = &host;
  base::set_log_sink(on_base_log, const_cast<gatehouse_host*>(&host));
}

void Runtime::begin_telemetry() {
  constexpr std::int64_t kPythonsOwn = 5000;
  const gatehouse_server* server = host_->server;
  wsgi::TelemetryIdentity identity;
  identity.version =
      std::to_string(kVersion[0]) + "." + std::to_string(kVersion[1]) + "." + std::to_string(kVersion[2]);
  identity.python_version = python_version();
  if (server != nullptr && server->version != nullptr)
    identity.httpd_version = std::string("Apache/") + server->version;
  if (server != nullptr) identity.mpm_name = string_or_empty(server->mpm_name);
  char hostname[256] = "";
  if (gethostname(hostname, sizeof hostname - 1) == 0) identity.hostname = hostname;
  identity.process_group = settings_.process_group;
  identity.in_daemon = !settings_.process_group.empty();
  const std::int64_t interval = wsgi::settings_for(settings_.rules, settings_.process_group, "").switch_interval_us;
  identity.switch_interval_us = interval != 0 ? interval : kPythonsOwn;
  Telemetry::begin(settings_.telemetry, std::move(identity), static_cast<std::size_t>(std::max(settings_.threads, 1)),
                   interpreters_);
}

void Runtime::before_fork() {
  attach_state(main_state_);
  // What lives now is shared with the children for as long as nobody writes to it; the collector would.
  Ref gc = Ref::steal(PyImport_ImportModule("gc"));
  if (!gc || !Ref::steal(PyObject_CallMethod(gc.get(), "freeze", nullptr))) PyErr_Clear();
  host_forks_ = true;
  PyOS_BeforeFork();
}

void Runtime::after_fork_parent() {
  PyOS_AfterFork_Parent();
  host_forks_ = false;
  PyEval_SaveThread();
}

void Runtime::after_fork_child(const gatehouse_host& host) {
  set_host(host);
  started_us_ = base::wall_clock_us();
  restart_recorders();
  PyOS_AfterFork_Child();
  host_forks_ = false;
  Attached attached = Attached::in_slot();
  find_state_of_extensions(attached);
  if (!prepare_unattached_stacks(attached))
    log_exception(attached, nullptr, base::Message::kStacks, "faulthandler cannot be used");
  run_fork_subscribers(attached, interpreters_.main().objects.fork_subscribers);
  PyEval_SaveThread();
  if (!settings_.telemetry.socket.empty()) begin_telemetry();
}

// CPython clears the other interpreters in the child and hangs or crashes over it (gh-101437, gh-84139,
// gh-139759; seen on 3.10 to 3.13).
void Runtime::application_will_fork() {
  if (host_forks_ || warned_of_fork_ || !interpreters_.has_subs() || warned_of_fork_.exchange(true)) return;
  base::log(base::Message::kForkWithInterpreters,
            "an application forks a process that has several interpreters; the child is likely to hang or to crash in "
            "CPython; give the application a process group or WSGIApplicationGroup %%{GLOBAL} to itself, or start "
            "processes with subprocess or multiprocessing's \"spawn\"");
}

void Runtime::forked() {
  if (host_forks_) return let_signals_through();
  is_application_child_ = true;
  Telemetry::forget();
  forget_state_of_extensions();
  if (host_->after_application_fork != nullptr) host_->after_application_fork(host_->context);
  let_all_signals_through();
}

void Runtime::end_thread() { free_thread_states(main_state_); }

void Runtime::publish_signal(int number) {
  for (Interpreter* interpreter : interpreters_.list()) {
    Attach attach(*interpreter);
    interpreter->objects.events.publish_signal(attach.attached(), number);
  }
}

void Runtime::stop(const char* reason) {
  if (Telemetry* telemetry = Telemetry::get()) telemetry->stopping(reason);
  interpreters_.for_each([this, reason](Interpreter& interpreter) {
    Attach attach(interpreter);
    become_main_thread(attach.attached());
    interpreter.objects.events.publish_stopping(attach.attached(), reason);
    if (settings_.runs_exit_functions) {
      run_exit_function(attach.attached(), "threading", "_shutdown");
      run_exit_function(attach.attached(), "atexit", "_run_exitfuncs");
    }
    flush_stream(attach.attached(), "stdout");
    flush_stream(attach.attached(), "stderr");
  });
  if (Telemetry* telemetry = Telemetry::get()) telemetry->stopped();
}

}  // namespace python
