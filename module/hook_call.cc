// SPDX-License-Identifier: Apache-2.0
#include "module/hook_call.h"

#include "module/daemon_client.h"
#include "module/embedded_host.h"
#include "module/target.h"

namespace httpd {
namespace {

using base::Message;

// What mod_ssl.var_lookup() knows in a process group; in this process it asks mod_ssl itself.
constexpr const char* kSslVariables[] = {
    "SSL_PROTOCOL",          "SSL_CIPHER",
    "SSL_CIPHER_USEKEYSIZE", "SSL_CIPHER_ALGKEYSIZE",
    "SSL_SESSION_ID",        "SSL_SESSION_RESUMED",
    "SSL_TLS_SNI",           "SSL_CLIENT_VERIFY",
    "SSL_CLIENT_M_VERSION",  "SSL_CLIENT_M_SERIAL",
    "SSL_CLIENT_V_START",    "SSL_CLIENT_V_END",
    "SSL_CLIENT_V_REMAIN",   "SSL_CLIENT_S_DN",
    "SSL_CLIENT_S_DN_CN",    "SSL_CLIENT_S_DN_O",
    "SSL_CLIENT_S_DN_OU",    "SSL_CLIENT_S_DN_Email",
    "SSL_CLIENT_S_DN_UID",   "SSL_CLIENT_I_DN",
    "SSL_CLIENT_I_DN_CN",    "SSL_CLIENT_I_DN_O",
    "SSL_CLIENT_A_SIG",      "SSL_CLIENT_A_KEY",
    "SSL_CLIENT_CERT",       "SSL_CLIENT_SAN_Email_0",
    "SSL_CLIENT_SAN_DNS_0",  "SSL_SERVER_S_DN",
    "SSL_SERVER_S_DN_CN",    "SSL_SERVER_I_DN",
};

const char* look_up(request_rec* r, const char* name) {
  return ap_ssl_var_lookup(r->pool, r->server, r->connection, r, name);
}

std::uint32_t https_flag(const request_rec* r) {
  return ap_ssl_conn_is_ssl(r->connection) ? std::uint32_t{GATEHOUSE_HTTPS} : 0;
}

// --- In this process

struct Context {
  request_rec* r;
  std::vector<Answer>* answers;
};

void on_log(void* context, gatehouse_level level, gatehouse_text line, const gatehouse_place* place) noexcept {
  log_request_line(static_cast<Context*>(context)->r, static_cast<base::Level>(level), {line.data, line.size}, place);
}

gatehouse_text on_ssl_variable(void* context, gatehouse_text name) noexcept {
  request_rec* r = static_cast<Context*>(context)->r;
  const std::string_view value = view_of(look_up(r, pool_copy(r->pool, {name.data, name.size})));
  return {value.data(), value.size()};
}

void on_answer(void* context, std::size_t function, gatehouse_answer kind, const gatehouse_text* texts,
               std::size_t count) noexcept {
  Answer& answer = (*static_cast<Context*>(context)->answers)[function];
  answer.kind = kind;
  for (std::size_t i = 0; i < count; ++i) answer.texts.emplace_back(texts[i].data, texts[i].size);
}

// Of an application's callbacks, a function needs its log only.
constexpr gatehouse_request_calls make_calls() {
  gatehouse_request_calls calls{};
  calls.size = sizeof calls;
  calls.log = on_log;
  return calls;
}
constexpr gatehouse_request_calls kCalls = make_calls();

gatehouse_text text_of(std::string_view view) { return {view.data(), view.size()}; }

std::vector<gatehouse_text> texts_of(std::span<const std::string_view> views) {
  std::vector<gatehouse_text> texts;
  texts.reserve(views.size());
  for (const std::string_view view : views) texts.push_back(text_of(view));
  return texts;
}

HookResult call_embedded(request_rec* r, const HookCall& call, const Target& target, std::vector<Answer>* answers) {
  const gatehouse_engine_table* engine = embedded_engine(r);
  if (engine == nullptr) return {HTTP_INTERNAL_SERVER_ERROR, false};
  const gatehouse_target engine_target = {sizeof engine_target,
                                          target.flags,
                                          text_of(target.script),
                                          {},
                                          text_of(target.interpreter),
                                          text_of(target.application_group),
                                          0};
  Context context{r, answers};
  const auto pairs = call.environ->pairs();
  gatehouse_request request{};
  request.size = sizeof request;
  request.flags = https_flag(r);
  request.context = &context;
  request.calls = &kCalls;
  request.target = &engine_target;
  request.environ = pairs.data();
  request.environ_count = pairs.size();
  request.log_level = ap_get_request_module_loglevel(r, APLOG_MODULE_INDEX);
  if (directory_config(r).pass_apache_request == Switch::kOn) request.request_rec = r;
  const std::vector<gatehouse_text> functions = texts_of(call.functions);
  const std::vector<gatehouse_text> arguments = texts_of(call.arguments);
  const gatehouse_call engine_call = {sizeof engine_call, call.flags,       &request,
                                      functions.data(),   functions.size(), arguments.data(),
                                      arguments.size(),   on_ssl_variable,  on_answer};
  gatehouse_outcome outcome = {sizeof outcome, GATEHOUSE_FAILED, 0};
  engine->call(&engine_call, &outcome);
  if (outcome.result == GATEHOUSE_COMPLETE) return {OK, false};
  return {outcome.status >= 400 ? static_cast<int>(outcome.status) : HTTP_INTERNAL_SERVER_ERROR, true};
}

// --- In a process group

std::vector<wire::Pair> ssl_variables(request_rec* r) {
  std::vector<wire::Pair> variables;
  if (!ap_ssl_conn_is_ssl(r->connection)) return variables;
  for (const char* name : kSslVariables)
    if (const char* value = look_up(r, name); value != nullptr && value[0] != '\0') variables.push_back({name, value});
  return variables;
}

HookResult call_daemon(request_rec* r, const HookCall& call, const Target& target, std::vector<Answer>* answers) {
  wire::RequestHead head = head_of(r, target, *call.environ, https_flag(r));
  wire::Call& of_functions = head.call.emplace();
  of_functions.flags = call.flags;
  of_functions.functions.assign(call.functions.begin(), call.functions.end());
  of_functions.arguments.assign(call.arguments.begin(), call.arguments.end());
  if ((call.flags & GATEHOUSE_CALL_SSL) != 0) of_functions.ssl_variables = ssl_variables(r);
  BodyReader no_body(r);
  ResponseWriter no_response(r);
  const int status = forward_to_daemon(r, {target.group, &head, BodyFirst::kNothing, answers}, &no_body, &no_response);
  return {status, status == HTTP_INTERNAL_SERVER_ERROR || status == HTTP_FORBIDDEN};
}

}  // namespace

HookResult call_hook(request_rec* r, const HookCall& call, std::vector<Answer>* answers) {
  answers->assign(call.functions.size(), {});
  Target target;
  if (const int status = hook_target(r, *call.script, &target); status != OK) return {status, false};
  return target.group != nullptr ? call_daemon(r, call, target, answers) : call_embedded(r, call, target, answers);
}

void log_verdict(request_rec* r, const HookScript& script, std::string_view function, const Verdict& verdict) {
  if (verdict.problem.empty()) return;
  log_request(r, Message::kFunctionResult, "%s %s: %.*s() %s", script.directive, script.path,
              static_cast<int>(function.size()), function.data(), verdict.problem.c_str());
}

}  // namespace httpd
