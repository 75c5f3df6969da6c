// SPDX-License-Identifier: Apache-2.0
#pragma once

// Where threads wait before they wait for a GIL. Those who wait for a GIL itself wake every few milliseconds to ask for
// it, and a thread that was asked waits until another has got it: with many of them most switches are in vain. With a
// single one it would stay free until that one runs, so there are a few. Whoever has the GIL never comes here: nobody
// waits for a thread that waits for him. Any thread.

#include <semaphore.h>

#include <cerrno>

namespace python {

class GilQueue {
 public:
  GilQueue() { sem_init(&places_, 0, kFew); }
  ~GilQueue() { sem_destroy(&places_); }
  GilQueue(const GilQueue&) = delete;
  GilQueue& operator=(const GilQueue&) = delete;

  // Blocks while a few others wait for the GIL.
  void enter() {
    while (sem_wait(&places_) != 0 && errno == EINTR) continue;
  }
  // The caller has got it.
  void leave() { sem_post(&places_); }

 private:
  static constexpr unsigned kFew = 2;

  sem_t places_;
};

}  // namespace python
