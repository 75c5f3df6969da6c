// SPDX-License-Identifier: Apache-2.0
#pragma once

// Signals as bytes in a pipe: the handler writes the signal's number and does nothing else. Signals are not
// blocked instead, because a blocked mask would be inherited by every program that an application starts.
// One per process; a forked child opens its own.

#include <initializer_list>

#include "base/posix.h"
#include "base/result.h"

namespace gatehoused {

class SignalPipe {
 public:
  // Routes the signals to a new pipe; replaces the pipe of the parent after a fork. Every other signal that a
  // pipe of ours has carried before gets its default action back.
  static base::Result<SignalPipe> open(std::initializer_list<int> signals);
  // Readable when take() has something.
  int fd() const { return read_end_.get(); }
  // The next signal that has arrived, 0 for none. Does not block.
  int take();

 private:
  SignalPipe(base::UniqueFd read_end, base::UniqueFd write_end)
      : read_end_(std::move(read_end)), write_end_(std::move(write_end)) {}
  base::UniqueFd read_end_;
  base::UniqueFd write_end_;
};

// In a process that an application forked: default actions again, the pipe is the worker's. Async-signal-safe.
void restore_default_signals();

}  // namespace gatehoused
