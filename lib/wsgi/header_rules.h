// SPDX-License-Identifier: Apache-2.0
#pragma once

// What an application may put into a status line and into headers: RFC 9110 5.1/5.5/15, PEP 3333
// "Unicode Issues" and "The start_response() Callable". Pure, no allocation on the good path. Fuzzed.

#include <cstdint>
#include <string>
#include <string_view>

namespace wsgi {

// Why a piece was refused; empty message = accepted. The message names the rule and the place, escaped
// and short, e.g. "header 3 'X-A': value has a line feed at byte 7".
struct Refusal {
  std::string message;
  explicit operator bool() const { return !message.empty(); }
};

struct StatusLine {
  std::uint32_t code = 0;
  std::string_view reason;  // without the space; may be empty
};

// "200 OK", "200 ", "200". 200..599 only: 1xx and the rest are refused. Reason: no control character, also no
// tab; 0x80-0xFF is permitted. *out, whose reason points into text, is written only when text is accepted.
Refusal parse_status(std::string_view text, StatusLine* out);

// name: a token (RFC 9110 5.6.2), not hop-by-hop (PEP 3333 "Other HTTP Features"; Connection, Keep-Alive,
// Proxy-Authenticate, Proxy-Authorization, TE, Trailer, Transfer-Encoding, Upgrade), not "Status".
// value: no NUL, CR, LF or other control character but tab; blanks at its ends and 0x80-0xFF are permitted.
// index: position in the list, shown in the message as it is given.
Refusal check_header(std::size_t index, std::string_view name, std::string_view value);

// Content-Length: 1*DIGIT without sign, blanks or list, up to 2^63-1. *out is written only when it is accepted.
Refusal parse_content_length(std::string_view value, std::int64_t* out);

bool equal_ignoring_case(std::string_view a, std::string_view b);

// The answer is another page of this server, and the server is to send that (RFC 3875 section 6.2.2): Location beside
// status 200 with the path of a local URL. "//host/path" is no path but another server's (RFC 3986 section 4.2).
bool is_local_redirect(std::uint32_t status, std::string_view name, std::string_view value);

// Responses that carry no body whatever the application yields: 204, 304, and any to HEAD.
bool has_no_body(std::uint32_t status, bool head_request);

}  // namespace wsgi
