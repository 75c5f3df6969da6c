// SPDX-License-Identifier: Apache-2.0
#pragma once

// The thread on which Python starts and stops in an httpd child: Python's main thread. Requests run on httpd's
// threads. One per process, never destroyed: other threads may still run Python when the process ends.

#include <atomic>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "base/posix.h"
#include "base/result.h"
#include "wire/group_spec.h"
#include "wsgi/engine_abi.h"

namespace httpd {

class PythonThread {
 public:
  // The texts of python must live as long as the process. imports are loaded before any request runs Python; one that
  // fails is logged.
  PythonThread(std::string engine, const gatehouse_python& python, const gatehouse_host& host,
               std::vector<wire::Import> imports)
      : engine_file_(std::move(engine)), python_(python), host_(host), imports_(std::move(imports)) {}

  // Begins to start Python, unless somebody did, and does not wait for it: httpd children begin to serve at once.
  // A failure is logged. Any thread.
  void begin();
  // Begins, and waits for it. NULL when it failed: failure() tells why. Any thread.
  const gatehouse_engine_table* started();
  const base::Error& failure() const { return failure_; }
  // Lets the engine run its exit callbacks; waits until the deadline at most. True when Python is there or on its
  // way: the process must then end by _exit.
  bool stop(base::Deadline deadline);

 private:
  enum class State : std::uint8_t { kIdle, kStarting, kReady, kFailed, kStopping, kStopped };

  static void* on_thread(void* self) noexcept;
  void begin_locked() GH_REQUIRES(mutex_);
  void run();
  base::Status start_engine();
  void load_imports(const gatehouse_engine_table& table);
  void become(State state);

  const std::string engine_file_;
  const gatehouse_python python_;
  const gatehouse_host host_;
  const std::vector<wire::Import> imports_;
  // Set once, when Python is ready: what each request asks costs no lock.
  std::atomic<const gatehouse_engine_table*> table_ = nullptr;
  base::Error failure_{base::Message::kEmbeddedStart, 0, ""};
  base::Mutex mutex_;
  base::CondVar changed_;
  State state_ GH_GUARDED_BY(mutex_) = State::kIdle;
};

}  // namespace httpd
