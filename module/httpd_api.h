// SPDX-License-Identifier: Apache-2.0
#pragma once

// The only place that includes httpd and APR. Everything of this room lives in namespace httpd: the name of the
// room itself, `module`, is a type of httpd's. Thread: see each function.

#define AP_HAVE_DESIGNATED_INITIALIZER

#include <ap_config.h>
#include <ap_listen.h>
#include <ap_mpm.h>
#include <ap_regex.h>
#include <ap_release.h>
#include <apr_buckets.h>
#include <apr_file_io.h>
#include <apr_lib.h>
#include <apr_optional.h>
#include <apr_pools.h>
#include <apr_portable.h>
#include <apr_signal.h>
#include <apr_strings.h>
#include <apr_support.h>
#include <apr_tables.h>
#include <apr_thread_proc.h>
#include <http_config.h>
#include <http_connection.h>
#include <http_core.h>
#include <http_log.h>
#include <http_main.h>
#include <http_protocol.h>
#include <http_request.h>
#include <http_ssl.h>
#include <httpd.h>
#include <mod_auth.h>
#include <mod_core.h>
#include <mpm_common.h>
#include <scoreboard.h>
#include <unixd.h>
#include <util_filter.h>
#include <util_script.h>

#include <cstddef>
#include <new>
#include <string_view>
#include <type_traits>
#include <utility>

#include "base/log.h"
#include "base/messages.h"
#include "base/result.h"
#include "wsgi/engine_abi.h"

#ifdef APLOG_USE_MODULE
APLOG_USE_MODULE(wsgi);
#endif

namespace httpd {

// An object that lives as long as the pool, whose cleanup destroys it. Memory: the pool's (never fails: httpd
// aborts when memory is out). Thread: the pool's owner.
template <typename T, typename... Arguments>
T* pool_new(apr_pool_t* pool, Arguments&&... arguments) {
  static_assert(alignof(T) <= 8, "APR aligns to 8 bytes");
  T* object = new (apr_palloc(pool, sizeof(T))) T(std::forward<Arguments>(arguments)...);
  if constexpr (!std::is_trivially_destructible_v<T>) {
    apr_pool_cleanup_register(
        pool, object,
        [](void* data) noexcept -> apr_status_t {
          static_cast<T*>(data)->~T();
          return APR_SUCCESS;
        },
        apr_pool_cleanup_null);
  }
  return object;
}

// A NUL-terminated copy in the pool.
inline const char* pool_copy(apr_pool_t* pool, std::string_view text) {
  return apr_pstrmemdup(pool, text.data(), text.size());
}

// NULL becomes the empty view.
inline std::string_view view_of(const char* text) {
  return text != nullptr ? std::string_view(text) : std::string_view();
}

// The client's socket, which stays httpd's; of an HTTP/2 stream, the connection's that it came by. -1: there is none.
// Thread: the connection's.
int client_descriptor(conn_rec* connection);

// --- The log: request lines go to the ErrorLog of the request's virtual host, with client and request id.

// "GHnnnn: text" at the message's level. Format as printf. Any thread that owns the request.
[[gnu::format(printf, 3, 4)]] void log_request(request_rec* r, base::Message message, const char* format, ...);
void log_request(request_rec* r, const base::Error& error);
// A line that has its code already and is escaped (from an engine, from a worker). place: what %F of ErrorLogFormat
// shows, nullptr when it is not known.
void log_request_line(request_rec* r, base::Level level, std::string_view line, const gatehouse_place* place = nullptr);

// The same for lines of a server; s may be NULL (the main log).
[[gnu::format(printf, 3, 4)]] void log_server(const server_rec* s, base::Message message, const char* format, ...);
void log_server(const server_rec* s, const base::Error& error);

// A line of the process: to the main server's log. As log_request_line.
void log_process_line(base::Level level, std::string_view line, const gatehouse_place* place);
// base::log's sink for this binary. context: unused; lines go to the main server's log.
void log_sink(void* context, base::Level level, std::string_view line);

}  // namespace httpd
