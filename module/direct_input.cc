// SPDX-License-Identifier: Apache-2.0
#include "module/direct_input.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <new>
#include <string_view>

namespace httpd {

// Where bytes are taken to; neither: nothing is taken. One for each connection that has the filter.
struct DirectInput::Place {
  static constexpr int kNoPipe = -1;
  int pipe = kNoPipe;
  char* memory = nullptr;
  std::size_t size = 0;

  bool is_there() const { return pipe != kNoPipe || memory != nullptr; }
};

namespace {

constexpr const char* kFilter = "GATEHOUSE_DIRECT_INPUT";
// Behind the filters that count; in front of the core.
constexpr auto kPlace = static_cast<ap_filter_type>(AP_FTYPE_NETWORK - 1);

const ap_filter_rec_t* own_record = nullptr;  // set while httpd starts

apr_status_t refuse_to_read(apr_bucket*, const char**, apr_size_t*, apr_read_type_e) noexcept { return APR_ENOTIMPL; }

constexpr apr_bucket_type_t kTaken = {"GATEHOUSE_TAKEN",
                                      5,
                                      apr_bucket_type_t::APR_BUCKET_DATA,
                                      apr_bucket_destroy_noop,
                                      refuse_to_read,
                                      apr_bucket_setaside_noop,
                                      apr_bucket_simple_split,
                                      apr_bucket_simple_copy};

void append_taken(std::size_t size, apr_bucket_brigade* brigade) {
  auto* const bucket = static_cast<apr_bucket*>(apr_bucket_alloc(sizeof(apr_bucket), brigade->bucket_alloc));
  APR_BUCKET_INIT(bucket);
  bucket->free = apr_bucket_free;
  bucket->list = brigade->bucket_alloc;
  bucket->type = &kTaken;
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
    if (bucket->length == static_cast<apr_size_t>(-1)) return -1;
    held += static_cast<apr_off_t>(bucket->length);
  }
  return -1;
}

bool is_full(const DirectInput::Place& place) {
  pollfd pipe = {place.pipe, POLLOUT, 0};
  return place.memory == nullptr && poll(&pipe, 1, 0) == 0;
}

ssize_t take(int socket, const DirectInput::Place& place, std::size_t most) {
  return place.memory != nullptr ? recv(socket, place.memory, std::min(most, place.size), MSG_DONTWAIT)
                                 : splice(socket, nullptr, place.pipe, nullptr, most, SPLICE_F_NONBLOCK);
}

apr_status_t on_input(ap_filter_t* filter, apr_bucket_brigade* brigade, ap_input_mode_t mode, apr_read_type_e how,
                      apr_off_t size) noexcept {
  const auto& place = *static_cast<const DirectInput::Place*>(filter->ctx);
  ap_filter_t* const core = filter->next;
  if (!place.is_there() || mode != AP_MODE_READBYTES || size <= 0)
    return ap_get_brigade(core, brigade, mode, how, size);
  const apr_off_t held = held_by(core);
  if (held > 0) return ap_get_brigade(core, brigade, mode, how, std::min(held, size));
  apr_socket_t* const socket = static_cast<core_net_rec*>(core->ctx)->client_socket;
  apr_os_sock_t descriptor = -1;
  if (held < 0 || apr_os_sock_get(&descriptor, socket) != APR_SUCCESS)
    return ap_get_brigade(core, brigade, mode, how, size);
  for (;;) {
    const ssize_t taken = take(descriptor, place, static_cast<std::size_t>(size));
    if (taken > 0) {
      append_taken(static_cast<std::size_t>(taken), brigade);
      return APR_SUCCESS;
    }
    if (taken == 0) return APR_EOF;
    if (errno == EINTR) continue;
    // The core meets every other error, too, and knows what to do about it.
    if (errno != EAGAIN || is_full(place)) return ap_get_brigade(core, brigade, mode, how, size);
    if (how == APR_NONBLOCK_READ) return APR_EAGAIN;
    if (const apr_status_t status = apr_wait_for_io_or_timeout(nullptr, socket, 1); status != APR_SUCCESS)
      return status;
  }
}

// The filter comes to a connection with the first that is taken from it, and stays.
DirectInput::Place* place_of(request_rec* r) {
  for (const ap_filter_t* filter = r->connection->input_filters; filter != nullptr; filter = filter->next)
    if (filter->frec == own_record) return static_cast<DirectInput::Place*>(filter->ctx);
  auto* const place = new (apr_palloc(r->connection->pool, sizeof(DirectInput::Place))) DirectInput::Place;
  ap_add_input_filter(kFilter, place, r, r->connection);
  return place;
}

}  // namespace

void register_direct_input() { own_record = ap_register_input_filter(kFilter, on_input, nullptr, kPlace); }

bool DirectInput::is_possible(const request_rec* r) {
  if (r->connection->master != nullptr) return false;
  const ap_filter_t* const core = core_of(r);
  return core != nullptr && held_by(core) >= 0;
}

DirectInput::DirectInput(request_rec* r, int pipe) : place_(place_of(r)) { place_->pipe = pipe; }

DirectInput::DirectInput(request_rec* r, void* memory, std::size_t size) : place_(place_of(r)) {
  place_->memory = static_cast<char*>(memory);
  place_->size = size;
}

DirectInput::~DirectInput() { *place_ = Place(); }

bool DirectInput::is_taken(const apr_bucket* bucket) { return bucket->type == &kTaken; }

}  // namespace httpd
