// SPDX-License-Identifier: Apache-2.0
#pragma once

// One request over two descriptors: the body comes from one, a CGI response (RFC 3875 6) goes to the other. The
// host's callbacks of wsgi/engine_abi.h. Thread: the one that calls the engine.

#include <cstdint>
#include <string>
#include <string_view>

#include "base/posix.h"
#include "wsgi/engine_abi.h"

namespace cgi {

class Exchange {
 public:
  // content_length: of the request body; -1: up to end-of-file. The descriptors stay the caller's.
  Exchange(int body, int reply, std::int64_t content_length) : body_(body), reply_(reply), left_(content_length) {}

  // For gatehouse_request, with this object as context.
  static const gatehouse_request_calls& calls();

  // Sends what is still buffered. False: the server does not listen any more.
  bool flush();
  // Reads what is left of the request body and forgets it: mod_cgid gives a script one socket for both ways, and
  // closing a socket with unread input takes away what the other end has not read yet.
  void discard_body();
  // A whole response of status and a short text. Only when no head was sent.
  void send_failure(std::uint32_t status);

 private:
  static std::int64_t on_read_body(void* request, void* into, std::size_t size) noexcept;
  static const char* on_read_error(void* request) noexcept;
  static gatehouse_io on_send_head(void* request, const gatehouse_response_head* head) noexcept;
  static gatehouse_io on_send_body(void* request, const gatehouse_text* pieces, std::size_t count,
                                   gatehouse_send how) noexcept;
  static void on_log(void* request, gatehouse_level level, gatehouse_text line, const gatehouse_place* place) noexcept;

  std::int64_t read_body(void* into, std::size_t size);
  void add_head(const gatehouse_response_head& head);

  int body_;
  int reply_;
  std::int64_t left_;
  const char* read_error_ = "";
  std::string buffer_;
};

// "1234" as a number; empty or no number at all: 0 with valid false. RFC 3875 4.1.2: absent means no body.
std::int64_t parse_content_length(std::string_view value, bool* valid);

// The lines of this program, in httpd's format, from level notice on: mod_cgid copies them as they are.
void on_log_line(void* context, gatehouse_level level, gatehouse_text line, const gatehouse_place* place);

}  // namespace cgi
