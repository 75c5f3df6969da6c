// SPDX-License-Identifier: Apache-2.0
#include "python/interpreter.h"

#include "base/log.h"
#include "python/exception.h"

namespace python {

bool Interpreters::add_main(Attached& attached) {
  main_ = std::make_unique<Interpreter>("", PyInterpreterState_Get());
  adopt_thread_state(*main_, PyThreadState_Get());
  return main_->objects.set_up(attached);
}

Interpreter* Interpreters::find(std::string_view name) {
  if (Interpreter* known = entered_before(name)) return known;
  if (name.empty()) return main_.get();
  const std::string key(name);
  {
    base::MutexLock lock(mutex_);
    for (;;) {
      if (auto found = subs_.find(key); found != subs_.end()) return found->second.get();
      if (!making_) break;
      made_.wait(mutex_);
    }
    making_ = true;
  }
  Interpreter* made = make(name);
  base::MutexLock lock(mutex_);
  making_ = false;
  if (made != nullptr) subs_.emplace(key, made);
  made_.notify_all();
  return made;
}

std::vector<Interpreter*> Interpreters::list() {
  std::vector<Interpreter*> all;
  base::MutexLock lock(mutex_);
  for (auto& [name, interpreter] : subs_) all.push_back(interpreter.get());
  all.push_back(main_.get());
  return all;
}

Interpreter* Interpreters::make(std::string_view name) {
  Attach attach(*main_);
  PyThreadState* const main_state = PyThreadState_Get();
  PyThreadState* const state = new_interpreter();
  if (state == nullptr) {
    PyErr_Clear();
    base::log(base::Message::kInterpreter, "interpreter '%.*s' could not be made; out of memory, most likely",
              static_cast<int>(name.size()), name.data());
    return nullptr;
  }
  // This first thread state is used here only, and stays: CPython 3.11 cannot add a thread to an interpreter that
  // has none left.
  auto made = std::make_unique<Interpreter>(name, PyThreadState_GetInterpreter(state));
  if (!made->objects.set_up(attach.attached())) {
    log_exception(attach.attached(), nullptr, base::Message::kInterpreter,
                  "interpreter '" + std::string(name) + "' could not be prepared");
    Py_EndInterpreter(state);
    made.reset();
  }
  PyThreadState_Swap(main_state);
  return made.release();
}

}  // namespace python
