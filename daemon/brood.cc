// SPDX-License-Identifier: Apache-2.0
#include "daemon/brood.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <span>

namespace gatehoused {

base::Result<Brood> Brood::hatch(ZygoteInheritance inheritance, LoadPlan plan, int id) {
  base::Result<std::pair<base::UniqueFd, base::UniqueFd>> command = base::socket_pair(SOCK_SEQPACKET);
  if (!command) return command.error();
  int leash[2];
  if (pipe2(leash, O_CLOEXEC) != 0) return base::os_error(base::Message::kSystemCall, "pipe failed");
  const base::UniqueFd read_end(leash[0]);

  Brood brood;
  brood.id_ = id;
  brood.leash_ = base::UniqueFd(leash[1]);
  brood.command_ = std::move(command->first);
  brood.started_ = base::now();
  brood.plan_ = std::make_unique<const LoadPlan>(std::move(plan));

  inheritance.command = command->second.get();
  inheritance.leash = read_end.get();
  inheritance.supervisor = getpid();
  inheritance.plan = brood.plan_.get();
  brood.zygote_ = fork();
  if (brood.zygote_ < 0) return base::os_error(base::Message::kForkFailed, "the zygote could not be forked");
  if (brood.zygote_ == 0) run_zygote(inheritance);
  return brood;
}

bool Brood::order_fork(std::size_t slot, int line) {
  const ForkOrder order{static_cast<std::uint32_t>(slot)};
  return base::send_with_fd(command_.get(), std::as_bytes(std::span(&order, 1)), line, MSG_DONTWAIT) == sizeof order;
}

void Brood::deafen() {
  if (!zygote_reaped_) kill(zygote_, SIGKILL);
  command_.reset();
}

void Brood::release(base::Deadline at) {
  ending = true;
  leash_.reset();
  if (at.when() < kill_at.when()) kill_at = at;
}

void Brood::kill_all() const {
  if (!zygote_reaped_) kill(zygote_, SIGKILL);
  siginfo_t child{};
  const bool pinned =
      !zygote_reaped_ || waitid(P_PGID, static_cast<id_t>(zygote_), &child, WEXITED | WNOHANG | WNOWAIT) == 0;
  if (pinned) kill(-zygote_, SIGKILL);
}

// The descriptor first: whoever gets the number later is not whom it stands for.
void kill_member(pid_t group, pid_t pid) {
  // By number: glibc 2.36 declares the functions without C linkage.
  const base::UniqueFd process(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  if (process.valid() && getpgid(pid) == group) syscall(SYS_pidfd_send_signal, process.get(), SIGKILL, nullptr, 0);
}

}  // namespace gatehoused
