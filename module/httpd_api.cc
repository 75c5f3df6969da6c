// SPDX-License-Identifier: Apache-2.0
#include "module/httpd_api.h"

#include <cstdarg>
#include <cstdio>
#include <string>

namespace httpd {
namespace {

// base::Level has syslog's numbers, as httpd has.
int httpd_level(base::Level level) { return static_cast<int>(level) | APLOG_NOERRNO; }

std::string formatted(base::Message message, const char* format, va_list arguments) {
  std::string line(base::entry_of(message).code);
  line.append(": ");
  va_list again;
  va_copy(again, arguments);
  const int size = std::vsnprintf(nullptr, 0, format, arguments);
  if (size > 0) {
    const std::size_t head = line.size();
    line.resize(head + static_cast<std::size_t>(size));
    std::vsnprintf(line.data() + head, static_cast<std::size_t>(size) + 1, format, again);
  }
  va_end(again);
  return base::escape_line(line);
}

// What %F shows. httpd escapes the message only.
struct Mark {
  explicit Mark(const gatehouse_place* place = nullptr) {
    if (place == nullptr) return;
    file = base::escape_line({place->file.data, place->file.size});
    line = static_cast<int>(place->line);
  }
  std::string file = __FILE__;
  int line = __LINE__;
};

void log_server_line(const server_rec* s, base::Level level, std::string_view line, const Mark& mark = Mark()) {
  ap_log_error(mark.file.c_str(), mark.line, APLOG_MODULE_INDEX, httpd_level(level), 0, s, "%.*s",
               static_cast<int>(line.size()), line.data());
}

}  // namespace

int client_descriptor(conn_rec* connection) {
  apr_socket_t* const socket = ap_get_conn_socket(connection->master != nullptr ? connection->master : connection);
  apr_os_sock_t descriptor = -1;
  return socket != nullptr && apr_os_sock_get(&descriptor, socket) == APR_SUCCESS ? descriptor : -1;
}

void log_request_line(request_rec* r, base::Level level, std::string_view line, const gatehouse_place* place) {
  const Mark mark(place);
  ap_log_rerror(mark.file.c_str(), mark.line, APLOG_MODULE_INDEX, httpd_level(level), 0, r, "%.*s",
                static_cast<int>(line.size()), line.data());
}

void log_request(request_rec* r, base::Message message, const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  log_request_line(r, base::entry_of(message).level, formatted(message, format, arguments));
  va_end(arguments);
}

void log_request(request_rec* r, const base::Error& error) {
  log_request_line(r, base::entry_of(error.message).level, base::escape_line(base::text_of(error)));
}

void log_server(const server_rec* s, base::Message message, const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  log_server_line(s, base::entry_of(message).level, formatted(message, format, arguments));
  va_end(arguments);
}

void log_server(const server_rec* s, const base::Error& error) {
  log_server_line(s, base::entry_of(error.message).level, base::escape_line(base::text_of(error)));
}

void log_process_line(base::Level level, std::string_view line, const gatehouse_place* place) {
  log_server_line(ap_server_conf, level, line, Mark(place));
}

void log_sink(void* /*context*/, base::Level level, std::string_view line) {
  log_server_line(ap_server_conf, level, line);
}

}  // namespace httpd
