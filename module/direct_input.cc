// SPDX-License-Identifier: Apache-2.0
#include "module/direct_input.h"

#include <fcntl.h>
#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <string_view>

namespace httpd {
namespace {

constexpr const char* kFilter = "GATEHOUSE_DIRECT_INPUT";
// Behind the filters that count; in front of the core.
constexpr auto kPlace = static_cast<ap_filter_type>(AP_FTYPE_NETWORK - 1);
constexpr int kNoPipe = -1;

const ap_filter_rec_t* own_record = nullptr;  // set while httpd starts

apr_status_t refuse_to_read(apr_bucket*, const char**, apr_size_t*, apr_read_type_e) noexcept { return APR_ENOTIMPL; }

constexpr apr_bucket_type_t kPiped = {"GATEHOUSE_PIPED",
                                      5,
                                      apr_bucket_type_t::APR_BUCKET_DATA,
                                      apr_bucket_destroy_noop,
                                      refuse_to_read,
                                      apr_bucket_setaside_noop,
                                      apr_bucket_simple_split,
                                      apr_bucket_simple_copy};

void append_piped(std::size_t size, apr_bucket_brigade* brigade) {
  auto* const bucket = static_cast<apr_bucket*>(apr_bucket_alloc(sizeof(apr_bucket), brigade->bucket_alloc));
  APR_BUCKET_INIT(bucket);
  bucket->free = apr_bucket_free;
  bucket->list = brigade->bucket_alloc;
  bucket->type = &kPiped;
  bucket->data = nullptr;
  bucket->start = 0;
  bucket->length = size;
  APR_BRIGADE_INSERT_TAIL(brigade, bucket);
}

// They look at no byte: HTTP_IN at those of chunk headers only, which it does not read in AP_MODE_READBYTES.
bool only_counts(const ap_filter_t* filter) {
  const std::string_view name = filter->frec->name;
  return filter->frec == own_record || filter->frec == ap_http_input_filter_handle || name == "reqtimeout" ||
         name == "log_input_output";
}

// NULL: something stands between the request and the core.
const ap_filter_t* core_of(const request_rec* r) {
  const ap_filter_t* filter = r->input_filters;
  while (filter != nullptr && only_counts(filter)) filter = filter->next;
  return filter != nullptr && filter->frec == ap_core_input_filter_handle ? filter : nullptr;
}

// What the core has read and nobody has taken; -1: this cannot be told, as its bytes come from elsewhere than a socket.
apr_off_t held_by(const ap_filter_t* core) {
  const core_ctx_t* const input = static_cast<const core_net_rec*>(core->ctx)->in_ctx;
  if (input == nullptr) return -1;
  apr_off_t held = 0;
  for (const apr_bucket* bucket = APR_BRIGADE_FIRST(input->b); bucket != APR_BRIGADE_SENTINEL(input->b);
       bucket = APR_BUCKET_NEXT(bucket)) {
    if (APR_BUCKET_IS_SOCKET(bucket)) return held;
    held += static_cast<apr_off_t>(bucket->length);
  }
  return -1;
}

bool is_full(int pipe) {
  pollfd end = {pipe, POLLOUT, 0};
  return poll(&end, 1, 0) == 0;
}

apr_status_t on_input(ap_filter_t* filter, apr_bucket_brigade* brigade, ap_input_mode_t mode, apr_read_type_e how,
                      apr_off_t size) noexcept {
  const int pipe = *static_cast<int*>(filter->ctx);
  ap_filter_t* const core = filter->next;
  if (pipe == kNoPipe || mode != AP_MODE_READBYTES || size <= 0) return ap_get_brigade(core, brigade, mode, how, size);
  const apr_off_t held = held_by(core);
  if (held > 0) return ap_get_brigade(core, brigade, mode, how, std::min(held, size));
  apr_socket_t* const socket = static_cast<core_net_rec*>(core->ctx)->client_socket;
  apr_os_sock_t descriptor = -1;
  if (held < 0 || apr_os_sock_get(&descriptor, socket) != APR_SUCCESS)
    return ap_get_brigade(core, brigade, mode, how, size);
  for (;;) {
    const ssize_t moved = splice(descriptor, nullptr, pipe, nullptr, static_cast<std::size_t>(size), SPLICE_F_NONBLOCK);
    if (moved > 0) {
      append_piped(static_cast<std::size_t>(moved), brigade);
      return APR_SUCCESS;
    }
    if (moved == 0) return APR_EOF;
    if (errno == EINTR) continue;
    // The core meets every other error, too, and knows what to do about it.
    if (errno != EAGAIN || is_full(pipe)) return ap_get_brigade(core, brigade, mode, how, size);
    if (how == APR_NONBLOCK_READ) return APR_EAGAIN;
    if (const apr_status_t status = apr_wait_for_io_or_timeout(nullptr, socket, 1); status != APR_SUCCESS)
      return status;
  }
}

// The filter comes to a connection with its first body that goes into a pipe, and stays.
int* pipe_of(request_rec* r) {
  for (const ap_filter_t* filter = r->connection->input_filters; filter != nullptr; filter = filter->next)
    if (filter->frec == own_record) return static_cast<int*>(filter->ctx);
  auto* const pipe = static_cast<int*>(apr_palloc(r->connection->pool, sizeof(int)));
  *pipe = kNoPipe;
  ap_add_input_filter(kFilter, pipe, r, r->connection);
  return pipe;
}

}  // namespace

void register_direct_input() { own_record = ap_register_input_filter(kFilter, on_input, nullptr, kPlace); }

bool DirectInput::is_possible(request_rec* r) {
  if (r->connection->master != nullptr) return false;
  const ap_filter_t* const core = core_of(r);
  return core != nullptr && held_by(core) >= 0;
}

DirectInput::DirectInput(request_rec* r, int pipe) : pipe_(pipe_of(r)) { *pipe_ = pipe; }

DirectInput::~DirectInput() { *pipe_ = kNoPipe; }

bool DirectInput::is_piped(const apr_bucket* bucket) { return bucket->type == &kPiped; }

}  // namespace httpd
