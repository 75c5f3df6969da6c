// SPDX-License-Identifier: Apache-2.0
#pragma once

// Input and output on one end of a private channel: never a SIGPIPE, never an unbounded wait. Thread: the one
// that serves the request.

#include <sys/types.h>
#include <sys/uio.h>

#include <cstddef>
#include <span>

#include "base/posix.h"

namespace wire {

enum class Sent {
  kAll,
  kGone,    // the peer has closed its end, or the channel failed: errno says how
  kTimeout  // the peer took nothing for as long as the timeout
};

// Sends all pieces in their order, waiting for room; each bit of progress starts the timeout again. Uses the
// pieces up.
Sent send_all(int channel, std::span<iovec> pieces, base::Micros timeout);
Sent send_all(int channel, std::span<const std::byte> bytes, base::Micros timeout);

// Sends what fits without waiting. Bytes sent, 0 when nothing fits, -1 with errno when the peer is gone.
ssize_t send_now(int channel, std::span<const std::byte> bytes);

// Sends bytes, few enough for one kernel buffer (kOneBuffer), with a descriptor attached. Waits for room. errno
// after kGone is ETOOMANYREFS when too many descriptors of this user are in flight: nothing was sent.
inline constexpr std::size_t kOneBuffer = 16u << 10;
Sent send_descriptor(int channel, std::span<const std::byte> bytes, int fd, base::Micros timeout);

// Receives into the pieces in their order, waiting for the first byte up to the timeout. flags: MSG_PEEK or 0.
// Bytes, 0 at end of file, -1 with errno (ETIMEDOUT after the timeout). Descriptors that arrive are dropped.
ssize_t receive(int channel, std::span<iovec> pieces, int flags, base::Micros timeout);

// Limits how long base::receive_with_fd without MSG_DONTWAIT waits (EAGAIN then). All others here have timeouts of
// their own.
void limit_wait(int channel, base::Micros limit);

// What is in the channel now, left in it. Bytes, 0 at end of file, -1 with errno (EAGAIN: nothing).
ssize_t peek_now(int channel, std::span<std::byte> into);

// Does the peer still have to read some of what was sent to it? A peek is no read.
bool has_unread(int channel);

// While it lives, poll finds the channel writable (POLLOUT) only once the peer has read what was sent, or nearly all of
// it: has_unread() tells. Nothing is to be sent meanwhile.
class ReadSignal {
 public:
  explicit ReadSignal(int channel);
  ~ReadSignal();
  ReadSignal(const ReadSignal&) = delete;
  ReadSignal& operator=(const ReadSignal&) = delete;

 private:
  const int channel_;
  int size_ = 0;  // of the send buffer before
};

}  // namespace wire
