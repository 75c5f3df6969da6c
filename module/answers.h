// SPDX-License-Identifier: Apache-2.0
#pragma once

// What the functions of access, authentication and dispatch scripts gave, and what it means (compat.md 1.7, 1.8). Pure.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "wsgi/engine_abi.h"

namespace httpd {

struct Answer {
  gatehouse_answer kind = GATEHOUSE_ANSWER_MISSING;
  std::vector<std::string> texts;
};

// What a request is to go on with. problem: what to log, "" = nothing (a refusal is no problem, and an exception is
// logged already).
struct Verdict {
  enum class Kind : std::uint8_t {
    kYes,       // granted; found
    kNo,        // denied
    kUnknown,   // None: let somebody else decide; no such user
    kMistaken,  // no function, an exception, or a result that means nothing
  };
  Kind kind = Kind::kMistaken;
  std::string text;     // kYes: the user's other name, the realm hash, the group's or callable's name; else empty
  std::string problem;  // "returned int; return True, False or None"
};

// allow_access: True yes, False no, None unknown.
Verdict access_verdict(const Answer& answer);
// check_password: True yes, False no, None unknown, a str that is not empty: yes, and text becomes the user.
Verdict password_verdict(const Answer& answer);
// get_realm_hash: a str or bytes that is not empty: yes; None unknown.
Verdict hash_verdict(const Answer& answer);
// groups_for_user: yes when one of the groups is wanted.
Verdict group_verdict(const Answer& answer, std::span<const std::string_view> wanted);
// process_group, application_group, callable_object: None, or no such function: unknown; str or bytes: yes.
Verdict dispatch_verdict(const Answer& answer);

}  // namespace httpd
