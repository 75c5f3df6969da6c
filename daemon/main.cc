// SPDX-License-Identifier: Apache-2.0
//
// gatehoused: executed by httpd's parent, one for each process group and generation, as {"gatehoused",
// "supervise"} with descriptors 1 and 2 = error log, 3 = control, 4 = read end of the queue, 5 = succession, 6 = read
// end of the priority lane if the launch says that there is one, 7 = memory that shows httpd's scoreboard if it has
// server-metrics=On.

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>

#include "base/bytes.h"
#include "base/log.h"
#include "base/posix.h"
#include "daemon/log_filter.h"
#include "daemon/server_view.h"
#include "daemon/supervisor.h"
#include "daemon/title.h"
#include "wire/group_spec.h"

namespace {

constexpr int kControl = 3;
constexpr int kQueue = 4;
constexpr int kSuccession = 5;
constexpr int kPriority = 6;
constexpr int kServer = 7;
constexpr std::uint32_t kMaxLaunch = 4u << 20;

bool is_socket(int fd) {
  int type;
  socklen_t size = sizeof type;
  return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0;
}

bool read_all(int fd, void* into, std::size_t size) {
  char* next = static_cast<char*>(into);
  while (size > 0) {
    const ssize_t got = base::read_some(fd, next, size);
    if (got <= 0) return false;
    next += got;
    size -= static_cast<std::size_t>(got);
  }
  return true;
}

// u32 length, then the encoded launch.
base::Result<wire::Launch> read_launch(int control) {
  std::uint32_t size = 0;
  if (!read_all(control, &size, sizeof size) || size > kMaxLaunch)
    return base::Error{base::Message::kDaemonStart, 0, "httpd sent no launch description"};
  std::string bytes(size, '\0');
  if (!read_all(control, bytes.data(), size))
    return base::Error{base::Message::kDaemonStart, 0, "the launch description ended early"};
  return wire::decode_launch(base::as_bytes(bytes));
}

// httpd may have blocked signals in the thread that started us.
void unblock_signals() {
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
}

int supervise() {
  base::UniqueFd control(kControl);
  gatehoused::QueueEnds queues{base::UniqueFd(kQueue), {}, {}};
  base::UniqueFd succession(kSuccession), server(kServer);
  for (int fd : {kControl, kQueue, kSuccession, kServer}) fcntl(fd, F_SETFD, FD_CLOEXEC);
  const base::Result<wire::Launch> launch = read_launch(control.get());
  if (!launch) {
    base::log(launch.error());
    return 1;
  }
  if (launch->has_priority_lane) {
    queues.priority = base::UniqueFd(kPriority);
    fcntl(kPriority, F_SETFD, FD_CLOEXEC);
  }
  if (launch->spec.server_metrics) gatehoused::map_server_view(std::move(server));
  gatehoused::set_log_level(static_cast<base::Level>(launch->log_level));
  base::Result<gatehoused::Supervisor> supervisor =
      gatehoused::Supervisor::create(launch.value(), std::move(control), std::move(queues), std::move(succession));
  if (!supervisor) {
    base::log(supervisor.error());
    return 1;
  }
  supervisor->run();
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  // execve has set it again: without this any process of the same user could read our memory.
  prctl(PR_SET_DUMPABLE, 0);
  if (argc == 2 && std::strcmp(argv[1], "--version") == 0) {
    std::printf("gatehoused %s\n", GATEHOUSE_VERSION);
    return 0;
  }
  if (argc < 2 || std::strcmp(argv[1], "supervise") != 0 || !is_socket(kControl) || !is_socket(kQueue)) {
    std::fputs("gatehoused: httpd starts this program for WSGIDaemonProcess; it has no use by hand\n", stderr);
    return 2;
  }
  gatehoused::claim_title_area(argc, argv);
  unblock_signals();
  return supervise();
}
