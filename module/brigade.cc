// SPDX-License-Identifier: Apache-2.0
#include "module/brigade.h"

#include <fcntl.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>

#include "module/config.h"
#include "module/direct_input.h"
#include "module/nonblocking_output.h"
#include "module/write_completion.h"
#include "wsgi/header_rules.h"

namespace httpd {
namespace {

void append_bucket(apr_bucket_brigade* brigade, apr_bucket* bucket) { APR_BRIGADE_INSERT_TAIL(brigade, bucket); }

bool is(std::string_view name, std::string_view lower_case) {
  return name.size() == lower_case.size() && strncasecmp(name.data(), lower_case.data(), name.size()) == 0;
}

// An apr_file over a descriptor that somebody else opened. APR's own ways to adopt one make files that are not
// closed (apr_os_file_put) or never sent by sendfile (apr_os_pipe_put): so open anything, and put the descriptor
// in its place.
apr_file_t* adopt(base::UniqueFd fd, bool sendfile, apr_pool_t* pool) {
  apr_file_t* file = nullptr;
  apr_os_file_t place = -1;
  const apr_int32_t flags = APR_FOPEN_READ | APR_FOPEN_BINARY | (sendfile ? APR_FOPEN_SENDFILE_ENABLED : 0);
  if (apr_file_open(&file, "/dev/null", flags, APR_FPROT_OS_DEFAULT, pool) != APR_SUCCESS) return nullptr;
  if (apr_os_file_get(&place, file) != APR_SUCCESS || dup3(fd.get(), place, O_CLOEXEC) < 0) {
    apr_file_close(file);
    return nullptr;
  }
  return file;
}

// For less, one bucket of the core's costs no more.
constexpr std::size_t kWorthTaking = 16u << 10;

// As much of it as a pipe takes without waiting.
ssize_t write_bucket(int pipe, apr_bucket* bucket) {
  const char* data = nullptr;
  apr_size_t length = 0;
  if (apr_bucket_read(bucket, &data, &length, APR_BLOCK_READ) != APR_SUCCESS) return -1;
  ssize_t written;
  while ((written = write(pipe, data, length)) < 0 && errno == EINTR) continue;
  return written;
}

// An error that httpd knows: any other it would answer as a 500.
bool has_page(int status) {
  return status >= HTTP_BAD_REQUEST &&
         (status == HTTP_INTERNAL_SERVER_ERROR ||
          ap_index_of_response(status) != ap_index_of_response(HTTP_INTERNAL_SERVER_ERROR));
}

const char* status_line(apr_pool_t* pool, std::uint32_t status, std::string_view reason) {
  constexpr std::size_t kDigits = 3;
  auto* const line = static_cast<char*>(apr_palloc(pool, kDigits + 1 + reason.size() + 1));
  std::to_chars(line, line + kDigits, status);
  line[kDigits] = ' ';
  char* const end = line + kDigits + 1 + reason.copy(line + kDigits + 1, reason.size());
  *end = '\0';
  return line;
}

// The end of a close-delimited body looks complete unless the connection is reset.
void reset_on_close(conn_rec* connection) {
  const linger now{1, 0};
  setsockopt(client_descriptor(connection), SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

}  // namespace

BodyReader::BodyReader(request_rec* r) : r_(r) {}

ssize_t BodyReader::read(void* into, std::size_t size) { return read(into, size, APR_BLOCK_READ); }

ssize_t BodyReader::read_now(void* into, std::size_t size) {
  if (r_->expecting_100 != 0) invite();
  return read(into, size, APR_NONBLOCK_READ);
}

ssize_t BodyReader::lose(const base::Error& error) {
  error_ = pool_copy(r_->pool, base::text_of(error));
  status_ = HTTP_INTERNAL_SERVER_ERROR;
  return -1;
}

// "100 Continue", which httpd's filter sends for a read that waits only.
void BodyReader::invite() {
  if (r_->proto_num < HTTP_VERSION(1, 1) || r_->eos_sent != 0 || r_->bytes_sent != 0) return;
  const int status = r_->status;
  if (!ap_is_HTTP_SUCCESS(status)) return;
  r_->status = HTTP_CONTINUE;
  ap_send_interim_response(r_, 0);
  r_->status = status;
  r_->expecting_100 = 0;
}

void BodyReader::give_up() { fail(APR_TIMEUP); }

// Filters say in two ways that nothing is there: by EAGAIN, and by bringing nothing.
apr_status_t BodyReader::fetch(std::size_t size, apr_read_type_e how) {
  if (brigade_ == nullptr) brigade_ = apr_brigade_create(r_->pool, r_->connection->bucket_alloc);
  if (!APR_BRIGADE_EMPTY(brigade_)) return APR_SUCCESS;
  const apr_status_t status =
      ap_get_brigade(r_->input_filters, brigade_, AP_MODE_READBYTES, how, static_cast<apr_off_t>(size));
  return status == APR_SUCCESS && how == APR_NONBLOCK_READ && APR_BRIGADE_EMPTY(brigade_) ? APR_EAGAIN : status;
}

ssize_t BodyReader::fail(apr_status_t status) {
  char text[128];
  status_ = APR_STATUS_IS_TIMEUP(status) ? HTTP_REQUEST_TIME_OUT : ap_map_http_request_error(status, HTTP_BAD_REQUEST);
  error_ = apr_psprintf(r_->pool, "the request body could not be read: %s",
                        status_ == HTTP_REQUEST_ENTITY_TOO_LARGE ? "it is larger than LimitRequestBody"
                                                                 : apr_strerror(status, text, sizeof text));
  return -1;
}

ssize_t BodyReader::read(void* into, std::size_t size, apr_read_type_e how) {
  if (error_ != nullptr) return -1;
  if (ended_ || size == 0) return 0;
  auto* next = static_cast<char*>(into);
  std::size_t count = 0;
  while (count == 0 && !ended_) {
    std::optional<DirectInput> direct;
    if (size >= kWorthTaking && DirectInput::is_possible(r_)) direct.emplace(r_, into, size);
    const apr_status_t status = fetch(size, how);
    if (how == APR_NONBLOCK_READ && APR_STATUS_IS_EAGAIN(status)) return kNothing;
    if (status != APR_SUCCESS) return fail(status);
    while (count < size && !APR_BRIGADE_EMPTY(brigade_)) {
      apr_bucket* bucket = APR_BRIGADE_FIRST(brigade_);
      if (APR_BUCKET_IS_EOS(bucket)) {
        ended_ = true;
        apr_brigade_cleanup(brigade_);
        break;
      }
      const char* data = nullptr;
      apr_size_t length = 0;
      if (DirectInput::is_taken(bucket)) {
        count += bucket->length;  // nothing else comes with it, so it is where it belongs
      } else if (!APR_BUCKET_IS_METADATA(bucket)) {
        if (apr_bucket_read(bucket, &data, &length, APR_BLOCK_READ) != APR_SUCCESS) {
          error_ = "the request body could not be read: the connection failed";
          status_ = HTTP_BAD_REQUEST;
          return -1;
        }
        if (length > size - count) {
          apr_bucket_split(bucket, size - count);
          length = size - count;
        }
        std::memcpy(next + count, data, length);
        count += length;
      }
      apr_bucket_delete(bucket);
    }
  }
  return static_cast<ssize_t>(count);
}

ssize_t BodyReader::read_into_pipe(int pipe, std::size_t size) {
  if (error_ != nullptr) return -1;
  std::size_t count = 0;
  while (count == 0 && !ended_) {
    if (const apr_status_t status = fetch(size, APR_BLOCK_READ); status != APR_SUCCESS) return fail(status);
    while (!APR_BRIGADE_EMPTY(brigade_) && !ended_) {
      apr_bucket* bucket = APR_BRIGADE_FIRST(brigade_);
      if (APR_BUCKET_IS_EOS(bucket)) {
        ended_ = true;
      } else if (DirectInput::is_taken(bucket)) {
        count += bucket->length;
      } else if (!APR_BUCKET_IS_METADATA(bucket)) {
        const ssize_t written = write_bucket(pipe, bucket);
        if (written <= 0) return count > 0 ? static_cast<ssize_t>(count) : kNothing;
        count += static_cast<std::size_t>(written);
        if (static_cast<std::size_t>(written) < bucket->length)
          apr_bucket_split(bucket, static_cast<apr_size_t>(written));
      }
      apr_bucket_delete(bucket);
    }
  }
  return static_cast<ssize_t>(count);
}

namespace {

// Another timeout of the client's socket for a scope. A stream of HTTP/2 has no socket of its own.
class ClientTimeout {
 public:
  ClientTimeout(const request_rec* r, base::Micros limit) {
    if (limit <= base::Micros::zero() || r->connection->master != nullptr) return;
    socket_ = ap_get_conn_socket(r->connection);
    if (socket_ == nullptr || apr_socket_timeout_get(socket_, &before_) != APR_SUCCESS) socket_ = nullptr;
    if (socket_ != nullptr) apr_socket_timeout_set(socket_, limit.count());
  }
  ~ClientTimeout() {
    if (socket_ != nullptr) apr_socket_timeout_set(socket_, before_);
  }
  ClientTimeout(const ClientTimeout&) = delete;
  ClientTimeout& operator=(const ClientTimeout&) = delete;

 private:
  apr_socket_t* socket_ = nullptr;
  apr_interval_time_t before_ = 0;
};

}  // namespace

ResponseWriter::ResponseWriter(request_rec* r)
    : r_(r),
      overrides_errors_(directory_config(r).error_override == Switch::kOn),
      brigade_(apr_brigade_create(r->pool, r->connection->bucket_alloc)) {}

// httpd's function sends what stands in the request_rec, and takes an answer as the end of "Expect: 100-continue",
// which a 103 is not: so all of it is put back.
bool ResponseWriter::send_interim(std::uint32_t status, std::span<const gatehouse_pair> headers) {
  if (client_gone()) return false;
  apr_table_t* const headers_out = r_->headers_out;
  const int status_before = r_->status;
  const char* const line_before = r_->status_line;
  const auto expecting_100 = r_->expecting_100;
  r_->headers_out = apr_table_make(r_->pool, static_cast<int>(headers.size()));
  for (const gatehouse_pair& header : headers)
    apr_table_addn(r_->headers_out, pool_copy(r_->pool, {header.name.data, header.name.size}),
                   pool_copy(r_->pool, {header.value.data, header.value.size}));
  r_->status = static_cast<int>(status);
  r_->status_line = status == 103 ? "103 Early Hints" : apr_psprintf(r_->pool, "%u Interim", status);
  ap_send_interim_response(r_, 1);
  r_->headers_out = headers_out;
  r_->status = status_before;
  r_->status_line = line_before;
  for (request_rec* each = r_; each != nullptr; each = each->main) each->expecting_100 = expecting_100;
  return !client_gone();
}

void ResponseWriter::set_status(std::uint32_t status, std::string_view reason) {
  has_head_ = true;
  if (overrides_errors_ && has_page(static_cast<int>(status))) overridden_ = static_cast<int>(status);
  r_->status = static_cast<int>(status);
  r_->status_line = reason.empty() ? nullptr : status_line(r_->pool, status, reason);
}

void ResponseWriter::add_header(std::string_view name, std::string_view value) {
  if (is(name, "content-type")) {
    ap_set_content_type(r_, pool_copy(r_->pool, value));
    return;
  }
  if (is(name, "content-length")) return;  // set_content_length() is told as well
  if (wsgi::is_local_redirect(static_cast<std::uint32_t>(r_->status), name, value))
    location_ = pool_copy(r_->pool, value);
  // httpd keeps the one table for all statuses, the other for its own error page as well: a 401 needs its challenge.
  apr_table_t* table = is(name, "www-authenticate") ? r_->err_headers_out : r_->headers_out;
  apr_table_addn(table, pool_copy(r_->pool, name), pool_copy(r_->pool, value));
}

void ResponseWriter::set_content_length(std::int64_t length) { ap_set_content_length(r_, length); }

void ResponseWriter::append(const void* data, std::size_t size) {
  if (size == 0) return;
  const auto* const bytes = static_cast<const char*>(data);
  append_bucket(brigade_, meter_ ? meter_->new_bucket({bytes, size}, brigade_->bucket_alloc)
                                 : apr_bucket_heap_create(bytes, size, nullptr, brigade_->bucket_alloc));
  buffered_ += size;
}

void ResponseWriter::append_borrowed(const void* data, std::size_t size) {
  if (meter_) return append(data, size);
  if (size == 0) return;
  append_bucket(brigade_, apr_bucket_transient_create(static_cast<const char*>(data), size, brigade_->bucket_alloc));
  buffered_ += size;
}

void ResponseWriter::append_owned(char* allocated, std::size_t size) {
  if (meter_) {
    append(allocated, size);
    std::free(allocated);
    return;
  }
  append_bucket(brigade_, apr_bucket_heap_create(allocated, size, std::free, brigade_->bucket_alloc));
  buffered_ += size;
}

bool ResponseWriter::append_file(base::UniqueFd fd, std::int64_t offset, std::int64_t length) {
  const auto* core = static_cast<core_dir_config*>(ap_get_core_module_config(r_->per_dir_config));
  const Switch sendfile = directory_config(r_).enable_sendfile;
  const bool by_sendfile =
      sendfile != Switch::kUnset ? sendfile == Switch::kOn : core->enable_sendfile == ENABLE_SENDFILE_ON;
  apr_file_t* file = adopt(std::move(fd), by_sendfile, r_->pool);
  if (file == nullptr) return false;
  apr_bucket* bucket = apr_brigade_insert_file(brigade_, file, offset, length, r_->pool);
  if (core->enable_mmap == ENABLE_MMAP_OFF) apr_bucket_file_enable_mmap(bucket, 0);
  has_file_ = true;
  return true;
}

bool ResponseWriter::pass_brigade() {
  if (client_gone()) return false;
  if (is_dropped()) {
    apr_brigade_cleanup(brigade_);
    buffered_ = 0;
    return true;
  }
  passed_ = true;
  const ClientTimeout limited(r_, wait_limit_);
  const apr_status_t status = ap_pass_brigade(r_->output_filters, brigade_);
  apr_brigade_cleanup(brigade_);
  buffered_ = 0;
  if (status != APR_SUCCESS) gone_ = true;
  return !client_gone();
}

bool ResponseWriter::pass() { return APR_BRIGADE_EMPTY(brigade_) ? !client_gone() : pass_brigade(); }

bool ResponseWriter::flush() {
  append_bucket(brigade_, apr_bucket_flush_create(brigade_->bucket_alloc));
  return pass_brigade();
}

// Where what is more than one pass may bring begins; NULL: nothing is. size: of what comes before.
apr_bucket* ResponseWriter::end_of_part(std::size_t most, std::size_t* size) {
  *size = 0;
  for (apr_bucket* bucket = APR_BRIGADE_FIRST(brigade_); bucket != APR_BRIGADE_SENTINEL(brigade_);
       bucket = APR_BUCKET_NEXT(bucket)) {
    if (APR_BUCKET_IS_METADATA(bucket) || APR_BUCKET_IS_FILE(bucket)) continue;
    if (*size + bucket->length > most) return bucket;
    *size += bucket->length;
  }
  return nullptr;
}

// What stands before rest, which stays; NULL: all.
bool ResponseWriter::flush_part(apr_bucket* rest, std::size_t size) {
  const std::size_t left = buffered_ - size;
  apr_bucket_brigade* const kept = rest != nullptr ? apr_brigade_split(brigade_, rest) : nullptr;
  if (!flush()) return false;
  if (kept == nullptr) return true;
  APR_BRIGADE_CONCAT(brigade_, kept);
  buffered_ = left;
  return true;
}

ResponseWriter::Taken ResponseWriter::offer() {
  if (is_dropped()) return flush() ? Taken::kAll : Taken::kGone;
  if (!NonblockingOutput::is_possible(r_)) return offer_to_stream();
  const NonblockingOutput nonblocking(r_);
  do {
    std::size_t size = 0;
    apr_bucket* rest = end_of_part(NonblockingOutput::kMost, &size);
    if (rest != nullptr && size < NonblockingOutput::kMost) {
      apr_bucket_split(rest, NonblockingOutput::kMost - size);
      rest = APR_BUCKET_NEXT(rest);
      size = NonblockingOutput::kMost;
    }
    if (!flush_part(rest, size)) return Taken::kGone;
  } while (!NonblockingOutput::is_waiting(r_->connection) && !APR_BRIGADE_EMPTY(brigade_));
  return NonblockingOutput::is_waiting(r_->connection) ? Taken::kSome : Taken::kAll;
}

void ResponseWriter::keep() {
  for (apr_bucket* bucket = APR_BRIGADE_FIRST(brigade_); bucket != APR_BRIGADE_SENTINEL(brigade_);
       bucket = APR_BUCKET_NEXT(bucket))
    if (APR_BUCKET_IS_TRANSIENT(bucket)) apr_bucket_setaside(bucket, r_->pool);
}

// A stream with room for a byte takes a block of any size.
ResponseWriter::Taken ResponseWriter::offer_to_stream() {
  if (!meter_) return flush() ? Taken::kAll : Taken::kGone;
  // A pass without a block frees those that were sent on; or it is for the head alone.
  const std::size_t before = under_way_;
  if ((under_way_ > 0 || APR_BRIGADE_EMPTY(brigade_)) && !flush_part(APR_BRIGADE_FIRST(brigade_), 0))
    return Taken::kGone;
  under_way_ = meter_->living() - buffered_;
  bool has_moved = under_way_ < before;
  while (!APR_BRIGADE_EMPTY(brigade_)) {
    if (under_way_ >= StreamMeter::kMost) return has_moved ? Taken::kSome : Taken::kNothing;
    apr_bucket* const first = APR_BRIGADE_FIRST(brigade_);
    apr_bucket* const second = APR_BUCKET_NEXT(first);
    const bool is_all = second == APR_BRIGADE_SENTINEL(brigade_) || under_way_ + buffered_ <= StreamMeter::kMost;
    const std::size_t size = APR_BUCKET_IS_FILE(first) ? 0 : first->length;
    if (!(is_all ? flush() : flush_part(second, size))) return Taken::kGone;
    has_moved = true;
    under_way_ = meter_->living() - buffered_;
  }
  return Taken::kAll;
}

ResponseWriter::Taken ResponseWriter::go_on() {
  if (client_gone()) return Taken::kGone;
  if (meter_) return offer_to_stream();
  if (!NonblockingOutput::go_on(r_->connection)) {
    gone_ = true;
    return Taken::kGone;
  }
  if (NonblockingOutput::is_waiting(r_->connection)) return Taken::kSome;
  return APR_BRIGADE_EMPTY(brigade_) ? Taken::kAll : offer();
}

void ResponseWriter::forget_head() {
  has_head_ = false;
  r_->status = HTTP_OK;
  r_->status_line = nullptr;
  r_->clength = 0;
  apr_table_clear(r_->headers_out);
  ap_set_content_type(r_, nullptr);
}

// What the page that httpd finds instead is sent with, as for a CGI program: all that does not describe this one.
void ResponseWriter::keep_headers() {
  const apr_array_header_t& headers = *apr_table_elts(r_->headers_out);
  for (int i = 0; i < headers.nelts; ++i) {
    const apr_table_entry_t& header = APR_ARRAY_IDX(&headers, i, apr_table_entry_t);
    const std::string_view name(header.key);
    if (!is(name, "location") && !is(name, "content-length") && !is(name, "etag") && !is(name, "last-modified"))
      apr_table_addn(r_->err_headers_out, header.key, header.val);
  }
}

int ResponseWriter::finish() {
  is_finished_ = true;
  if (location_ != nullptr) {
    apr_brigade_cleanup(brigade_);
    keep_headers();
    forget_head();
    return OK;
  }
  if (overridden_ != 0) {
    forget_head();  // but for the challenge of a 401, which httpd's page needs
    return overridden_;
  }
  append_bucket(brigade_, apr_bucket_eos_create(brigade_->bucket_alloc));
  if (pass_brigade() && has_file_) complete_writing(r_->connection);
  return OK;
}

int ResponseWriter::abort(int status) {
  apr_brigade_cleanup(brigade_);
  buffered_ = 0;
  if (!passed_) {
    forget_head();
    apr_table_unset(r_->err_headers_out, "WWW-Authenticate");
    return status;
  }
  r_->connection->keepalive = AP_CONN_CLOSE;
  // A cache takes what it has of the body for the whole otherwise. That of a page which includes it does, too.
  for (request_rec* r = r_; r != nullptr; r = r->main) r->no_cache = 1;
  // Without a body there is nothing to be missed; a reset might only take the head away from the client.
  const bool has_body = !wsgi::has_no_body(static_cast<std::uint32_t>(r_->status), r_->header_only != 0);
  const bool close_delimited = has_body && !r_->chunked && apr_table_get(r_->headers_out, "Content-Length") == nullptr;
  if (close_delimited && r_->proto_num < HTTP_VERSION(2, 0)) reset_on_close(r_->connection);
  // RFC 9112 section 8: the chunk filter leaves out the last chunk when it sees this bucket.
  if (has_body)
    append_bucket(brigade_, ap_bucket_error_create(HTTP_BAD_GATEWAY, nullptr, r_->pool, brigade_->bucket_alloc));
  append_bucket(brigade_, apr_bucket_eos_create(brigade_->bucket_alloc));
  pass_brigade();
  if (close_delimited && r_->proto_num < HTTP_VERSION(2, 0)) r_->connection->aborted = 1;
  return OK;
}

// As the core filter does when a write has timed out.
void ResponseWriter::give_client_up() { r_->connection->aborted = 1; }

bool ResponseWriter::client_gone() const { return gone_ || r_->connection->aborted; }

}  // namespace httpd
