// SPDX-License-Identifier: Apache-2.0

// The engine's one exported symbol: its table. Each entry turns the host's words into ours; handle() runs one
// request: code, environ, call, blocks, close().

#include "python/cpython.h"

#include <algorithm>
#include <cstring>
#include <string>

#include "base/log.h"
#include "base/posix.h"
#include "python/application.h"
#include "python/call.h"
#include "python/exception.h"
#include "python/forking.h"
#include "python/interpreter.h"
#include "python/interruption.h"
#include "python/metrics.h"
#include "python/request.h"
#include "python/runtime.h"
#include "python/service.h"
#include "python/stacks.h"
#include "python/telemetry.h"
#include "wsgi/engine_abi.h"

namespace python {
namespace {

void fill(gatehouse_error* error, base::Message message, std::string_view what) {
  error->message = static_cast<std::uint32_t>(message);
  const std::size_t size = std::min(what.size(), sizeof error->text - 1);
  std::memcpy(error->text, what.data(), size);
  error->text[size] = '\0';
}

int on_start(const gatehouse_python* python, const gatehouse_host* host, gatehouse_error* error) noexcept {
  const base::Status started = Runtime::start(*python, *host);
  if (started) return 0;
  fill(error, started.error().message, base::text_of(started.error()));
  return -1;
}

void on_before_fork() noexcept { Runtime::get().before_fork(); }
void on_after_fork_parent() noexcept { Runtime::get().after_fork_parent(); }
void on_after_fork_child(const gatehouse_host* host) noexcept { Runtime::get().after_fork_child(*host); }

// 0, or -1: logged, error filled.
int load(Interpreter* interpreter, const gatehouse_target& target, gatehouse_error* error) {
  if (interpreter == nullptr) {
    fill(error, base::Message::kInterpreter, "the interpreter could not be made");
    return -1;
  }
  Attach attach(*interpreter);
  if ((target.flags & GATEHOUSE_SERVICE) != 0 && !handle_service_signals(attach.attached()))
    log_exception(attach.attached(), nullptr, base::Message::kScriptImport, "the signals of a service");
  LookupResult result = interpreter->scripts.find(attach.attached(), *interpreter, target, nullptr);
  base::Message message = base::Message::kScriptImport;
  if (result.lookup == Lookup::kReady) {
    if (target.callable.size == 0) return 0;
    message = base::Message::kCallableMissing;
    if (find_callable(attach.attached(), *interpreter, result.globals, target, nullptr, &result.problem)) return 0;
  }
  fill(error, message, result.problem);
  return -1;
}

int on_load(const gatehouse_target* target, gatehouse_error* error) noexcept {
  const int pool = Runtime::get().settings().pool;
  for (int thread = 0; thread < std::max(pool, 1); ++thread)
    if (load(Runtime::get().interpreters().find(view(target->interpreter), thread), *target, error) != 0) return -1;
  return 0;
}

void on_handle(const gatehouse_request* abi, gatehouse_outcome* outcome) noexcept {
  outcome->result = GATEHOUSE_FAILED;
  outcome->status = 500;
  Interpreter* interpreter = Runtime::get().interpreters().find(view(abi->target->interpreter), abi->thread_id);
  if (interpreter == nullptr) return;
  // While it waits for the GIL, a request cannot ask whether its interpreter has subscribers.
  const bool measured = is_recording();
  GilWait wait;
  const std::int64_t started_us = measured ? base::now().count() : 0;
  Attach attach(*interpreter, measured ? &wait : nullptr);
  Request request(*abi, *interpreter);
  if (measured) request.measure(started_us, wait);
  const Outcome reached = run_request(attach.attached(), request);
  outcome->result = reached.result;
  outcome->status = reached.status;
}

void on_call(const gatehouse_call* abi, gatehouse_outcome* outcome) noexcept {
  *outcome = {sizeof *outcome, GATEHOUSE_FAILED, 500};
  const gatehouse_request& by = *abi->request;
  Interpreter* interpreter = Runtime::get().interpreters().find(view(by.target->interpreter), by.thread_id);
  if (interpreter == nullptr) return;
  Attach attach(*interpreter);
  Request request(by, *interpreter);
  const Outcome reached = run_call(attach.attached(), request, *abi);
  outcome->result = reached.result;
  outcome->status = reached.status;
}

void on_end_thread() noexcept {
  forget_interruptible_thread();
  Runtime::get().end_thread();
}

int on_name_threads(char* into, size_t size) noexcept {
  std::string names;
  const int count = name_threads(Runtime::get().interpreters(), &names);
  const std::size_t length = std::min(names.size(), size - 1);
  std::memcpy(into, names.data(), length);
  into[length] = '\0';
  return count;
}

void on_stop(const char* reason) noexcept { Runtime::get().stop(reason != nullptr ? reason : ""); }
void on_publish_signal(int number) noexcept { Runtime::get().publish_signal(number); }
int on_interrupt(std::uint64_t request) noexcept { return interrupt_request(request) ? 1 : 0; }

void on_probe() noexcept {
  for (Interpreter* interpreter : Runtime::get().interpreters().list()) Attach attach(*interpreter);
}

void on_stacks() noexcept {
  for (Interpreter* interpreter : Runtime::get().interpreters().list()) {
    Attach attach(*interpreter);
    log_stacks(attach.attached(), *interpreter);
  }
}

void on_stacks_of_hung() noexcept { log_stacks_unattached(); }

void on_announce(gatehouse_end end, const char* reason) noexcept {
  Telemetry* telemetry = Telemetry::get();
  if (telemetry == nullptr) return;
  telemetry->stopping(reason);
  if (end == GATEHOUSE_ENDS_NOW) telemetry->stopped();
}

constinit gatehouse_engine_table table = {sizeof(gatehouse_engine_table),
                                          GATEHOUSE_ENGINE_ABI,
                                          nullptr,
                                          on_start,
                                          on_before_fork,
                                          on_after_fork_parent,
                                          on_after_fork_child,
                                          on_load,
                                          on_handle,
                                          on_end_thread,
                                          on_stop,
                                          on_publish_signal,
                                          on_name_threads,
                                          on_call,
                                          on_interrupt,
                                          on_probe,
                                          on_stacks,
                                          on_stacks_of_hung,
                                          on_announce};

}  // namespace
}  // namespace python

extern "C" const gatehouse_engine_table* gatehouse_engine(std::uint32_t abi) {
  if (abi != GATEHOUSE_ENGINE_ABI) return nullptr;
  python::table.python_version = python::python_version();
  return &python::table;
}
