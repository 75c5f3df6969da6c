// SPDX-License-Identifier: Apache-2.0
#pragma once

// The names of process groups, application groups and callables, and the variables they may begin with:
// %{GLOBAL}, %{RESOURCE}, %{SERVER}, %{HOST}, %{ENV:name} (compat.md 3). Pure.

#include <cstdint>
#include <span>
#include <string_view>

namespace httpd {

inline constexpr std::string_view kGlobal = "%{GLOBAL}";
inline constexpr std::string_view kResource = "%{RESOURCE}";

// Where the variables' values come from: one request. Views live as long as the request.
class Variables {
 public:
  virtual std::string_view server() = 0;    // ServerName, ":port" unless 80 or 443
  virtual std::string_view host() = 0;      // the request's Host, likewise
  virtual std::string_view resource() = 0;  // server() + "|" + script name
  // Request notes, the request's environment, the process's environment; data() is NULL when none has it.
  virtual std::string_view environment(std::string_view name) = 0;

 protected:
  ~Variables() = default;
};

// A process or application group's name for one request; "" is %{GLOBAL}. A variable counts only as the whole text;
// what has no value and what is no variable stands for itself. A value of %{ENV:name} that is a variable other than
// ENV is expanded again.
std::string_view expand_group(std::string_view text, Variables& variables);

// The application group of an access, authentication or dispatch script: only %{GLOBAL}, %{SERVER} and %{HOST} are
// variables; nothing else is known that early.
std::string_view expand_hook_group(std::string_view text, Variables& variables);

// The callable's name: only %{ENV:name} is a variable; "application" when it has no value.
std::string_view expand_callable(std::string_view text, Variables& variables);

// True for a text that names the same group for every request.
bool is_literal_group(std::string_view text);

// One way by which requests reach an application: a WSGIScriptAlias as the configuration shows it.
struct Mount {
  std::string_view process_group;      // as written; "" = embedded
  std::string_view application_group;  // as written
  std::string_view server;             // identifies the virtual host
  std::string_view path;               // URL path; empty when it serves more than one script
};

// design.md 9: does the configuration show that every aliased request of the process group has one and the same
// application group? other_ways: process groups named where the mounts do not show (in sections), as written.
bool hosts_one_application(std::string_view process_group, std::span<const Mount> mounts,
                           std::span<const std::string_view> other_ways);

}  // namespace httpd
