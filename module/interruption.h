// SPDX-License-Identifier: Apache-2.0
#pragma once

// Lets an httpd child that must end at once end at once: its threads may wait for workers, and httpd closes only the
// sockets that it knows. A waiting thread registers its descriptor; interrupt_all shuts all of them down, so that
// poll and read return. Any thread.

namespace httpd {

// Registers a socket while it is in scope. The socket must outlive it.
class Interruptible {
 public:
  explicit Interruptible(int socket);
  ~Interruptible();
  Interruptible(const Interruptible&) = delete;
  Interruptible& operator=(const Interruptible&) = delete;

 private:
  friend void interrupt_all();
  const int socket_;
  Interruptible* next_ = nullptr;
  Interruptible** link_ = nullptr;  // what points to this one
};

// From now on every registered socket is shut down, also those registered later.
void interrupt_all();
bool is_interrupted();

}  // namespace httpd
