// SPDX-License-Identifier: Apache-2.0
#include "python/attach.h"

#include "base/posix.h"
#include "python/interpreter.h"

namespace python {
namespace {

struct Entry {
  Interpreter* interpreter;
  PyThreadState* state;
  Entry* next;
};

constinit thread_local Entry* entries = nullptr;

PyThreadState* state_for(Interpreter& interpreter) {
  for (Entry* entry = entries; entry != nullptr; entry = entry->next)
    if (entry->interpreter == &interpreter) return entry->state;
  PyThreadState* state = PyThreadState_New(interpreter.state());
  if (state == nullptr) Py_FatalError("out of memory for a thread state");
  adopt_thread_state(interpreter, state);
  return state;
}

}  // namespace

Attach::Attach(Interpreter& interpreter, GilWait* wait) { Detach::restore(state_for(interpreter), wait); }

void Detach::restore(PyThreadState* state, GilWait* wait) {
  if (wait == nullptr) return PyEval_RestoreThread(state);
  const base::Micros start = base::now();
  PyEval_RestoreThread(state);
  wait->us += (base::now() - start).count();
  ++wait->count;
}

Attach::~Attach() { PyEval_SaveThread(); }

Interpreter* entered_before(std::string_view name, int member) {
  for (const Entry* entry = entries; entry != nullptr; entry = entry->next)
    if (entry->interpreter->is(name, member)) return entry->interpreter;
  return nullptr;
}

void adopt_thread_state(Interpreter& interpreter, PyThreadState* state) {
  entries = new Entry{&interpreter, state, entries};
}

void free_thread_states(const PyThreadState* keep) {
  for (Entry** link = &entries; *link != nullptr;) {
    Entry* entry = *link;
    if (entry->state == keep) {
      link = &entry->next;
      continue;
    }
    *link = entry->next;
    PyEval_RestoreThread(entry->state);
    PyThreadState_Clear(entry->state);
    PyThreadState_DeleteCurrent();
    delete entry;
  }
}

}  // namespace python
