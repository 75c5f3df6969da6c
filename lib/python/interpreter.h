// SPDX-License-Identifier: Apache-2.0
#pragma once

// Interpreters by name: "" is the main one, every other name a sub-interpreter that is made when first asked
// for and never ended (ending one leaks and can hang; new code means a new process). They share the main one's GIL
// unless their settings give them their own.
//
// In a pool every name, also "", stands for several sub-interpreters with a GIL each. A thread is served by one of
// them for good, so that choosing takes no lock and no thread waits for another interpreter's.

#include "python/cpython.h"

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "python/attach.h"
#include "python/environ_dict.h"
#include "python/gil_queue.h"
#include "python/module_state.h"
#include "python/script.h"
#include "wsgi/interpreter_rules.h"

namespace python {

// One interpreter and everything of ours that lives in it. Its Python objects need its GIL.
class Interpreter {
 public:
  // member: which one of its name, from 1 in a pool; 0 outside of it. shares: whose GIL it has; nullptr: its own.
  Interpreter(std::string_view name, int member, wsgi::Lock lock, PyInterpreterState* state, Interpreter* shares)
      : name_(name),
        member_(member),
        lock_(lock),
        state_(state),
        gil_queue_(shares != nullptr ? shares->gil_queue_ : own_gil_queue_) {}
  Interpreter(const Interpreter&) = delete;
  Interpreter& operator=(const Interpreter&) = delete;

  const std::string& name() const { return name_; }
  bool is(std::string_view name, int member) const { return member == member_ && name == name_; }
  wsgi::Lock lock() const { return lock_; }
  PyInterpreterState* state() const { return state_; }
  // Of its GIL.
  GilQueue& gil_queue() { return gil_queue_; }

  // The names of environs. Where there is no GIL each thread that serves in the interpreter has its own: then none
  // waits for another.
  EnvironKeys& environ_keys() {
    if constexpr (kIsFreeThreaded)
      return environ_keys_of_thread(*this);
    else
      return environ_keys_;
  }

  ModuleState objects;
  Scripts scripts;

 private:
  EnvironKeys environ_keys_;
  const std::string name_;
  const int member_;
  const wsgi::Lock lock_;
  PyInterpreterState* const state_;
  GilQueue own_gil_queue_;
  GilQueue& gil_queue_;
};

// All interpreters of the process.
class Interpreters {
 public:
  // Takes the current interpreter, just started, as the main one. False: logged.
  bool add_main(Attached& attached);
  Interpreter& main() const { return *main_; }
  // The interpreter of this name that serves thread thread_id, made if there is none; one is made at a time.
  // Blocks; without the GIL. nullptr: it could not be made; logged.
  Interpreter* find(std::string_view name, int thread = 0) GH_EXCLUDES(mutex_);
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
    for (auto& [key, interpreter] : subs_) use(*interpreter);
    use(*main_);
  }

 private:
  Interpreter* make(std::string_view name, int member);

  std::unique_ptr<Interpreter> main_;
  base::Mutex mutex_;
  base::CondVar made_;
  bool making_ GH_GUARDED_BY(mutex_) = false;
  // By name and member; under mutex_ while requests run.
  std::map<std::pair<std::string, int>, std::unique_ptr<Interpreter>> subs_;
};

}  // namespace python
