// SPDX-License-Identifier: Apache-2.0
#include "python/interpreter.h"

#include "base/log.h"
#include "python/exception.h"
#include "python/extension_loading.h"
#include "python/runtime.h"

namespace python {
namespace {

using base::Message;

wsgi::InterpreterSettings settings_of(std::string_view name) {
  const Settings& settings = Runtime::get().settings();
  return wsgi::settings_for(settings.rules, settings.process_group, name);
}

// What the configuration wants and this Python cannot do, for an interpreter that shares the main one's GIL.
void leave_out_switch_interval(std::string_view name, wsgi::InterpreterSettings* settings) {
  if (settings->switch_interval_us != 0 && settings->switch_interval_of_one_group)
    base::log(Message::kSwitchInterval,
              "WSGISwitchInterval of application group '%.*s' has no effect: its interpreter shares the lock of the "
              "main one; give it its own with WSGIPerInterpreterGIL On, or set the interval of the process group",
              static_cast<int>(name.size()), name.data());
  settings->switch_interval_us = 0;
}

Gil gil_of(std::string_view name, const wsgi::InterpreterSettings& settings) {
  if (Runtime::get().settings().free_threading) {
    if (settings.own_gil)
      base::log(Message::kOwnGil,
                "WSGIPerInterpreterGIL of application group '%.*s' has no effect: there is no lock with "
                "WSGIFreeThreading On",
                static_cast<int>(name.size()), name.data());
    return Gil::kShared;
  }
  if (settings.own_gil && !kHasOwnGil)
    base::log(Message::kOwnGil,
              "WSGIPerInterpreterGIL of application group '%.*s' has no effect: Python %s cannot do it; choose 3.12 or "
              "newer with python= or WSGIPython",
              static_cast<int>(name.size()), name.data(), PY_VERSION);
  return settings.own_gil && kHasOwnGil ? Gil::kOwn : Gil::kShared;
}

}  // namespace

bool Interpreters::add_main(Attached& attached) {
  main_ = std::make_unique<Interpreter>("", 0, wsgi::Lock::kShared, PyInterpreterState_Get(), nullptr);
  adopt_thread_state(*main_, PyThreadState_Get());
  return main_->objects.set_up(attached, settings_of(""));
}

Interpreter* Interpreters::find(std::string_view name, int thread) {
  const int pool = Runtime::get().settings().pool;
  const int member = pool > 0 ? thread % pool + 1 : 0;
  if (Interpreter* known = entered_before(name, member)) return known;
  if (name.empty() && member == 0) return main_.get();
  const std::pair<std::string, int> key(name, member);
  {
    base::MutexLock lock(mutex_);
    for (;;) {
      if (auto found = subs_.find(key); found != subs_.end()) return found->second.get();
      if (!making_) break;
      made_.wait(mutex_);
    }
    making_ = true;
  }
  Interpreter* made = make(name, member);
  base::MutexLock lock(mutex_);
  making_ = false;
  if (made != nullptr) subs_.emplace(key, made);
  made_.notify_all();
  return made;
}

std::vector<Interpreter*> Interpreters::list() {
  std::vector<Interpreter*> all;
  base::MutexLock lock(mutex_);
  for (auto& [key, interpreter] : subs_) all.push_back(interpreter.get());
  all.push_back(main_.get());
  return all;
}

Interpreter* Interpreters::make(std::string_view name, int member) {
  wsgi::InterpreterSettings settings = settings_of(name);
  if (member > 0) settings.own_gil = true;
  const Gil gil = gil_of(name, settings);
  if (gil == Gil::kShared) leave_out_switch_interval(name, &settings);

  Attach attach(*main_);
  PyThreadState* const main_state = PyThreadState_Get();
  PyThreadState* const state = new_interpreter(gil);
  if (state == nullptr) {
    PyErr_Clear();
    base::log(Message::kInterpreter, "interpreter '%.*s' could not be made; out of memory, most likely",
              static_cast<int>(name.size()), name.data());
    return nullptr;
  }
  note_attached(state);
  // This first thread state is used here only, and stays: CPython 3.11 cannot add a thread to an interpreter that
  // has none left.
  const wsgi::Lock lock = gil == Gil::kShared ? wsgi::Lock::kShared
                          : member > 0        ? wsgi::Lock::kOfPool
                                              : wsgi::Lock::kOwn;
  auto made = std::make_unique<Interpreter>(name, member, lock, PyThreadState_GetInterpreter(state),
                                            gil == Gil::kShared ? main_.get() : nullptr);
  if ((gil == Gil::kOwn && !load_extensions_in_main_first(attach.attached())) ||
      !made->objects.set_up(attach.attached(), settings)) {
    log_exception(attach.attached(), nullptr, Message::kInterpreter,
                  "interpreter '" + std::string(name) + "' could not be prepared");
    Py_EndInterpreter(state);
    made.reset();
  } else {
    PyEval_SaveThread();
  }
  // Not PyThreadState_Swap(): the two may have a GIL each.
  attach_state(main_state);
  return made.release();
}

}  // namespace python
