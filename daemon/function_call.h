// SPDX-License-Identifier: Apache-2.0
#pragma once

// A request that calls functions of a script in place of an application, and what they gave. Thread: the session's.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "wire/message.h"
#include "wsgi/engine_abi.h"

namespace gatehoused {

class FunctionCall {
 public:
  // call must live as long as this.
  explicit FunctionCall(const wire::Call& call) : call_(call), answers_(call.functions.size()) {}

  // request: as for handle(). callbacks: with these set, the rest is filled in.
  void run(const gatehouse_engine_table& engine, const gatehouse_request& request, gatehouse_call callbacks,
           gatehouse_outcome* outcome);
  // Appends an ANSWERS frame. False, with nothing appended: the answers are too large for one.
  bool append_answers(std::uint32_t request, std::string* out) const;

  // What the engine's callbacks are for.
  gatehouse_text ssl_variable(std::string_view name) const;
  void keep(std::size_t function, gatehouse_answer answer, std::span<const gatehouse_text> texts);

 private:
  struct Answer {
    gatehouse_answer kind = GATEHOUSE_ANSWER_MISSING;
    std::vector<std::string> texts;
  };

  const wire::Call& call_;
  std::vector<Answer> answers_;
};

}  // namespace gatehoused
