// SPDX-License-Identifier: Apache-2.0
#pragma once

// Result<T> and Status: the outcome of everything that can fail. A value type, no exceptions.
// Ownership: plain values. Thread: no shared state. An Error carries the stable message it will be
// logged under, the operating system's error (0 if none) and one sentence that names the thing.

#include <cstdlib>
#include <string>
#include <utility>
#include <variant>

#include "base/messages.h"

namespace base {

struct Error {
  Message message;
  int os_error = 0;  // errno at the failure, 0 if the operating system had no part in it
  std::string what;  // a sentence without trailing period: the thing, what is wrong, the remedy
};

template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

  explicit operator bool() const { return state_.index() == 0; }
  // Each aborts when called on the wrong kind: test the Result first.
  T& value() & { return check(std::get_if<0>(&state_)); }
  const T& value() const& { return check(std::get_if<0>(&state_)); }
  T value() && { return std::move(check(std::get_if<0>(&state_))); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }
  const Error& error() const { return check(std::get_if<1>(&state_)); }

 private:
  template <typename U>
  static U& check(U* found) {
    if (found == nullptr) std::abort();
    return *found;
  }
  std::variant<T, Error> state_;
};

struct Done {};
using Status = Result<Done>;
inline Status ok() { return Done{}; }

// An Error that keeps errno. Reads errno first, so call it right after the failing call.
Error os_error(Message message, std::string what);

}  // namespace base
