// SPDX-License-Identifier: Apache-2.0
#pragma once

// A response on its way to a client that may be slower than the application: it goes straight on as long as the client
// keeps up, and waits in a spool while it does not, so that the worker is not held up. Thread: the request's own.

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
  // False: the worker must wait, until offer() has made room.
  bool has_room() const { return !is_behind_ || spool_.has_room(kBlock); }

  // Nothing is added any more: hands all of it to httpd, which waits for the client.
  bool flush();  // False: as offer()
  int finish();  // ends the response as well; the handler's result

 private:
  bool give(base::Result<Spool::Piece> taken);
  bool lose(const base::Error& error);
  bool hand_over();
  void tell_trouble();

  request_rec* r_;
  ResponseWriter* writer_;
  Spool spool_;
  bool is_behind_ = false;
  bool has_moved_ = true;
};

}  // namespace httpd
