// SPDX-License-Identifier: Apache-2.0
#pragma once

// Calls functions of an access, authentication or dispatch script, in this process or in a process group. Thread: the
// request's own; blocks until they have answered.

#include <span>
#include <string_view>
#include <vector>

#include "module/answers.h"
#include "module/config.h"
#include "wsgi/environ.h"

namespace httpd {

struct HookCall {
  const HookScript* script;
  std::uint32_t flags;  // GATEHOUSE_CALL_LIST ...
  std::span<const std::string_view> functions;
  std::span<const std::string_view> arguments;
  wsgi::EnvironList* environ;
};

struct HookResult {
  int status;          // OK: there is an answer for each function; else what to refuse the request with, logged
  bool script_failed;  // the script could not be loaded; else, there is nobody to ask: no Python, no process
};
HookResult call_hook(request_rec* r, const HookCall& call, std::vector<Answer>* answers);

// Logs what is wrong with a function's answer, if anything is.
void log_verdict(request_rec* r, const HookScript& script, std::string_view function, const Verdict& verdict);

}  // namespace httpd
