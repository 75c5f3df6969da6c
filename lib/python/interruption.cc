// SPDX-License-Identifier: Apache-2.0
#include "python/interruption.h"

#include <sched.h>

#include <atomic>
#include <string>

#include "base/mutex.h"
#include "python/exception.h"
#include "python/interpreter.h"
#include "python/ref.h"
#include "python/runtime.h"
#include "python/stacks.h"

namespace python {
namespace {

enum class State { kClosed, kOpen, kBeing, kDone };

// One thread that runs requests. number and interpreter are those of the request it runs; 0: none.
struct Record {
  std::atomic<std::uint64_t> number = 0;
  std::atomic<Interpreter*> interpreter = nullptr;
  std::atomic<State> state = State::kClosed;
  unsigned long ident = 0;
  Record* next = nullptr;
};

constinit base::Mutex mutex;
constinit Record* records GH_GUARDED_BY(mutex) = nullptr;
constinit thread_local Record* own = nullptr;

Record& record_of_this_thread() {
  if (own != nullptr) return *own;
  own = new Record;
  own->ident = PyThread_get_thread_ident();
  base::MutexLock lock(mutex);
  own->next = records;
  records = own;
  return *own;
}

Record* find(std::uint64_t number) GH_REQUIRES(mutex) {
  for (Record* record = records; record != nullptr; record = record->next)
    if (record->number.load(std::memory_order_acquire) == number) return record;
  return nullptr;
}

Interpreter* interpreter_of(std::uint64_t number) {
  base::MutexLock lock(mutex);
  const Record* record = find(number);
  return record != nullptr ? record->interpreter.load(std::memory_order_relaxed) : nullptr;
}

// From here on until the state is another one the request's thread does not leave its scope.
Record* seize(std::uint64_t number) {
  base::MutexLock lock(mutex);
  Record* record = find(number);
  State open = State::kOpen;
  if (record == nullptr || !record->state.compare_exchange_strong(open, State::kBeing)) return nullptr;
  // Without a GIL the thread may have gone on to another request since it was found.
  if (record->number.load() == number) return record;
  record->state.store(State::kOpen);
  return nullptr;
}

}  // namespace

Interruptible::Interruptible(Attached& attached, Interpreter& interpreter, std::uint64_t number) : attached_(attached) {
  if (number == 0) return;
  Record& record = record_of_this_thread();
  record.interpreter.store(&interpreter, std::memory_order_relaxed);
  record.state.store(State::kOpen, std::memory_order_release);
  record.number.store(number, std::memory_order_release);
}

Interruptible::~Interruptible() {
  if (own == nullptr || own->number.load(std::memory_order_relaxed) == 0) return;
  own->number.store(0, std::memory_order_relaxed);
  State state = State::kOpen;
  if (own->state.compare_exchange_strong(state, State::kClosed)) return;
  // Whoever interrupts is just reading the stack, which may give the GIL up, or has taken this for an earlier request.
  while (own->state.load() == State::kBeing) {
    Detach detach(attached_);
    sched_yield();
  }
  PyThreadState_SetAsyncExc(own->ident, nullptr);
  own->state.store(State::kClosed);
}

bool interrupt_request(std::uint64_t number) {
  Interpreter* const interpreter = number != 0 ? interpreter_of(number) : nullptr;
  if (interpreter == nullptr) return false;
  Attach attach(*interpreter);
  // Waiting for the GIL may have taken long. Numbers are never used again.
  Record* const record = seize(number);
  if (record == nullptr) return false;
  // Without a GIL the thread runs on, and its frames with it; the exception's traceback tells where it was.
  if (!Runtime::get().settings().free_threading) log_stack_of(attach.attached(), *interpreter, record->ident);
  PyThreadState_SetAsyncExc(record->ident, interpreter->objects.request_timeout_type.get());
  record->state.store(State::kDone);
  return true;
}

void forget_interruptible_thread() {
  if (own == nullptr) return;
  {
    base::MutexLock lock(mutex);
    for (Record** link = &records; *link != nullptr; link = &(*link)->next) {
      if (*link != own) continue;
      *link = own->next;
      break;
    }
  }
  delete own;
  own = nullptr;
}

}  // namespace python
