// SPDX-License-Identifier: Apache-2.0
#include "module/write_completion.h"

#include <poll.h>

#include <atomic>

#include "base/posix.h"
#include "module/launch.h"
#include "module/nonblocking_output.h"

namespace httpd {
namespace {

// A client that takes nothing for so long is slow.
constexpr base::Micros kPatience = std::chrono::milliseconds(50);
// For all of a response: longer ones are worth what the MPM's way costs.
constexpr base::Micros kLongest = std::chrono::milliseconds(200);

// One of the process's threads may wait.
class Seat {
 public:
  Seat() : is_free_(taken_.fetch_add(1, std::memory_order_relaxed) < most()) {}
  ~Seat() { taken_.fetch_sub(1, std::memory_order_relaxed); }
  Seat(const Seat&) = delete;
  Seat& operator=(const Seat&) = delete;

  bool is_free() const { return is_free_; }

 private:
  static int most() {
    static const int half = mpm_query(AP_MPMQ_IS_ASYNC, 0) != 0 ? mpm_query(AP_MPMQ_MAX_THREADS, 0) / 2 : 0;
    return half;
  }

  static inline std::atomic<int> taken_ = 0;
  const bool is_free_;
};

}  // namespace

void complete_writing(conn_rec* connection) {
  if (connection->master != nullptr || !NonblockingOutput::is_waiting(connection)) return;
  const Seat seat;
  if (!seat.is_free()) return;
  const base::Deadline end = base::Deadline::after(kLongest);
  const int descriptor = client_descriptor(connection);
  while (base::wait_for(descriptor, POLLOUT, base::Deadline::after(kPatience)) > 0 &&
         NonblockingOutput::go_on(connection) && NonblockingOutput::is_waiting(connection) && !end.passed()) {
  }
}

}  // namespace httpd
