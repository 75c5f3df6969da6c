// SPDX-License-Identifier: Apache-2.0
#pragma once

// The supervisor of one process group: keeps a zygote and the wanted number of workers, has new code loaded by a new
// zygote beside them before it takes over, says how each process ended, and sees to it that nothing of the group
// outlives httpd. Stays root if httpd is, therefore runs no Python, opens no file but the kernel's counters, and takes
// nothing that zygote or workers say at its word. One thread; policy.h makes its decisions.

#include <cstdint>
#include <string>
#include <vector>

#include "base/posix.h"
#include "daemon/brood.h"
#include "daemon/death.h"
#include "daemon/deaths.h"
#include "daemon/policy.h"
#include "daemon/queues.h"
#include "daemon/scaling.h"
#include "daemon/signal_pipe.h"
#include "daemon/slots.h"
#include "daemon/workers.h"
#include "wire/group_spec.h"

namespace gatehoused {

// On the control socket, from httpd's parent, after the launch: the configuration was loaded again, this
// generation serves what is left of it. End-of-file: stop.
inline constexpr char kDrain = 'D';
// With a descriptor, the read end of the succession pipe of the supervisor that has the same queue in the new
// configuration: as soon as that can be read, the other serves, and this one leaves. Nobody takes out what is read.
inline constexpr char kHandOver = 'S';

class Supervisor {
 public:
  // control: stream socket to httpd's parent. queues: of the group. succession: a pipe's write end, to tell that this
  // supervisor serves. launch outlives the supervisor.
  static base::Result<Supervisor> create(const wire::Launch& launch, base::UniqueFd control, QueueEnds queues,
                                         base::UniqueFd succession);
  // Returns when every process of the group is gone.
  void run();

 private:
  Supervisor(const wire::Launch& launch, base::UniqueFd control, QueueEnds queues, base::UniqueFd succession,
             SignalPipe signals, SlotTable slots);

  // What arrives.
  void wait_and_handle();
  void on_control();
  void on_successor();
  void on_signals();
  void reap();
  void on_line(std::size_t slot);
  void on_notice(std::size_t slot, const WorkerNotice& notice);
  void on_stale(std::size_t slot, const ScriptChange& change);
  void on_queue(bool hung_up);
  void on_reports(Brood& brood);
  void on_report(Brood& brood, const ZygoteReport& report);
  void on_worker_report(const ZygoteReport& report);
  void on_child_ended(pid_t pid, int status, std::int64_t peak_memory);
  void on_zygote_ended(Brood& brood, int status);
  void on_worker_ended(std::size_t slot, int status, std::int64_t peak_memory);
  void on_worker_leaving(std::size_t slot, const std::string& reason);

  // What is due.
  void act();
  void end(Ending ending);
  void act_on_generations();
  void kill_silent();
  void start_generation();
  void fork_workers(Brood& brood);
  void take_over(Brood& brood);
  void give_up(Brood& brood, const std::string& why);
  void retire(Worker& worker, WorkerOrder::Kind how = WorkerOrder::Kind::kRetire);
  void retire_all(const Brood& brood);
  void relieve();
  void scale();
  void tell_deaths() const;
  void advance(Brood& brood);
  base::Deadline next_act();

  Census census(const Brood& brood) const;
  Brood* serving();
  Brood* coming();  // the one that is to take over, if there is one
  Brood* brood_of(int id);
  bool has_enough(const Brood& brood) const;
  bool refusing();
  const char* group() const { return launch_.spec.name.c_str(); }

  const wire::Launch& launch_;
  base::UniqueFd control_;
  QueueEnds queues_;
  base::UniqueFd succession_;  // until it serves
  base::UniqueFd successor_;   // readable: it serves
  SignalPipe signals_;
  SlotTable slots_;
  Workers workers_;
  std::vector<Brood> broods_;  // of those that are not ending, at most one serves, and one is to come
  Changes changes_;
  Scaling scaling_;
  Micros next_look_{};  // of scaling
  Backoff worker_backoff_, zygote_backoff_;
  OomWatch oom_;
  Deaths deaths_;
  int next_brood_ = 1;
  bool ending_ = false;
  bool queue_ended_ = false;
  bool start_failed_ = false;    // there is nothing that could serve, and the last attempt has failed
  bool preload_unsafe_ = false;  // what is loaded ahead leaves threads or processes running
};

// "was killed by signal 11 (SIGSEGV), core dumped", "exited with status 3".
std::string text_of_wait_status(int status);

}  // namespace gatehoused
