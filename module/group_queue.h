// SPDX-License-Identifier: Apache-2.0
#pragma once

// A process group's queue as httpd sees it: sockets whose send buffers are the room for tickets that wait. The kernel
// counts them, for all httpd children at once, and takes no ticket too many.

#include <cstddef>
#include <cstdint>

namespace httpd {

// Write ends; owned by daemon_spawn, valid in parent and children.
struct GroupQueue {
  int normal = -1;
  int priority = -1;     // -1: the configuration has no priority lane
  bool is_tiny = false;  // the kernel's smallest buffer has more room: is_full() is to be asked before each ticket
};

// Makes room for so many tickets in a socket that was not used yet, or that is to go on with another size. False: less
// than the smallest buffer was wanted, so the kernel lets more tickets in. Main thread of the parent.
bool limit_queue(int write_end, std::int64_t tickets);

// How many tickets wait in it now.
std::size_t tickets_in(int write_end);

}  // namespace httpd
