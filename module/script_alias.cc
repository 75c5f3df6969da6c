// SPDX-License-Identifier: Apache-2.0
#include "module/script_alias.h"

#include <cstring>

#include "module/url_match.h"

namespace httpd {
namespace {

const char* file_by_prefix(request_rec* r, const ScriptAlias& alias) {
  const std::string_view uri = r->uri;
  const std::size_t matched = match_prefix(alias.path, uri);
  if (matched == 0) return nullptr;
  // "/" takes nothing of the URL with it: the whole of it is path info.
  const std::size_t from = std::strcmp(alias.path, "/") == 0 ? 0 : matched;
  return apr_pstrcat(r->pool, alias.target, r->uri + from, nullptr);
}

const char* file_by_expression(request_rec* r, const ScriptAlias& alias) {
  ap_regmatch_t groups[AP_MAX_REG_MATCH];
  if (ap_regexec(alias.regex, r->uri, AP_MAX_REG_MATCH, groups, 0) != 0) return nullptr;
  const char* target = ap_pregsub(r->pool, alias.target, r->uri, AP_MAX_REG_MATCH, groups);
  return target != nullptr ? apr_pstrcat(r->pool, target, r->uri + groups[0].rm_eo, nullptr) : nullptr;
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
    const char* file = alias.regex != nullptr ? file_by_expression(r, alias) : file_by_prefix(r, alias);
    if (file == nullptr) continue;
    r->filename = apr_pstrdup(r->pool, file);
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

bool is_aliased(const request_rec* r) {
  const char* forced = apr_table_get(r->notes, "alias-forced-type");
  return forced != nullptr && std::strcmp(forced, kHandlerName) == 0;
}

}  // namespace httpd
