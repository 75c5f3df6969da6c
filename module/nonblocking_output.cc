// SPDX-License-Identifier: Apache-2.0
#include "module/nonblocking_output.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>
#include <new>

namespace httpd {
namespace {

constexpr const char* kFilter = "GATEHOUSE_NONBLOCKING";
// Behind TLS, whose records it sees; in front of the core.
constexpr auto kPlace = static_cast<ap_filter_type>(AP_FTYPE_NETWORK - 1);
// What the core is given at a time, below its threshold.
constexpr apr_off_t kForCore = 56 << 10;

const ap_filter_rec_t* own_record = nullptr;  // set while httpd starts

// One for each connection that has the filter.
struct State {
  bool is_active = false;
  apr_bucket_brigade* rest = nullptr;  // not in the core's hands yet
};

const ap_filter_t* find_filter(const conn_rec* connection) {
  const ap_filter_t* filter = connection->output_filters;
  while (filter != nullptr && filter->frec != own_record) filter = filter->next;
  return filter;
}

bool has_core_more(const conn_rec* connection) { return connection->data_in_output_filters != 0; }

// As the event MPM does once the handler has returned.
apr_status_t have_core_write(conn_rec* connection) {
  ap_filter_t* core = connection->output_filters;
  while (core->next != nullptr) core = core->next;
  const apr_status_t status = core->frec->filter_func.out_func(core, nullptr);
  return status == APR_SUCCESS && connection->aborted != 0 ? APR_ECONNABORTED : status;
}

// Neither a file, which the core sends by itself, nor a pipe, of which nobody knows how much will come.
bool is_data(const apr_bucket* bucket) {
  return !APR_BUCKET_IS_METADATA(bucket) && !APR_BUCKET_IS_FILE(bucket) &&
         bucket->length != static_cast<apr_size_t>(-1);
}

// Bytes of data that stand first, before anything else, counted up to a little more than kForCore.
apr_off_t first_data(const apr_bucket_brigade* brigade) {
  apr_off_t size = 0;
  for (const apr_bucket* bucket = APR_BRIGADE_FIRST(brigade);
       bucket != APR_BRIGADE_SENTINEL(brigade) && is_data(bucket) && size <= kForCore; bucket = APR_BUCKET_NEXT(bucket))
    size += static_cast<apr_off_t>(bucket->length);
  return size;
}

void remove_bytes(apr_bucket_brigade* brigade, std::size_t size) {
  while (size > 0) {
    apr_bucket* const bucket = APR_BRIGADE_FIRST(brigade);
    if (bucket->length > size) apr_bucket_split(bucket, size);
    size -= bucket->length;
    apr_bucket_delete(bucket);
  }
}

// One system call, of the data that stands first. False: the socket took none of it.
bool write_data(conn_rec* connection, apr_bucket_brigade* brigade) {
  constexpr std::size_t kPieces = 16;
  iovec pieces[kPieces];
  msghdr message{};
  message.msg_iov = pieces;
  for (apr_bucket* bucket = APR_BRIGADE_FIRST(brigade);
       message.msg_iovlen < kPieces && bucket != APR_BRIGADE_SENTINEL(brigade) && is_data(bucket);
       bucket = APR_BUCKET_NEXT(bucket)) {
    const char* data = nullptr;
    apr_size_t length = 0;
    if (apr_bucket_read(bucket, &data, &length, APR_BLOCK_READ) != APR_SUCCESS) break;
    pieces[message.msg_iovlen++] = {const_cast<char*>(data), length};
  }
  const int descriptor = client_descriptor(connection);
  ssize_t written;
  do {
    written = sendmsg(descriptor, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
  } while (written < 0 && errno == EINTR);
  if (written <= 0) return false;
  remove_bytes(brigade, static_cast<std::size_t>(written));
  static const auto count_bytes = APR_RETRIEVE_OPTIONAL_FN(ap_logio_add_bytes_out);  // which the core would do
  if (count_bytes != nullptr) count_bytes(connection, written);
  return true;
}

// What the core may have now: little data, and what is none.
apr_bucket* end_for_core(apr_bucket_brigade* brigade) {
  apr_off_t size = 0;
  apr_bucket* bucket = APR_BRIGADE_FIRST(brigade);
  for (; bucket != APR_BRIGADE_SENTINEL(brigade); bucket = APR_BUCKET_NEXT(bucket)) {
    if (!is_data(bucket)) continue;
    if (size == kForCore) break;
    if (size + static_cast<apr_off_t>(bucket->length) > kForCore)
      apr_bucket_split(bucket, static_cast<apr_size_t>(kForCore - size));
    size += static_cast<apr_off_t>(bucket->length);
  }
  return bucket;
}

apr_status_t give_to_core(const ap_filter_t* filter, apr_bucket_brigade* brigade) {
  apr_bucket_brigade* const later = apr_brigade_split(brigade, end_for_core(brigade));
  const apr_status_t status = ap_pass_brigade(filter->next, brigade);
  apr_brigade_cleanup(brigade);
  APR_BRIGADE_CONCAT(brigade, later);
  return status == APR_SUCCESS ? have_core_write(filter->c) : status;
}

// As much as the socket takes. Whatever is wrong with it, the core meets as well, and knows what to do about it.
apr_status_t write_rest(const ap_filter_t* filter, apr_bucket_brigade* rest) {
  if (has_core_more(filter->c))
    if (const apr_status_t status = have_core_write(filter->c); status != APR_SUCCESS) return status;
  while (!APR_BRIGADE_EMPTY(rest) && !has_core_more(filter->c)) {
    if (first_data(rest) > kForCore && write_data(filter->c, rest)) continue;
    if (const apr_status_t status = give_to_core(filter, rest); status != APR_SUCCESS) return status;
  }
  return APR_SUCCESS;
}

// Returns whether there was one.
bool take_flushes(apr_bucket_brigade* brigade) {
  bool is_flushed = false;
  apr_bucket* next = nullptr;
  for (apr_bucket* bucket = APR_BRIGADE_FIRST(brigade); bucket != APR_BRIGADE_SENTINEL(brigade); bucket = next) {
    next = APR_BUCKET_NEXT(bucket);
    if (!APR_BUCKET_IS_FLUSH(bucket)) continue;
    is_flushed = true;
    apr_bucket_delete(bucket);
  }
  return is_flushed;
}

apr_status_t on_output(ap_filter_t* filter, apr_bucket_brigade* brigade) noexcept {
  const State& state = *static_cast<const State*>(filter->ctx);
  apr_bucket_brigade* const rest = state.rest;
  if (!state.is_active) {
    if (!APR_BRIGADE_EMPTY(rest)) APR_BRIGADE_PREPEND(brigade, rest);
    return ap_pass_brigade(filter->next, brigade);
  }
  const bool is_flushed = take_flushes(brigade);
  APR_BRIGADE_CONCAT(rest, brigade);
  apr_status_t status = APR_SUCCESS;
  if (is_flushed || first_data(rest) > kForCore) status = write_rest(filter, rest);
  // The filters in front use their memory again.
  for (apr_bucket* bucket = APR_BRIGADE_FIRST(rest); bucket != APR_BRIGADE_SENTINEL(rest);
       bucket = APR_BUCKET_NEXT(bucket))
    if (APR_BUCKET_IS_TRANSIENT(bucket)) apr_bucket_setaside(bucket, filter->c->pool);
  return status;
}

// The filter comes to a connection with its first response that is not there at once, and stays.
bool* is_active(request_rec* r) {
  conn_rec* const connection = r->connection;
  if (const ap_filter_t* filter = find_filter(connection)) return &static_cast<State*>(filter->ctx)->is_active;
  auto* const state = new (apr_palloc(connection->pool, sizeof(State))) State;
  state->rest = apr_brigade_create(connection->pool, connection->bucket_alloc);
  ap_add_output_filter(kFilter, state, r, connection);
  return &state->is_active;
}

}  // namespace

void register_nonblocking_output() { own_record = ap_register_output_filter(kFilter, on_output, nullptr, kPlace); }

NonblockingOutput::NonblockingOutput(request_rec* r) : active_(is_active(r)) { *active_ = true; }

NonblockingOutput::~NonblockingOutput() { *active_ = false; }

bool NonblockingOutput::go_on(conn_rec* connection) {
  const ap_filter_t* const filter = find_filter(connection);
  const apr_status_t status =
      filter != nullptr ? write_rest(filter, static_cast<State*>(filter->ctx)->rest) : have_core_write(connection);
  return status == APR_SUCCESS;
}

bool NonblockingOutput::is_waiting(const conn_rec* connection) {
  const ap_filter_t* const filter = find_filter(connection);
  return has_core_more(connection) ||
         (filter != nullptr && !APR_BRIGADE_EMPTY(static_cast<const State*>(filter->ctx)->rest));
}

}  // namespace httpd
