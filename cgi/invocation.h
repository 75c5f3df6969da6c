// SPDX-License-Identifier: Apache-2.0
#pragma once

// How a web server started this program, and what follows from it: the script, the Python, the environ.
//
// Two ways (RFC 3875; httpd's mod_cgi, mod_cgid):
//  - the script's first line names the program: argv = {program, [the line's one argument], script, ...};
//  - an Action directive names it: SCRIPT_FILENAME is the program itself, PATH_TRANSLATED the script.
// A server appends a query string without "=" to the arguments (RFC 3875 4.4), so no argument is believed that
// a client could have written: options count only where the kernel has put them, before the script.

#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "wsgi/engine_abi.h"
#include "wsgi/environ.h"

namespace cgi {

// The process's environment: "NAME=VALUE" strings up to a null pointer, which it does not own.
class Variables {
 public:
  explicit Variables(const char* const* environment) : environment_(environment) {}
  // The value, or an empty view with data() == nullptr.
  std::string_view find(std::string_view name) const;
  const char* const* begin() const { return environment_; }

 private:
  const char* const* environment_;
};

struct Invocation {
  std::string script;       // absolute
  std::string python;       // "3.12"; empty: as python_home or the default says
  std::string python_home;  // a virtual environment or PYTHONHOME; empty: none
  // SCRIPT_NAME and PATH_INFO as the application is to see them.
  std::string script_name;
  std::string path_info;
};

// program: file name of this executable, to recognise an Action. Errors: kCgiUsage with a sentence that says
// what is missing.
base::Result<Invocation> read_invocation(std::span<const char* const> arguments, const Variables& variables,
                                         const std::string& program);

// Fills the environ as the other modes have it, as far as CGI tells: without PATH, what RFC 3875 adds for programs,
// HTTPS (the scheme tells it) and HTTP_PROXY. https: whether the scheme is https.
void fill_environ(const Variables& variables, const Invocation& invocation, wsgi::EnvironList* list, bool* https);

// What SERVER_SOFTWARE ("Apache/2.4.62 (Unix)"; NULL: unset) tells of the server. Its texts are those of the argument.
gatehouse_server server_of(const char* software);

}  // namespace cgi
