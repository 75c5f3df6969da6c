// SPDX-License-Identifier: Apache-2.0
#pragma once

// A response on its way to a client that may be slower than the application: it goes straight on as long as the client
// keeps up, and waits in a spool while it does not, so that the worker is not held up. A client that takes kQuick in
// each kPatience is quick: what is read ahead for it by more than kAhead would only have left the processor's caches
// before it is sent, or have gone through a file, so the worker waits for it. Thread: the request's own.

#include <cstddef>
#include <string_view>

#include "module/brigade.h"
#include "module/spool.h"

namespace httpd {

class Delivery {
 public:
  Delivery(request_rec* r, ResponseWriter* writer, const SpoolLimits& limits);

  // One block of the worker's, of at most so many bytes.
  static constexpr std::size_t kBlock = Spool::kPiece;

  void add(std::string_view bytes);  // takes a copy
  void add_block(Block data, std::size_t size);
  // While it is not behind: add() and offer(), but only what the client does not take is copied.
  bool pass(std::string_view bytes);
  // False: no descriptor was free.
  bool add_file(base::UniqueFd fd, std::int64_t offset, std::int64_t length);

  // Enough was added for a pass through httpd's filters.
  bool is_worth_a_pass() const { return !is_behind_ && writer_->buffered() >= kBlock; }
  // Hands the client what it takes without waiting, flushed. False: the client is gone, or the response was cut off.
  bool offer();
  // The client has not taken all of it: call offer() when its socket is writable, a stream's from time to time.
  bool is_behind() const { return is_behind_; }
  // Did the last offer() find that the client had taken something?
  bool has_moved() const { return has_moved_; }
  // False: the worker must wait, until offer() has made room or the client turns out to be slow.
  bool has_room() const { return !is_behind_ || is_little() || (slow_at_.passed() && spool_.has_room(kBlock)); }
  // When it does, if it takes nothing more until then.
  base::Deadline slow_at() const { return slow_at_; }

  // Nothing is added any more: hands all of it to httpd, which waits for the client.
  bool flush();  // False: as offer()
  int finish();  // ends the response as well; the handler's result

 private:
  static constexpr std::size_t kAhead = 2 * kBlock;
  static constexpr std::size_t kQuick = 1u << 20;
  static constexpr base::Micros kPatience = std::chrono::milliseconds(100);

  bool is_little() const { return spool_.in_memory() < kAhead && spool_.has_memory(kBlock); }
  bool give(base::Result<Spool::Piece> taken);
  void note_taken(std::size_t before);
  bool lose(const base::Error& error);
  bool hand_over();
  void tell_trouble();

  request_rec* r_;
  ResponseWriter* writer_;
  Spool spool_;
  bool is_behind_ = false;
  bool has_moved_ = true;
  std::size_t quickly_taken_ = 0;  // since slow_at_ was set
  base::Deadline slow_at_ = base::Deadline::never();
};

}  // namespace httpd
