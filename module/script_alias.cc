// SPDX-License-Identifier: Apache-2.0
#include "module/script_alias.h"

#include <cstring>

#include "module/url_match.h"
#include "wsgi/module_target.h"

namespace httpd {
namespace {

// What an alias makes of a URL: its target, and the part of the URL that is behind the match.
struct Match {
  const char* target = nullptr;  // NULL: no match
  const char* rest = nullptr;
};

Match match_by_prefix(request_rec* r, const ScriptAlias& alias) {
  const std::string_view uri = r->uri;
  const std::size_t matched = match_prefix(alias.path, uri);
  if (matched == 0) return {};
  // "/" takes nothing of the URL with it: the whole of it is path info.
  const std::size_t from = std::strcmp(alias.path, "/") == 0 ? 0 : matched;
  return {alias.target, r->uri + from};
}

Match match_by_expression(request_rec* r, const ScriptAlias& alias) {
  ap_regmatch_t groups[AP_MAX_REG_MATCH];
  if (ap_regexec(alias.regex, r->uri, AP_MAX_REG_MATCH, groups, 0) != 0) return {};
  return {ap_pregsub(r->pool, alias.target, r->uri, AP_MAX_REG_MATCH, groups), r->uri + groups[0].rm_eo};
}

void note(request_rec* r, const char* name, const char* value) {
  if (value != nullptr) apr_table_setn(r->notes, name, value);
}

}  // namespace

int translate_by_alias(request_rec* r) {
  if (r->uri == nullptr || r->uri[0] != '/') return DECLINED;
  const apr_array_header_t& aliases = *server_config(r->server).aliases;
  for (int i = 0; i < aliases.nelts; ++i) {
    const ScriptAlias& alias = APR_ARRAY_IDX(&aliases, i, ScriptAlias);
    const Match match = alias.regex != nullptr ? match_by_expression(r, alias) : match_by_prefix(r, alias);
    if (match.target == nullptr) continue;
    if (wsgi::names_module(match.target)) {
      r->filename = apr_pstrdup(r->pool, match.target);
      r->path_info = apr_pstrdup(r->pool, match.rest);
    } else {
      r->filename = apr_pstrcat(r->pool, match.target, match.rest, nullptr);
    }
    r->handler = kHandlerName;
    note(r, "alias-forced-type", kHandlerName);
    note(r, kNoteProcessGroup, alias.process_group);
    note(r, kNoteApplicationGroup, alias.application_group);
    note(r, kNoteCallable, alias.callable_object);
    if (alias.pass_authorization != Switch::kUnset)
      note(r, kNotePassAuthorization, alias.pass_authorization == Switch::kOn ? "1" : "0");
    return OK;
  }
  return DECLINED;
}

bool is_module(const request_rec* r) { return wsgi::names_module(view_of(r->filename)) && is_aliased(r); }

int keep_module_from_storage(request_rec* r) { return is_module(r) ? OK : DECLINED; }

bool is_aliased(const request_rec* r) {
  const char* forced = apr_table_get(r->notes, "alias-forced-type");
  return forced != nullptr && std::strcmp(forced, kHandlerName) == 0;
}

}  // namespace httpd
