// SPDX-License-Identifier: Apache-2.0
#pragma once

// A process group that really runs: the test plays httpd. The supervisor runs in a forked child, or is gatehoused
// itself, with the fake engine; what it logs is kept in a file. The destructor checks nothing, but leaves no
// process behind.

#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

#include "base/posix.h"
#include "wire/group_spec.h"
#include "wsgi/engine_abi.h"

// What came back on a request's channel.
struct Reply {
  int status = 0;  // of the response head, else of END; 0: neither came
  std::string body;
  std::string log;
  int outcome = -1;  // of END; -1: none came
  bool declined = false;
  int error = 0;  // errno that ended the channel; 0: end-of-file
};

class RunningGroup {
 public:
  RunningGroup();
  ~RunningGroup();

  wire::Launch launch;  // to be changed before start()
  void start();
  void start_program();  // executes gatehoused
  // Starts it as httpd's parent would, but sends these bytes instead of a launch.
  void start_program_with(std::string_view control_bytes);

  // The file that stands for a behaviour; it is made.
  std::string script_file(std::string_view script);
  // No file stands for it from now on: it cannot be loaded.
  void remove_script(std::string_view script) { removed_.emplace_back(script); }
  // The child's side of a request to the fake engine's behaviour `script`.
  base::UniqueFd send(std::string_view script, std::string_view query = "");
  Reply receive(const base::UniqueFd& channel);
  Reply get(std::string_view script, std::string_view query = "") { return receive(send(script, query)); }

  // What no httpd child sends: an empty message, a short one, and a ticket without a channel.
  void send_garbage();

  void close_control() { control_.reset(); }
  void send_control(char byte);
  void close_queue() { queue_.reset(); }

  pid_t supervisor() const { return supervisor_; }
  pid_t zygote();                      // 0: none
  std::vector<pid_t> workers();        // of the zygote
  std::vector<pid_t> first_workers();  // of the oldest zygote there is
  void await_workers(std::size_t count);
  // The supervisor ends within five seconds: its wait status; -1: it did not.
  int await_end();
  // Every process that ever was below the supervisor is gone, within five seconds.
  bool all_gone();
  std::string log();
  // The text is in the log, within five seconds.
  bool await_log(std::string_view text);

 private:
  template <typename Run>
  void fork_supervisor(Run run);
  void remember_processes();
  std::string directory_, log_file_;
  base::UniqueFd control_, queue_;
  pid_t supervisor_ = 0;
  std::vector<pid_t> seen_;
  std::vector<std::string> removed_;
  std::uint32_t next_request_ = 1;
};

// A field of /proc/PID/status, e.g. "Uid": its value.
std::string process_status(pid_t pid, std::string_view field);
// True as soon as condition() is, false after five seconds.
template <typename Condition>
bool eventually(Condition condition) {
  const base::Deadline deadline = base::Deadline::after(std::chrono::seconds(5));
  while (!condition()) {
    if (deadline.passed()) return false;
    base::wait_for(-1, 0, base::Deadline::after(std::chrono::milliseconds(5)));
  }
  return true;
}
