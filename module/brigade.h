// SPDX-License-Identifier: Apache-2.0
#pragma once

// The request body and the response of one request over httpd's filters. All bucket macros live in brigade.cc.
// Thread: the request's own. Both objects must not outlive the request.

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "base/posix.h"
#include "module/httpd_api.h"
#include "module/stream_meter.h"
#include "wsgi/engine_abi.h"

namespace httpd {

// Reads the request body, de-chunked and within LimitRequestBody by httpd's input filters.
class BodyReader {
 public:
  explicit BodyReader(request_rec* r);

  // Blocks until there is something: > 0 bytes, 0 end of the body, -1 error (again at each later call). The first
  // read answers "Expect: 100-continue".
  ssize_t read(void* into, std::size_t size);
  // The same without waiting: kNothing when nothing is there yet.
  static constexpr ssize_t kNothing = -2;
  ssize_t read_now(void* into, std::size_t size);
  // As read(), while a DirectInput exists for this end of a pipe: the bytes are in the pipe. What httpd had read before
  // is written to it. kNothing: it takes no more, and read() gives the rest.
  ssize_t read_into_pipe(int pipe, std::size_t size);
  // The client has sent nothing for too long: from now on reads fail with 408.
  void give_up();
  // What was read of it has been lost, by this server's fault. -1.
  ssize_t lose(const base::Error& error);
  // All of it was read, or none of the rest can be.
  bool is_over() const { return ended_ || error_ != nullptr; }
  // After -1: the status to answer with (400, 408, 413, ...), and a sentence for the log that lives as long as
  // the request.
  int status() const { return status_; }
  const char* error() const { return error_; }

 private:
  void invite();
  ssize_t read(void* into, std::size_t size, apr_read_type_e how);
  apr_status_t fetch(std::size_t size, apr_read_type_e how);
  ssize_t fail(apr_status_t status);

  request_rec* r_;
  apr_bucket_brigade* brigade_ = nullptr;
  const char* error_ = nullptr;
  int status_ = 0;
  bool ended_ = false;
};

// Collects the response and hands it to httpd: nothing is on its way to the client before pass() or flush(). With
// WSGIErrorOverride, nothing of a response whose status is an error that httpd knows ever is: it shows its own page.
// Nor is the body of one that is a local redirect (header_rules.h), nor a header that describes that body.
class ResponseWriter {
 public:
  explicit ResponseWriter(request_rec* r);

  // How long a write to the client may take, instead of httpd's Timeout; zero: that.
  void limit_wait(base::Micros limit) { wait_limit_ = limit; }

  // A 1xx response with these headers, on its way to the client before this returns; only ahead of set_status. Says
  // nothing to a client of HTTP/1.0, which would not understand it. False: the client is gone.
  bool send_interim(std::uint32_t status, std::span<const gatehouse_pair> headers);
  // The status line, once, before everything else. reason "" = httpd's own.
  void set_status(std::uint32_t status, std::string_view reason);
  // One header, in the application's order, names repeated as it repeated them. Checked already (header_rules.h).
  void add_header(std::string_view name, std::string_view value);
  // The application's, whose header is taken for this one; or the host's, when it gave none and the host knows.
  void set_content_length(std::int64_t length);
  bool has_head() const { return has_head_; }

  void append(const void* data, std::size_t size);  // takes a copy
  // No copy: data must last until flush() has returned, or until offer() and, if that has left something, keep() have.
  void append_borrowed(const void* data, std::size_t size);
  void append_owned(char* allocated, std::size_t size);  // a malloc()ed block, freed by httpd when it is sent
  // False: no descriptor was free; nothing was appended.
  bool append_file(base::UniqueFd fd, std::int64_t offset, std::int64_t length);
  std::size_t buffered() const { return buffered_; }  // bytes appended and not passed on; a file counts as 0

  // Hands what is appended to the filters; flush also makes them send it now. May block on a slow client.
  // False: the client is gone.
  bool pass();
  bool flush();
  // The same as far as the client takes it without waiting; the rest stays. A stream of HTTP/2 must be metered.
  enum class Taken {
    kAll,
    kSome,
    kNothing,  // nor has anything moved that it had been given before
    kGone
  };
  Taken offer();
  // Copies what is borrowed of what an offer has left.
  void keep();
  // After kSome or kNothing: when the client's socket is writable again, a stream's from time to time.
  Taken go_on();
  // Before the first byte, and when nothing is offered any more.
  void start_metering() { meter_.emplace(); }
  void stop_metering() { meter_.reset(); }
  // Ends the response. What was appended goes out with the end in one piece. Returns the handler's result: OK, or
  // the status of which httpd shows its own page.
  int finish();
  // After finish(): the local URL that the application answered with, to be served instead (local_redirect.h); else
  // NULL.
  const char* redirect() const { return is_finished_ ? location_ : nullptr; }
  // The response cannot be completed. Nothing passed on yet: forgets head and body and returns status, so that
  // httpd answers with its error page. Else makes the end visible to the client, if there is a body: no final chunk,
  // connection closed, RST_STREAM on HTTP/2; returns OK (what is sent is sent).
  int abort(int status);
  // For code that has no better status than 502.
  void abort_connection() { static_cast<void>(abort(HTTP_BAD_GATEWAY)); }

  // The client has taken nothing for too long.
  void give_client_up();
  bool client_gone() const;
  bool anything_passed() const { return passed_; }

 private:
  bool pass_brigade();
  apr_bucket* end_of_part(std::size_t most, std::size_t* size);
  bool flush_part(apr_bucket* rest, std::size_t size);
  Taken offer_to_stream();
  void forget_head();
  void keep_headers();
  bool is_dropped() const { return overridden_ != 0 || location_ != nullptr; }

  request_rec* r_;
  const bool overrides_errors_;
  int overridden_ = 0;              // the application's status that httpd answers in its place
  const char* location_ = nullptr;  // of a local redirect
  bool is_finished_ = false;
  apr_bucket_brigade* brigade_;
  std::size_t buffered_ = 0;
  base::Micros wait_limit_{};
  std::optional<StreamMeter> meter_;
  std::size_t under_way_ = 0;  // of a metered stream, at the last look
  bool has_head_ = false;
  bool has_file_ = false;
  bool passed_ = false;
  bool gone_ = false;
};

}  // namespace httpd
