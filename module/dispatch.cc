// SPDX-License-Identifier: Apache-2.0
#include "module/dispatch.h"

#include "module/hook_call.h"
#include "module/target.h"

namespace httpd {
namespace {

struct Function {
  std::string_view name;
  const char* Redirection::*member;
};
constexpr Function kFunctions[] = {
    {"process_group", &Redirection::process_group},
    {"application_group", &Redirection::application_group},
    {"callable_object", &Redirection::callable},
};
constexpr std::size_t kCount = std::size(kFunctions);

}  // namespace

int dispatch(request_rec* r, RequestFacts* facts, Target* target) {
  const HookScript* script = directory_config(r).dispatch_script;
  if (script == nullptr) return OK;
  std::string_view names[kCount];
  for (std::size_t i = 0; i < kCount; ++i) names[i] = kFunctions[i].name;
  std::vector<Answer> answers;
  const int status = call_hook(r, {script, 0, names, {}, &facts->environ}, &answers).status;
  if (status != OK) return status;

  Redirection to;
  for (std::size_t i = 0; i < kCount; ++i) {
    const Verdict verdict = dispatch_verdict(answers[i]);
    log_verdict(r, *script, names[i], verdict);
    if (verdict.kind == Verdict::Kind::kMistaken) return HTTP_INTERNAL_SERVER_ERROR;
    if (verdict.kind == Verdict::Kind::kYes) to.*kFunctions[i].member = pool_copy(r->pool, verdict.text);
  }
  redirect_target(r, to, target);
  return OK;
}

}  // namespace httpd
