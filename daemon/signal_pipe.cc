// SPDX-License-Identifier: Apache-2.0
#include "daemon/signal_pipe.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>

namespace gatehoused {
namespace {

constexpr std::array kRouted = {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2, SIGXCPU, SIGCHLD};
constinit std::atomic<int> signal_fd = -1;

void on_signal(int number) {
  const int kept = errno;
  const unsigned char byte = static_cast<unsigned char>(number);
  // A full pipe holds what matters: the reader looks at everything when it wakes.
  [[maybe_unused]] const ssize_t written = write(signal_fd.load(std::memory_order_relaxed), &byte, 1);
  errno = kept;
}

}  // namespace

base::Result<SignalPipe> SignalPipe::open(std::initializer_list<int> signals) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) return base::os_error(base::Message::kSystemCall, "pipe failed");
  restore_default_signals();
  signal_fd.store(ends[1], std::memory_order_relaxed);
  for (int number : signals) {
    struct sigaction action {};
    action.sa_handler = on_signal;
    action.sa_flags = SA_RESTART;
    sigaction(number, &action, nullptr);
  }
  return SignalPipe(base::UniqueFd(ends[0]), base::UniqueFd(ends[1]));
}

int SignalPipe::take() {
  unsigned char byte;
  return base::read_some(read_end_.get(), &byte, 1) == 1 ? byte : 0;
}

void restore_default_signals() {
  for (int number : kRouted) signal(number, SIG_DFL);
}

}  // namespace gatehoused
