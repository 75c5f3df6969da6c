// SPDX-License-Identifier: Apache-2.0
#include "module/nonblocking_output.h"

namespace httpd {
namespace {

constexpr const char* kFilter = "GATEHOUSE_NONBLOCKING";
// Behind TLS, whose records it sees; in front of the core.
constexpr auto kPlace = static_cast<ap_filter_type>(AP_FTYPE_NETWORK - 1);

const ap_filter_rec_t* own_record = nullptr;  // set while httpd starts

apr_status_t on_output(ap_filter_t* filter, apr_bucket_brigade* brigade) noexcept {
  if (!*static_cast<bool*>(filter->ctx)) return ap_pass_brigade(filter->next, brigade);
  bool is_flushed = false;
  apr_bucket* next = nullptr;
  for (apr_bucket* bucket = APR_BRIGADE_FIRST(brigade); bucket != APR_BRIGADE_SENTINEL(brigade); bucket = next) {
    next = APR_BUCKET_NEXT(bucket);
    if (!APR_BUCKET_IS_FLUSH(bucket)) continue;
    is_flushed = true;
    apr_bucket_delete(bucket);
  }
  const apr_status_t status = ap_pass_brigade(filter->next, brigade);
  if (status != APR_SUCCESS || !is_flushed) return status;
  return NonblockingOutput::go_on(filter->c) ? APR_SUCCESS : APR_ECONNABORTED;
}

// The filter comes to a connection with its first response that is not there at once, and stays.
bool* is_active(request_rec* r) {
  for (const ap_filter_t* filter = r->connection->output_filters; filter != nullptr; filter = filter->next)
    if (filter->frec == own_record) return static_cast<bool*>(filter->ctx);
  auto* const active = static_cast<bool*>(apr_pcalloc(r->connection->pool, sizeof(bool)));
  ap_add_output_filter(kFilter, active, r, r->connection);
  return active;
}

}  // namespace

void register_nonblocking_output() { own_record = ap_register_output_filter(kFilter, on_output, nullptr, kPlace); }

NonblockingOutput::NonblockingOutput(request_rec* r) : active_(is_active(r)) { *active_ = true; }

NonblockingOutput::~NonblockingOutput() { *active_ = false; }

// As the event MPM does once the handler has returned.
bool NonblockingOutput::go_on(conn_rec* connection) {
  ap_filter_t* core = connection->output_filters;
  while (core->next != nullptr) core = core->next;
  return core->frec->filter_func.out_func(core, nullptr) == APR_SUCCESS && connection->aborted == 0;
}

}  // namespace httpd
