// SPDX-License-Identifier: Apache-2.0
#pragma once

// Interpreters by name: "" is the main one, every other name a sub-interpreter that is made when first asked
// for and never ended (ending one leaks and can hang; new code means a new process). They share one GIL.

#include "python/cpython.h"

#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/mutex.h"
#include "python/attach.h"
#include "python/environ_dict.h"
#include "python/module_state.h"
#include "python/script.h"

namespace python {

// One interpreter and everything of ours that lives in it. Its Python objects need its GIL.
class Interpreter {
 public:
  Interpreter(std::string_view name, PyInterpreterState* state) : name_(name), state_(state) {}
  Interpreter(const Interpreter&) = delete;
  Interpreter& operator=(const Interpreter&) = delete;

  const std::string& name() const { return name_; }
  PyInterpreterState* state() const { return state_; }

  ModuleState objects;
  EnvironKeys environ_keys;
  Scripts scripts;

 private:
  const std::string name_;
  PyInterpreterState* const state_;
};

// All interpreters of the process.
class Interpreters {
 public:
  // Takes the current interpreter, just started, as the main one. False: logged.
  bool add_main(Attached& attached);
  Interpreter& main() const { return *main_; }
  // Makes the interpreter if there is none of this name; one is made at a time. Blocks; without the GIL.
  // nullptr: it could not be made; logged.
  Interpreter* find(std::string_view name) GH_EXCLUDES(mutex_);
  // Whether there are others than the main one.
  bool has_subs() GH_EXCLUDES(mutex_) {
    base::MutexLock lock(mutex_);
    return !subs_.empty();
  }
  // All there are now, sub-interpreters first. Any thread.
  std::vector<Interpreter*> list() GH_EXCLUDES(mutex_);
  // Calls use(interpreter) for each, sub-interpreters first. Without the GIL, while none is being made.
  template <typename Use>
  void for_each(Use use) {
    for (auto& [name, interpreter] : subs_) use(*interpreter);
    use(*main_);
  }

 private:
  Interpreter* make(std::string_view name);

  std::unique_ptr<Interpreter> main_;
  base::Mutex mutex_;
  base::CondVar made_;
  bool making_ GH_GUARDED_BY(mutex_) = false;
  std::unordered_map<std::string, std::unique_ptr<Interpreter>> subs_;  // under mutex_ while requests run
};

}  // namespace python
