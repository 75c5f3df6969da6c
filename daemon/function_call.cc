// SPDX-License-Identifier: Apache-2.0
#include "daemon/function_call.h"

#include "wire/frame.h"

namespace gatehoused {
namespace {

std::vector<gatehouse_text> texts_of(const std::vector<std::string_view>& views) {
  std::vector<gatehouse_text> texts;
  texts.reserve(views.size());
  for (const std::string_view view : views) texts.push_back({view.data(), view.size()});
  return texts;
}

}  // namespace

void FunctionCall::run(const gatehouse_engine_table& engine, const gatehouse_request& request, gatehouse_call callbacks,
                       gatehouse_outcome* outcome) {
  const std::vector<gatehouse_text> functions = texts_of(call_.functions);
  const std::vector<gatehouse_text> arguments = texts_of(call_.arguments);
  callbacks.flags = call_.flags;
  callbacks.request = &request;
  callbacks.functions = functions.data();
  callbacks.function_count = functions.size();
  callbacks.arguments = arguments.data();
  callbacks.argument_count = arguments.size();
  engine.call(&callbacks, outcome);
}

bool FunctionCall::append_answers(std::uint32_t request, std::string* out) const {
  std::vector<wire::Answer> answers;
  for (const Answer& answer : answers_) {
    if (answer.texts.size() > wire::kMaxPairs) return false;
    answers.push_back({static_cast<std::uint8_t>(answer.kind), {answer.texts.begin(), answer.texts.end()}});
  }
  const std::size_t before = out->size();
  wire::append_answers(answers, request, out);
  if (out->size() - before - wire::kFrameHeaderSize <= wire::kMaxAnswers) return true;
  out->resize(before);
  return false;
}

// The child has sent those that an authentication script may want (docs/directives.md).
gatehouse_text FunctionCall::ssl_variable(std::string_view name) const {
  for (const wire::Pair& variable : call_.ssl_variables)
    if (variable.name == name) return {variable.value.data(), variable.value.size()};
  return {nullptr, 0};
}

void FunctionCall::keep(std::size_t function, gatehouse_answer answer, std::span<const gatehouse_text> texts) {
  if (function >= answers_.size()) return;
  answers_[function].kind = answer;
  for (const gatehouse_text& text : texts) answers_[function].texts.emplace_back(text.data, text.size);
}

}  // namespace gatehoused
