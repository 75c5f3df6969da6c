// SPDX-License-Identifier: Apache-2.0
//
// Status lines, headers and Content-Length from an application. The input is one response as text: the status up to
// the first line feed, then NAME ':' VALUE pieces ended by "\x1e". What is accepted is held against the rules
// written out a second time, the slow and plain way; a finding aborts.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "wsgi/environ.h"
#include "wsgi/header_rules.h"

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

bool has_control(std::string_view text, bool tab_is_allowed) {
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte < 0x20 && !(byte == '\t' && tab_is_allowed)) || byte == 0x7f) return true;
  }
  return false;
}

bool is_token(std::string_view name) {
  for (const char c : name) {
    const bool letter_or_digit = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (!letter_or_digit && std::string_view("!#$%&'*+-.^_`|~").find(c) == std::string_view::npos) return false;
  }
  return !name.empty();
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  return out;
}

bool is_the_servers(std::string_view name) {
  for (const char* reserved : {"connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "te", "trailer",
                               "transfer-encoding", "upgrade", "status"})
    if (lower(name) == reserved) return true;
  return false;
}

// A refusal goes into the log: one line, short, no control character but tab.
void require_fit_for_the_log(const wsgi::Refusal& refusal) {
  require(refusal.message.size() < 256);
  require(!has_control(refusal.message, true));
}

void try_status(std::string_view text) {
  wsgi::StatusLine line;
  const wsgi::Refusal refusal = wsgi::parse_status(text, &line);
  if (refusal) return require_fit_for_the_log(refusal);
  require(line.code >= 200 && line.code <= 599);
  const std::string code = std::to_string(line.code);
  require(text == code ? line.reason.empty() : text == code + " " + std::string(line.reason));
  require(!has_control(text, false));
}

void try_header(std::string_view name, std::string_view value) {
  const wsgi::Refusal refusal = wsgi::check_header(0, name, value);
  require(!refusal == (is_token(name) && !is_the_servers(name) && !has_control(value, true)));
  if (refusal) require_fit_for_the_log(refusal);
}

void try_content_length(std::string_view value) {
  std::int64_t length = -1;
  const wsgi::Refusal refusal = wsgi::parse_content_length(value, &length);
  if (refusal) return require_fit_for_the_log(refusal);
  std::string_view digits = value;
  while (digits.size() > 1 && digits[0] == '0') digits.remove_prefix(1);
  require(!value.empty() && std::to_string(length) == digits);
}

class FixedArena final : public wsgi::Arena {
 public:
  explicit FixedArena(std::size_t size) : memory_(size, '\0') {}
  char* allocate(std::size_t size) override {
    require(used_ + size <= memory_.size());
    char* piece = memory_.data() + used_;
    used_ += size;
    return piece;
  }

 private:
  std::string memory_;
  std::size_t used_ = 0;
};

void try_request_header(std::string_view name) {
  FixedArena arena(name.size() + 5);
  const std::string_view shown = wsgi::cgi_name(name, {}, arena);
  if (shown.empty()) return;
  require(wsgi::is_plain_header_name(name));
  require(shown != "HTTP_PROXY" && shown != "HTTP_AUTHORIZATION" && shown != "HTTP_CONTENT_LENGTH");
  for (const char c : shown) require((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || c == '_');
}

}  // namespace

extern "C" __attribute__((visibility("default"))) int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                                                             std::size_t size) {
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  const std::size_t status_end = rest.find('\n');
  try_status(rest.substr(0, status_end));
  try_status(rest);
  rest.remove_prefix(status_end == std::string_view::npos ? rest.size() : status_end + 1);
  while (!rest.empty()) {
    const std::size_t end = rest.find('\x1e');
    const std::string_view header = rest.substr(0, end);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    const std::size_t colon = header.find(':');
    const std::string_view name = header.substr(0, colon);
    const std::string_view value = colon == std::string_view::npos ? std::string_view() : header.substr(colon + 1);
    try_header(name, value);
    try_content_length(value);
    try_request_header(name);
  }
  return 0;
}
