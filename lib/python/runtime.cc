// SPDX-License-Identifier: Apache-2.0
#include "python/runtime.h"

#include "base/log.h"
#include "python/exception.h"
#include "python/python_config.h"

namespace python {
namespace {

constinit Runtime* runtime = nullptr;

void on_base_log(void* context, base::Level level, std::string_view line) {
  const auto* host = static_cast<const gatehouse_host*>(context);
  host->log(host->context, static_cast<gatehouse_level>(level), gatehouse_text{line.data(), line.size()});
}

std::string_view string_or_empty(const char* string) { return string != nullptr ? string : ""; }

// Calls module.function() and logs an exception of it. A module that nobody imported has nothing to stop.
void run_exit_function(Attached& attached, const char* module_name, const char* function) {
  Borrowed modules(PyImport_GetModuleDict());
  Borrowed module(PyDict_GetItemString(modules.get(), module_name));
  if (!module) return;
  if (Ref::steal(PyObject_CallMethod(module.get(), function, nullptr))) return;
  log_exception(attached, nullptr, base::Message::kStopFailed, std::string(module_name) + "." + function + "()");
}

void flush_stream(Attached& attached, const char* name) {
  Ref stream = Ref::borrow(PySys_GetObject(name));
  if (!stream || stream.get() == Py_None) return;
  if (Ref::steal(PyObject_CallMethod(stream.get(), "flush", nullptr))) return;
  log_exception(attached, nullptr, base::Message::kStopFailed, std::string("sys.") + name + ".flush()");
}

}  // namespace

Runtime& Runtime::get() { return *runtime; }

base::Status Runtime::start(const gatehouse_python& python, const gatehouse_host& host) {
  if (runtime != nullptr) return base::Error{base::Message::kPythonStart, 0, "Python was started in this process before"};
  runtime = new Runtime;
  runtime->set_host(host);
  runtime->settings_ = {std::string(string_or_empty(python.python_path)),
                        std::string(string_or_empty(python.working_directory)),
                        std::string(string_or_empty(python.process_group)), python.processes, python.threads};

  const base::Status initialized = initialize_python(python);
  if (!initialized) return initialized;
  runtime->main_state_ = PyThreadState_Get();
  Attached attached = Attached::in_slot();
  if (!runtime->interpreters_.add_main(attached)) {
    log_exception(attached, nullptr, base::Message::kPythonStart, "the main interpreter could not be prepared");
    PyEval_SaveThread();
    return base::Error{base::Message::kPythonStart, 0, "the main interpreter could not be prepared; its exception is logged"};
  }
  PyEval_SaveThread();
  return base::ok();
}

void Runtime::set_host(const gatehouse_host& host) {
  host_ = &host;
  base::set_log_sink(on_base_log, const_cast<gatehouse_host*>(&host));
}

void Runtime::before_fork() {
  PyEval_RestoreThread(main_state_);
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
  PyOS_AfterFork_Child();
  host_forks_ = false;
  PyEval_SaveThread();
}

void Runtime::application_forked() const {
  if (!host_forks_ && host_->after_application_fork != nullptr) host_->after_application_fork(host_->context);
}

void Runtime::end_thread() { free_thread_states(main_state_); }

void Runtime::stop(std::string_view) {
  interpreters_.for_each([](Interpreter& interpreter) {
    Attach attach(interpreter);
    run_exit_function(attach.attached(), "threading", "_shutdown");
    run_exit_function(attach.attached(), "atexit", "_run_exitfuncs");
    flush_stream(attach.attached(), "stdout");
    flush_stream(attach.attached(), "stderr");
  });
}

}  // namespace python
