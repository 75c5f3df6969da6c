// SPDX-License-Identifier: Apache-2.0
#include "module/access_hooks.h"

#include "module/hook_call.h"
#include "module/request_facts.h"

namespace httpd {
namespace {

using Kind = Verdict::Kind;

constexpr std::string_view kAllowAccess = "allow_access";
constexpr std::string_view kCheckPassword = "check_password";
constexpr std::string_view kRealmHash = "get_realm_hash";
constexpr std::string_view kGroups = "groups_for_user";

// Calls one function; *answer is set when the status is OK.
HookResult ask(request_rec* r, const HookScript& script, std::string_view function,
               std::span<const std::string_view> arguments, std::uint32_t flags, Answer* answer) {
  PoolArena arena(r->pool);
  wsgi::EnvironList environ(arena);
  gather_hook_facts(r, &environ);
  std::vector<Answer> answers;
  const HookCall call{&script, flags | GATEHOUSE_CALL_SSL, {&function, 1}, arguments, &environ};
  const HookResult result = call_hook(r, call, &answers);
  if (result.status == OK) *answer = std::move(answers[0]);
  return result;
}

// The directory's script for a provider; NULL, logged, when it has none.
const HookScript* script_for(request_rec* r, const HookScript* script, const char* provider, const char* directive) {
  if (script == nullptr)
    log_request(r, base::Message::kHookScriptMissing, "%s is used here, but no script; name one with %s", provider,
                directive);
  return script;
}

authn_status check_credentials(request_rec* r, std::string_view function, const char* user, const char* other,
                               Verdict (*judge)(const Answer&), std::string* text) {
  const HookScript* script =
      script_for(r, directory_config(r).auth_user_script, "the authentication provider wsgi", "WSGIAuthUserScript");
  if (script == nullptr) return AUTH_GENERAL_ERROR;
  const std::string_view arguments[] = {view_of(user), view_of(other)};
  Answer answer;
  if (ask(r, *script, function, arguments, 0, &answer).status != OK) return AUTH_GENERAL_ERROR;
  Verdict verdict = judge(answer);
  log_verdict(r, *script, function, verdict);
  *text = std::move(verdict.text);
  switch (verdict.kind) {
    case Kind::kYes:
      return AUTH_GRANTED;
    case Kind::kNo:
      return AUTH_DENIED;
    case Kind::kUnknown:
      return AUTH_USER_NOT_FOUND;
    case Kind::kMistaken:
      break;
  }
  return AUTH_GENERAL_ERROR;
}

authn_status on_check_password(request_rec* r, const char* user, const char* password) noexcept {
  std::string name;
  const authn_status status = check_credentials(r, kCheckPassword, user, password, password_verdict, &name);
  if (status == AUTH_GRANTED && !name.empty()) r->user = apr_pstrmemdup(r->pool, name.data(), name.size());
  return status;
}

authn_status on_realm_hash(request_rec* r, const char* user, const char* realm, char** hash) noexcept {
  std::string text;
  const authn_status status = check_credentials(r, kRealmHash, user, realm, hash_verdict, &text);
  if (status != AUTH_GRANTED) return status;
  *hash = apr_pstrmemdup(r->pool, text.data(), text.size());
  return AUTH_USER_FOUND;
}

// --- Require wsgi-group

using GroupNames = std::vector<std::string_view>;

GroupNames* group_names(apr_pool_t* pool, const char* line) {
  auto* names = pool_new<GroupNames>(pool);
  const char* rest = apr_pstrdup(pool, line);
  for (const char* name = ap_getword_conf(pool, &rest); name[0] != '\0'; name = ap_getword_conf(pool, &rest))
    names->push_back(name);
  return names;
}

const char* on_parse_groups(cmd_parms* cmd, const char* line, const void** parsed) noexcept {
  const GroupNames* names = group_names(cmd->pool, line);
  *parsed = names;
  return names->empty() ? "Require wsgi-group needs the name of at least one group" : nullptr;
}

authz_status on_check_groups(request_rec* r, const char* line, const void* parsed) noexcept {
  if (r->user == nullptr) return AUTHZ_DENIED_NO_USER;
  const HookScript* script =
      script_for(r, directory_config(r).auth_group_script, "Require wsgi-group", "WSGIAuthGroupScript");
  if (script == nullptr) return AUTHZ_DENIED;
  const auto* wanted = parsed != nullptr ? static_cast<const GroupNames*>(parsed) : group_names(r->pool, line);
  const std::string_view user = r->user;
  Answer answer;
  const HookResult result = ask(r, *script, kGroups, {&user, 1}, GATEHOUSE_CALL_LIST, &answer);
  if (result.status != OK) return result.script_failed ? AUTHZ_DENIED : AUTHZ_GENERAL_ERROR;
  const Verdict verdict = group_verdict(answer, *wanted);
  log_verdict(r, *script, kGroups, verdict);
  return verdict.kind == Kind::kYes ? AUTHZ_GRANTED : AUTHZ_DENIED;
}

}  // namespace

int check_access(request_rec* r) {
  const HookScript* script = directory_config(r).access_script;
  if (script == nullptr) return DECLINED;
  const char* name = ap_get_useragent_host(r, REMOTE_HOST, nullptr);
  const std::string_view host = view_of(name != nullptr ? name : r->useragent_ip);
  Answer answer;
  const int status = ask(r, *script, kAllowAccess, {&host, 1}, 0, &answer).status;
  if (status != OK) return status;
  const Verdict verdict = access_verdict(answer);
  log_verdict(r, *script, kAllowAccess, verdict);
  switch (verdict.kind) {
    case Kind::kYes:
      return OK;
    case Kind::kUnknown:
      return DECLINED;
    case Kind::kNo:
      log_request(r, base::Message::kAccessRefused, "%s %s refused the client", script->directive, script->path);
      break;
    case Kind::kMistaken:
      break;
  }
  return HTTP_FORBIDDEN;
}

void register_auth_providers(apr_pool_t* pool) {
  static const authn_provider users = {on_check_password, on_realm_hash};
  static const authz_provider groups = {on_check_groups, on_parse_groups};
  ap_register_auth_provider(pool, AUTHN_PROVIDER_GROUP, "wsgi", AUTHN_PROVIDER_VERSION, &users,
                            AP_AUTH_INTERNAL_PER_CONF);
  ap_register_auth_provider(pool, AUTHZ_PROVIDER_GROUP, "wsgi-group", AUTHZ_PROVIDER_VERSION, &groups,
                            AP_AUTH_INTERNAL_PER_CONF);
}

}  // namespace httpd
