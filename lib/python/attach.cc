// SPDX-License-Identifier: Apache-2.0
#include "python/attach.h"

#include <limits.h>
#include <pthread.h>

#include <memory>

#include "base/posix.h"
#include "python/interpreter.h"
#include "python/runtime.h"

namespace python {
namespace {

struct Entry {
  Interpreter* interpreter;
  PyThreadState* state;
  Entry* next;
  std::unique_ptr<EnvironKeys> environ_keys;  // made when first asked for
};

constinit thread_local Entry* entries = nullptr;

// The key under which CPython keeps each thread's state for PyGILState_Ensure, as a thread-specific value; -1: it needs
// no help, or was not found. CPython makes another one in the child of a fork. Changed while no other thread runs
// Python.
constinit int extensions_key = -1;

PyThreadState* state_for(Interpreter& interpreter) {
  for (Entry* entry = entries; entry != nullptr; entry = entry->next)
    if (entry->interpreter == &interpreter) return entry->state;
  PyThreadState* state = PyThreadState_New(interpreter.state());
  if (state == nullptr) Py_FatalError("out of memory for a thread state");
  adopt_thread_state(interpreter, state);
  return state;
}

template <typename Wait>
void measure(GilWait* wait, const Wait& do_wait) {
  if (wait == nullptr) return do_wait();
  const base::Micros start = base::now();
  do_wait();
  wait->us += (base::now() - start).count();
  ++wait->count;
}

}  // namespace

void find_state_of_extensions(Attached&) {
  forget_state_of_extensions();
  if (kKnowsAttached) return;
  const PyThreadState* const state = PyThreadState_Get();
  for (int key = 0; key < PTHREAD_KEYS_MAX; ++key)
    if (pthread_getspecific(static_cast<pthread_key_t>(key)) == state) extensions_key = key;
}

void forget_state_of_extensions() { extensions_key = -1; }

void note_attached(PyThreadState* state) {
  if (extensions_key >= 0) pthread_setspecific(static_cast<pthread_key_t>(extensions_key), state);
}

void attach_state(PyThreadState* state) {
  note_attached(state);
  PyEval_RestoreThread(state);
}

Attach::Attach(Interpreter& interpreter, GilWait* wait) {
  PyThreadState* const state = state_for(interpreter);
  measure(wait, [&] {
    // In a process that the application forked, the queue may be what another thread had of it at that moment.
    if (kIsFreeThreaded || Runtime::get().is_application_child()) return attach_state(state);
    interpreter.gil_queue().enter();
    attach_state(state);
    interpreter.gil_queue().leave();
  });
}

// Does not queue: it is in the middle of a request.
Detach::~Detach() {
  measure(wait_, [this] { attach_state(state_); });
}

Attach::~Attach() { PyEval_SaveThread(); }

Interpreter* entered_before(std::string_view name, int member) {
  for (const Entry* entry = entries; entry != nullptr; entry = entry->next)
    if (entry->interpreter->is(name, member)) return entry->interpreter;
  return nullptr;
}

void adopt_thread_state(Interpreter& interpreter, PyThreadState* state) {
  entries = new Entry{&interpreter, state, entries, nullptr};
}

EnvironKeys& environ_keys_of_thread(Interpreter& interpreter) {
  Entry* entry = entries;
  while (entry->interpreter != &interpreter) entry = entry->next;
  if (entry->environ_keys == nullptr) entry->environ_keys = std::make_unique<EnvironKeys>();
  return *entry->environ_keys;
}

void free_thread_states(const PyThreadState* keep) {
  for (Entry** link = &entries; *link != nullptr;) {
    Entry* entry = *link;
    if (entry->state == keep) {
      link = &entry->next;
      continue;
    }
    *link = entry->next;
    attach_state(entry->state);
    entry->environ_keys.reset();
    PyThreadState_Clear(entry->state);
    PyThreadState_DeleteCurrent();
    note_attached(nullptr);
    delete entry;
  }
}

}  // namespace python
