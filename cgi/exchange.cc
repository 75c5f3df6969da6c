// SPDX-License-Identifier: Apache-2.0
#include "cgi/exchange.h"

#include <algorithm>
#include <memory>

#include "base/log.h"
#include "wsgi/header_rules.h"

namespace cgi {
namespace {

constexpr std::size_t kBufferLimit = 64u << 10;

std::string_view view_of(gatehouse_text text) { return {text.data, text.size}; }

void add_header(std::string_view name, std::string_view value, std::string* out) {
  out->append(name).append(": ").append(value).append("\r\n");
}

// RFC 3875 6.2.2: with such a Location the server answers with that page of its own instead.
bool is_local_redirect(const gatehouse_response_head& head) {
  for (std::size_t i = 0; i < head.header_count; ++i)
    if (wsgi::is_local_redirect(head.status, view_of(head.headers[i].name), view_of(head.headers[i].value)))
      return true;
  return false;
}

}  // namespace

const gatehouse_request_calls& Exchange::calls() {
  static constexpr gatehouse_request_calls kCalls = {
      .size = sizeof(gatehouse_request_calls),
      .entered = nullptr,
      .read_body = on_read_body,
      .read_error = on_read_error,
      .send_head = on_send_head,
      .send_body = on_send_body,
      .send_file = nullptr,
      .log = on_log,
      .send_interim = nullptr,
      .client_gone = nullptr,
  };
  return kCalls;
}

std::int64_t Exchange::on_read_body(void* request, void* into, std::size_t size) noexcept {
  return static_cast<Exchange*>(request)->read_body(into, size);
}

const char* Exchange::on_read_error(void* request) noexcept { return static_cast<Exchange*>(request)->read_error_; }

gatehouse_io Exchange::on_send_head(void* request, const gatehouse_response_head* head) noexcept {
  static_cast<Exchange*>(request)->add_head(*head);
  return GATEHOUSE_OK;
}

gatehouse_io Exchange::on_send_body(void* request, const gatehouse_text* pieces, std::size_t count,
                                    gatehouse_send how) noexcept {
  if (how == GATEHOUSE_SOON) return GATEHOUSE_AGAIN;
  Exchange& exchange = *static_cast<Exchange*>(request);
  std::size_t size = 0;
  for (std::size_t i = 0; i < count; ++i) size += pieces[i].size;
  if (how == GATEHOUSE_BUFFER) {
    if (exchange.buffer_.size() + size > kBufferLimit) return GATEHOUSE_AGAIN;
    for (std::size_t i = 0; i < count; ++i) exchange.buffer_.append(view_of(pieces[i]));
    return GATEHOUSE_OK;
  }
  if (!exchange.flush()) return GATEHOUSE_GONE;
  for (std::size_t i = 0; i < count; ++i)
    if (!base::write_all(exchange.reply_, pieces[i].data, pieces[i].size)) return GATEHOUSE_GONE;
  return GATEHOUSE_OK;
}

void Exchange::on_log(void* /*request*/, gatehouse_level level, gatehouse_text line,
                      const gatehouse_place* place) noexcept {
  on_log_line(nullptr, level, line, place);
}

std::int64_t Exchange::read_body(void* into, std::size_t size) {
  if (left_ >= 0) size = std::min(size, static_cast<std::size_t>(left_));
  if (size == 0) return 0;
  const ssize_t got = base::read_some(body_, into, size);
  if (got > 0) {
    if (left_ > 0) left_ -= got;
    return got;
  }
  if (got == 0 && left_ < 0) return 0;
  read_error_ = got == 0 ? "the request body ended before its Content-Length" : "the request body could not be read";
  return -1;
}

void Exchange::add_head(const gatehouse_response_head& head) {
  buffer_.append("Status: ").append(std::to_string(head.status));
  if (head.reason.size > 0) buffer_.append(" ").append(view_of(head.reason));
  buffer_.append("\r\n");
  const bool is_redirect = is_local_redirect(head);
  bool has_length = false;
  for (std::size_t i = 0; i < head.header_count; ++i) {
    const std::string_view name = view_of(head.headers[i].name);
    // RFC 3875 6.2.3: to a CGI program's server any other Location means "answer with 302 instead".
    if (head.status == 200 && !is_redirect && wsgi::equal_ignoring_case(name, "Location")) {
      base::log(base::Message::kCgiLocation, "a Location header of another server beside status 200 was left out");
      continue;
    }
    // It is not the type of the page that httpd finds.
    if (is_redirect && wsgi::equal_ignoring_case(name, "Content-Type")) continue;
    has_length = has_length || wsgi::equal_ignoring_case(name, "Content-Length");
    add_header(name, view_of(head.headers[i].value), &buffer_);
  }
  if (head.content_length >= 0 && !has_length)
    add_header("Content-Length", std::to_string(head.content_length), &buffer_);
  buffer_.append("\r\n");
}

bool Exchange::flush() {
  const bool sent = base::write_all(reply_, buffer_.data(), buffer_.size());
  buffer_.clear();
  return sent;
}

void Exchange::discard_body() {
  const auto piece = std::make_unique<char[]>(kBufferLimit);
  while (read_body(piece.get(), kBufferLimit) > 0) {
  }
}

void Exchange::send_failure(std::uint32_t status) {
  constexpr std::string_view kText =
      "The application could not answer this request. The server's error log says why.\n";
  buffer_.append("Status: ").append(std::to_string(status)).append("\r\n");
  add_header("Content-Type", "text/plain", &buffer_);
  add_header("Content-Length", std::to_string(kText.size()), &buffer_);
  buffer_.append("\r\n").append(kText);
  [[maybe_unused]] const bool sent = flush();
}

std::int64_t parse_content_length(std::string_view value, bool* valid) {
  std::int64_t length = 0;
  *valid = value.empty() || !wsgi::parse_content_length(value, &length);
  return *valid ? length : 0;
}

void on_log_line(void* /*context*/, gatehouse_level level, gatehouse_text line, const gatehouse_place* /*place*/) {
  if (level > GATEHOUSE_LOG_NOTICE) return;
  base::write_to_stderr(nullptr, static_cast<base::Level>(level), view_of(line));
}

}  // namespace cgi
