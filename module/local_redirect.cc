// SPDX-License-Identifier: Apache-2.0
#include "module/local_redirect.h"

namespace httpd {

int redirect_locally(request_rec* r, const char* location) {
  // With Content-Length gone, httpd would take a body that nobody has read for the connection's next request.
  if (const int status = ap_discard_request_body(r); status != OK) return status;
  for (const char* name : {"Content-Length", "Transfer-Encoding", "Content-Type", "Expect"})
    apr_table_unset(r->headers_in, name);
  r->method = "GET";
  r->method_number = M_GET;
  // Not ap_internal_redirect_handler: nothing that the application said may choose who handles the new request.
  ap_internal_redirect(location, r);
  return OK;
}

}  // namespace httpd
