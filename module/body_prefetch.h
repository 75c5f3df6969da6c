// SPDX-License-Identifier: Apache-2.0
#pragma once

// What is read of a request's body before the request is sent to a worker: what goes along with its first part
// (docs/wire.md), as bytes or as a file, and what is buffered behind that. Owns the file. Must not outlive the request.
// Thread: the request's own.

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "module/body_buffers.h"
#include "module/brigade.h"
#include "module/config.h"
#include "module/httpd_api.h"
#include "module/spool.h"

namespace httpd {

// How much of a body is read before its request is sent to a worker.
enum class BodyFirst {
  kNothing,  // the client wants to be invited by the application ("Expect: 100-continue")
  kInstant,  // what is there, up to what goes along with the head
  kBegun,    // the same, once there is something
  kBuffer    // all, up to request-buffer-size
};

class BodyPrefetch {
 public:
  // length: of the body, in bytes; -1 unknown.
  BodyPrefetch(request_rec* r, const DaemonGroup& group, std::int64_t length, BodyReader* body)
      : r_(r), group_(group), body_(body), left_(length), has_more_(length != 0) {}

  // Once at most, and not for kNothing. into: the bytes, up to wire::kMaxFirstBody. Blocks, but for kInstant. False:
  // the body cannot be read; the BodyReader says why.
  bool read(BodyFirst first, std::string* into);

  // Goes along behind the bytes.
  bool has_file() const { return file_.length > 0; }
  const Spool::Range& file() const { return file_; }
  bool is_piped() const { return is_piped_; }  // file() is a pipe
  // The body goes on behind bytes and file; before read(): it is not empty.
  bool has_more() const { return has_more_; }
  std::int64_t left() const { return left_; }  // bytes of that, -1 unknown
  // What is buffered of that already; NULL or empty: nothing.
  Spool* spool() { return spool_ ? &*spool_ : nullptr; }

  // No worker reads file() any more: what it is in serves the group's next bodies.
  void give_back();

 private:
  void note_sent(std::size_t size, bool is_end);
  bool buffer_body(std::int64_t most);
  bool is_for_buffer(std::int64_t most) const;
  bool fill_buffer(bool* is_all);
  bool empty_pipe(char* into, std::size_t size);
  bool spool_pipe(std::size_t size);
  ssize_t fill_pipe(std::size_t size, std::size_t* filled);

  request_rec* r_;
  const DaemonGroup& group_;
  BodyReader* body_;
  std::int64_t left_;
  bool has_more_;
  BodyBuffers::Buffer buffer_;
  std::optional<Spool> spool_;
  Spool::Range file_{-1, 0, 0};  // in buffer_ or spool_
  bool is_piped_ = false;
};

}  // namespace httpd
