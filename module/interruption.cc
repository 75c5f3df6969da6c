// SPDX-License-Identifier: Apache-2.0
#include "module/interruption.h"

#include <sys/socket.h>

#include "base/mutex.h"

namespace httpd {
namespace {

// One list a process; nothing of it is ever destroyed while threads run.
struct Waiting {
  base::Mutex mutex;
  Interruptible* first GH_GUARDED_BY(mutex) = nullptr;
  bool interrupted GH_GUARDED_BY(mutex) = false;
};

Waiting& waiting() {
  static Waiting& only = *new Waiting;
  return only;
}

}  // namespace

Interruptible::Interruptible(int socket) : socket_(socket) {
  Waiting& all = waiting();
  const base::MutexLock lock(all.mutex);
  next_ = all.first;
  link_ = &all.first;
  all.first = this;
  if (next_ != nullptr) next_->link_ = &next_;
  if (all.interrupted) shutdown(socket_, SHUT_RDWR);
}

Interruptible::~Interruptible() {
  const base::MutexLock lock(waiting().mutex);
  *link_ = next_;
  if (next_ != nullptr) next_->link_ = link_;
}

void interrupt_all() {
  Waiting& all = waiting();
  const base::MutexLock lock(all.mutex);
  all.interrupted = true;
  for (Interruptible* one = all.first; one != nullptr; one = one->next_) shutdown(one->socket_, SHUT_RDWR);
}

bool is_interrupted() {
  Waiting& all = waiting();
  const base::MutexLock lock(all.mutex);
  return all.interrupted;
}

}  // namespace httpd
