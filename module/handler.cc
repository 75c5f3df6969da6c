// SPDX-License-Identifier: Apache-2.0
#include "module/handler.h"

#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/file_access.h"
#include "module/brigade.h"
#include "module/chroot_path.h"
#include "module/daemon_client.h"
#include "module/dispatch.h"
#include "module/embedded_host.h"
#include "module/local_redirect.h"
#include "module/request_facts.h"
#include "module/script_alias.h"
#include "module/target.h"

namespace httpd {
namespace {

using base::Message;

bool is_script_handler(const request_rec* r) {
  return r->handler != nullptr &&
         (std::strcmp(r->handler, kHandlerName) == 0 || std::strcmp(r->handler, kHandlerType) == 0);
}

int check_path_info(request_rec* r) {
  if (r->used_path_info != AP_REQ_REJECT_PATH_INFO || r->path_info == nullptr || r->path_info[0] == '\0') return OK;
  log_request(r, Message::kPathInfoRefused, "AcceptPathInfo is Off for %s, and the URL goes on with %s", r->filename,
              r->path_info);
  return HTTP_NOT_FOUND;
}

int check_script(request_rec* r) {
  if (is_module(r)) return check_path_info(r);
  if (!is_aliased(r) && (ap_allow_options(r) & OPT_EXECCGI) == 0) {
    log_request(r, Message::kExecCgi, "Options ExecCGI is off for %s; set Options +ExecCGI, or use WSGIScriptAlias",
                r->filename);
    return HTTP_FORBIDDEN;
  }
  if (r->finfo.filetype == APR_NOFILE) {
    log_request(r, Message::kScriptMissing, "script %s does not exist; correct the path, or create it", r->filename);
    return HTTP_NOT_FOUND;
  }
  if (r->finfo.filetype == APR_DIR) {
    log_request(r, Message::kScriptDirectory,
                "%s is a directory; name a script, or end URL path and directory of the alias with '/'", r->filename);
    return HTTP_FORBIDDEN;
  }
  return check_path_info(r);
}

bool is_number(const char* text) {
  return text[0] != '\0' && std::strspn(text, "0123456789") == std::strlen(text) && std::strlen(text) < 19;
}

int check_body(request_rec* r) {
  const char* encoding = apr_table_get(r->headers_in, "Transfer-Encoding");
  const char* length = apr_table_get(r->headers_in, "Content-Length");
  if (encoding != nullptr && strcasecmp(encoding, "chunked") != 0) {
    log_request(r, Message::kTransferEncoding, "the request's Transfer-Encoding \"%s\" is not chunked", encoding);
    return HTTP_NOT_IMPLEMENTED;
  }
  if (encoding != nullptr && directory_config(r).chunked_request != Switch::kOn) {
    log_request(r, Message::kChunkedRefused, "the request body has no Content-Length; set WSGIChunkedRequest On");
    return HTTP_LENGTH_REQUIRED;
  }
  if (length == nullptr) return OK;
  if (!is_number(length)) {
    log_request(r, Message::kContentLength, "the request's Content-Length \"%s\" is no number", length);
    return HTTP_BAD_REQUEST;
  }
  const apr_off_t limit = ap_get_limit_req_body(r);
  if (limit == 0 || std::strtoll(length, nullptr, 10) <= limit) return OK;
  log_request(r, Message::kBodyTooLarge,
              "the request body of %s bytes is larger than LimitRequestBody (%" APR_OFF_T_FMT ")", length, limit);
  return HTTP_REQUEST_ENTITY_TOO_LARGE;
}

// Embedded only: a worker reads as another user and says so itself.
int check_readable(request_rec* r) {
  if (is_module(r)) return OK;
  if ((r->finfo.valid & APR_FINFO_WPROT) != 0 && (r->finfo.protection & APR_FPROT_WREAD) != 0) return OK;
  if (access(r->filename, R_OK) == 0) return OK;
  const int error = errno;
  log_request(r, Message::kScriptClosed, "script %s cannot be read by the user that httpd runs as: %s", r->filename,
              error == EACCES ? base::why_denied(r->filename).c_str() : std::strerror(error));
  return HTTP_FORBIDDEN;
}

// script-user=, script-group=
int check_owner(request_rec* r, const DaemonGroup& group) {
  if (!group.script_owner.is_set()) return OK;
  struct stat script {};
  struct stat directory {};
  std::string problem;
  if (stat(r->filename, &script) != 0 || stat(ap_make_dirstr_parent(r->pool, r->filename), &directory) != 0)
    problem = std::string("its owner cannot be found out: ") + std::strerror(errno);
  else
    problem = problem_of_owner(group.script_owner, script, directory);
  if (problem.empty()) return OK;
  log_request(r, Message::kScriptOwner, "group '%s' may not run %s: %s", group.spec.name.c_str(), r->filename,
              problem.c_str());
  return HTTP_FORBIDDEN;
}

// With chroot= the group sees file names without its root; it does not see what lies elsewhere.
int enter_chroot(request_rec* r, const std::string& root, Target* target, wsgi::EnvironList* environ) {
  if (root.empty()) return OK;
  target->script = path_inside(root, target->script);
  if (target->script.empty()) {
    log_request(r, Message::kScriptOutside, "script %s does not lie below %s, the root directory of its process group",
                r->filename, root.c_str());
    return HTTP_BAD_GATEWAY;
  }
  environ->add_computed("SCRIPT_FILENAME", path_inside(root, environ->find("SCRIPT_FILENAME")));
  environ->add_computed("DOCUMENT_ROOT", path_inside(root, environ->find("DOCUMENT_ROOT")));
  if (environ->find("DOCUMENT_ROOT").empty()) environ->remove("DOCUMENT_ROOT");
  return OK;
}

// A client that waits to be invited, or whose body has no known end, may be in a conversation with the application.
BodyFirst body_first(request_rec* r, const RequestFacts& facts) {
  const Switch buffering = directory_config(r).request_buffering;
  if (buffering == Switch::kOn) return BodyFirst::kBuffer;
  if (facts.expects_continue) return BodyFirst::kNothing;
  if (buffering == Switch::kOff) return BodyFirst::kInstant;
  return facts.content_length < 0 ? BodyFirst::kBegun : BodyFirst::kBuffer;
}

int serve_by_daemon(request_rec* r, Target target, RequestFacts* facts, BodyReader* body, ResponseWriter* writer) {
  if (const int status = check_owner(r, *target.group); status != OK) return status;
  if (const int status = enter_chroot(r, target.group->spec.chroot, &target, &facts->environ); status != OK)
    return status;
  std::uint32_t flags = facts->flags;
  if (directory_config(r).ignore_activity == Switch::kOn) flags |= wire::kIgnoreActivity;
  wire::RequestHead head = head_of(r, target, facts->environ, flags);
  head.content_length = facts->content_length;
  return forward_to_daemon(r, {target.group, &head, body_first(r, *facts)}, body, writer);
}

}  // namespace

int handle_request(request_rec* r) {
  // The file of a handler script's request is its resource, which need be neither a script nor there at all.
  const bool is_script = is_script_handler(r);
  const HandlerScript* handler = is_script ? nullptr : handler_script(r);
  if (!is_script && handler == nullptr) return DECLINED;
  if (const int status = handler != nullptr ? check_path_info(r) : check_script(r); status != OK) return status;
  if (const int status = check_body(r); status != OK) return status;

  RequestFacts facts(r);
  gather_facts(r, handler, pass_authorization_of(r, handler), &facts);
  Target target = name_target(r, handler);
  if (const int status = dispatch(r, &facts, &target); status != OK) return status;
  if (const int status = place_target(r, &target); status != OK) return status;
  add_target(target, &facts);
  BodyReader body(r);
  ResponseWriter writer(r);
  int status = OK;
  if (target.group != nullptr) {
    status = serve_by_daemon(r, target, &facts, &body, &writer);
  } else if (handler != nullptr || (status = check_readable(r)) == OK) {
    status = serve_embedded(r, target, &facts, &body, &writer);
  }
  return writer.redirect() != nullptr ? redirect_locally(r, writer.redirect()) : status;
}

}  // namespace httpd
