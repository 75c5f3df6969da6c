// SPDX-License-Identifier: Apache-2.0
#include "module/python_thread.h"

#include "base/log.h"
#include "wsgi/engine_loader.h"

namespace httpd {

void PythonThread::begin() {
  const base::MutexLock lock(mutex_);
  begin_locked();
}

void PythonThread::begin_locked() {
  if (state_ != State::kIdle) return;
  state_ = State::kStarting;
  // httpd's own signals go to httpd's threads.
  if (const int error = base::start_thread(on_thread, this); error != 0) {
    failure_ = {base::Message::kEmbeddedStart, error, "no thread could be made for Python"};
    state_ = State::kFailed;
  }
}

const gatehouse_engine_table* PythonThread::started() {
  if (const gatehouse_engine_table* table = table_.load(std::memory_order_acquire); table != nullptr) return table;
  const base::MutexLock lock(mutex_);
  begin_locked();
  while (state_ == State::kStarting) changed_.wait(mutex_);
  return table_.load(std::memory_order_acquire);
}

bool PythonThread::stop(base::Deadline deadline) {
  const base::MutexLock lock(mutex_);
  if (state_ == State::kStarting) return true;  // no application code has run
  if (state_ != State::kReady) return false;
  state_ = State::kStopping;
  changed_.notify_all();
  while (state_ != State::kStopped && !deadline.passed()) changed_.wait(mutex_, deadline);
  return true;
}

void* PythonThread::on_thread(void* self) noexcept {
  static_cast<PythonThread*>(self)->run();
  return nullptr;
}

void PythonThread::run() {
  if (const base::Status started = start_engine(); !started) {
    failure_ = started.error();
    base::log(base::Message::kEmbeddedStart, "embedded applications have no Python in this process: %s",
              failure_.what.c_str());
    become(State::kFailed);
    return;
  }
  become(State::kReady);
  {
    base::MutexLock lock(mutex_);
    while (state_ != State::kStopping) changed_.wait(mutex_);
  }
  table_.load(std::memory_order_acquire)->stop("");
  become(State::kStopped);
}

base::Status PythonThread::start_engine() {
  const base::Result<const gatehouse_engine_table*> table = wsgi::open_engine(engine_file_);
  if (!table) return table.error();
  gatehouse_error error{};
  error.size = sizeof error;
  if (table.value()->start(&python_, &host_, &error) != 0)
    return base::Error{base::Message::kEmbeddedStart, 0, std::string("Python could not be started: ") + error.text};
  base::log(base::Message::kEmbeddedStarted, "Python %s was started for embedded applications",
            table.value()->python_version);
  load_imports(*table.value());
  table_.store(table.value(), std::memory_order_release);
  return base::ok();
}

void PythonThread::load_imports(const gatehouse_engine_table& table) {
  const auto text = [](const std::string& string) { return gatehouse_text{string.data(), string.size()}; };
  for (const wire::Import& import : imports_) {
    gatehouse_target target{};
    target.size = sizeof target;
    target.script = text(import.script);
    target.interpreter = text(import.interpreter);
    target.application_group = text(import.application_group);
    gatehouse_error error{};
    error.size = sizeof error;
    table.load(&target, &error);
  }
}

void PythonThread::become(State state) {
  base::MutexLock lock(mutex_);
  state_ = state;
  changed_.notify_all();
}

}  // namespace httpd
