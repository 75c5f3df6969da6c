// SPDX-License-Identifier: Apache-2.0
#pragma once

// The response of one request: takes what start_response, write() and the result give, checks it by PEP 3333 and
// the header rules, and passes it to the host. Headers are not copied: the host gets views of the str
// objects' own memory, which the Response keeps alive.

#include "python/cpython.h"

#include <atomic>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "python/attach.h"
#include "python/ref.h"
#include "wsgi/engine_abi.h"
#include "wsgi/header_rules.h"
#include "wsgi/response_state.h"

namespace python {

class Request;

// Name/value views in one block: on the stack for the usual number of headers.
class HeaderList {
 public:
  // Forgets what is there and makes room for count pairs and one more.
  void reset(std::size_t count);
  void add(std::string_view name, std::string_view value);
  std::span<const gatehouse_pair> pairs() const { return {data_, size_}; }

 private:
  static constexpr std::size_t kInline = 32;
  gatehouse_pair inline_[kInline];
  std::vector<gatehouse_pair> more_;
  gatehouse_pair* data_ = inline_;
  std::size_t size_ = 0;
};

class Response {
 public:
  explicit Response(Request& request) : request_(request) {}
  Response(const Response&) = delete;
  Response& operator=(const Response&) = delete;

  // start_response(status, headers, exc_info). False: an exception is pending, and nothing has changed.
  bool start(Attached& attached, Borrowed status, Borrowed headers, Borrowed exc_info);

  // The following send; each takes the turn, gives the GIL up where the host may block, and returns false when an
  // exception is pending or the client is gone (gone() tells).
  //
  // One block with FLUSH: it is on its way before the application goes on. Commits first, also for an empty block.
  bool write(Attached& attached, std::string_view block);
  // All blocks of a result that was complete when it was returned: gives the response its Content-Length when
  // the application gave none.
  bool send_all(Attached& attached, std::span<const gatehouse_text> blocks);
  // length bytes of a regular file from offset, as the whole body.
  bool send_file(Attached& attached, int fd, std::int64_t offset, std::int64_t length);
  // An interim response (103) with the headers of this list. False: an exception is pending, or the client is gone.
  bool send_hints(Attached& attached, Borrowed headers);
  // The end without a block: the head goes out now at the latest.
  bool finish(Attached& attached);

  const wsgi::ResponseState& state() const { return state_; }
  bool gone() const { return gone_; }
  Request& request() const { return request_; }
  bool committed() const { return state_.phase() == wsgi::ResponseState::Phase::kCommitted; }

 private:
  bool may_send();
  bool commit();
  void set_content_length(std::int64_t length);
  void count_block(std::size_t size);
  bool pass(Attached& attached, std::span<const gatehouse_text> pieces, gatehouse_send how);

  Request& request_;
  wsgi::ResponseState state_;
  Ref status_text_;
  Ref header_tuple_;  // keeps the header str objects alive
  wsgi::StatusLine status_;
  HeaderList headers_;
  char length_digits_[20];
  std::atomic<bool> gone_ = false;  // read without the turn
};

}  // namespace python
