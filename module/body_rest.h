// SPDX-License-Identifier: Apache-2.0
#pragma once

// What a worker gets of a request's body behind the first part (docs/wire.md), as frames: what is buffered of it, then
// what the client sends. Must not outlive the BodyReader and the spool. Thread: the request's own.

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "base/posix.h"
#include "module/brigade.h"
#include "module/spool.h"

namespace httpd {

class BodyRest {
 public:
  enum class Got {
    kFrames,
    kNothing,  // the client has sent nothing meanwhile
    kFailed    // the BodyReader says why
  };

  // body: the client's. spool: what is buffered of it; NULL or empty: nothing. left: bytes of both, -1 unknown.
  // is_held: there is a rest. request: its id. patience: how long a client may send nothing while the worker wants
  // more.
  BodyRest(BodyReader* body, Spool* spool, std::int64_t left, bool is_held, std::uint32_t request,
           base::Micros patience)
      : body_(body), spool_(spool), left_(left), request_(request), patience_(patience), is_held_(is_held) {}

  // The worker has not got all of it.
  bool is_held() const { return is_held_; }
  // And has asked for the rest, which it does once.
  bool is_wanted() const { return is_wanted_; }
  void ask() { is_wanted_ = is_held_; }
  void drop() { is_wanted_ = false; }  // nobody reads it any more
  // The next of it is here and needs no client.
  bool is_buffered() const { return spool_ != nullptr && !spool_->is_empty(); }

  // Takes what there is, without waiting, and the end. frames: valid until the next call.
  Got next(std::string_view* frames);
  // When next() fails for a client that sends nothing.
  base::Deadline deadline() const { return deadline_; }

 private:
  ssize_t read(char* into);
  std::string_view frame(std::size_t size);

  BodyReader* body_;
  Spool* spool_;
  std::int64_t left_;
  std::uint32_t request_;
  base::Micros patience_;
  bool is_held_;
  bool is_wanted_ = false;
  std::unique_ptr<char[]> buffer_;  // room for a header, a block, and the header of the end
  base::Deadline deadline_ = base::Deadline::never();
};

}  // namespace httpd
