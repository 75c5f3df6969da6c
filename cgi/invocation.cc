// SPDX-License-Identifier: Apache-2.0
#include "cgi/invocation.h"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cstring>

namespace cgi {
namespace {

constexpr std::string_view kPythonVariable = "GATEHOUSE_PYTHON";
constexpr std::string_view kPythonHomeVariable = "GATEHOUSE_PYTHON_HOME";

constexpr std::array<std::string_view, 12> kHidden = {
    "PATH",         "LD_LIBRARY_PATH", "GATEWAY_INTERFACE", "SERVER_SIGNATURE", "PATH_TRANSLATED",   "REMOTE_HOST",
    "REMOTE_IDENT", "HTTPS",           "HTTP_PROXY",        kPythonVariable,    kPythonHomeVariable, "_"};

base::Error usage(std::string what) { return {base::Message::kCgiUsage, 0, std::move(what)}; }

bool same_file(const std::string& a, const std::string& b) {
  struct stat of_a, of_b;
  return stat(a.c_str(), &of_a) == 0 && stat(b.c_str(), &of_b) == 0 && of_a.st_dev == of_b.st_dev &&
         of_a.st_ino == of_b.st_ino;
}

bool is_file(const std::string& path) {
  struct stat status;
  return stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode);
}

bool consume(std::string_view* text, std::string_view prefix) {
  if (!text->starts_with(prefix)) return false;
  text->remove_prefix(prefix.size());
  return true;
}

// The one argument of a #! line, which the kernel does not split: "--python=3.12 --python-home=/srv/env".
base::Status read_options(std::string_view line, Invocation* invocation) {
  while (!line.empty()) {
    const std::size_t end = std::min(line.find(' '), line.size());
    std::string_view option = line.substr(0, end);
    line.remove_prefix(std::min(end + 1, line.size()));
    if (option.empty()) continue;
    if (option == "-p") {
      const std::size_t value_end = std::min(line.find(' '), line.size());
      invocation->python = line.substr(0, value_end);
      line.remove_prefix(value_end);
    } else if (consume(&option, "--python-home=")) {
      invocation->python_home = option;
    } else if (consume(&option, "--python=") || consume(&option, "-p")) {
      invocation->python = option;
    } else {
      return usage("unknown option '" + std::string(option) +
                   "' in the script's #! line; there are --python=3.X and "
                   "--python-home=DIRECTORY");
    }
  }
  return base::ok();
}

base::Status read_script_line(std::span<const char* const> arguments, const std::string& script,
                              Invocation* invocation) {
  invocation->script = script;
  if (arguments.size() > 1 && same_file(arguments[1], script)) return base::ok();
  if (arguments.size() > 2 && same_file(arguments[2], script)) return read_options(arguments[1], invocation);
  return usage("SCRIPT_FILENAME '" + script + "' is not the script whose #! line started this program");
}

// PATH_TRANSLATED is the script and what follows it in the URL: /srv/app.wsgi/more.
base::Status read_action(const Variables& variables, Invocation* invocation) {
  if (variables.find("REDIRECT_STATUS").data() == nullptr)
    return usage("this program serves scripts through Action only; its own URL is not for clients");
  std::string script(variables.find("PATH_TRANSLATED"));
  std::string path_info;
  while (!script.empty() && !is_file(script)) {
    const std::size_t slash = std::min(script.rfind('/'), script.size());
    path_info.insert(0, script, slash);
    script.resize(slash);
  }
  if (script.empty()) return usage("PATH_TRANSLATED names no script");
  std::string_view url = variables.find("PATH_INFO");
  if (url.ends_with(path_info)) url.remove_suffix(path_info.size());
  invocation->script = script;
  invocation->script_name = url;
  invocation->path_info = path_info;
  return base::ok();
}

}  // namespace

std::string_view Variables::find(std::string_view name) const {
  for (const char* const* entry = environment_; *entry != nullptr; ++entry) {
    std::string_view text(*entry);
    if (consume(&text, name) && consume(&text, "=")) return text;
  }
  return {};
}

base::Result<Invocation> read_invocation(std::span<const char* const> arguments, const Variables& variables,
                                         const std::string& program) {
  const std::string script(variables.find("SCRIPT_FILENAME"));
  if (variables.find("REQUEST_METHOD").empty() || script.empty())
    return usage("REQUEST_METHOD and SCRIPT_FILENAME are not set: a web server starts this program");

  Invocation invocation;
  invocation.python = variables.find(kPythonVariable);
  invocation.python_home = variables.find(kPythonHomeVariable);
  invocation.script_name = variables.find("SCRIPT_NAME");
  invocation.path_info = variables.find("PATH_INFO");
  const base::Status read = same_file(script, program) ? read_action(variables, &invocation)
                                                       : read_script_line(arguments, script, &invocation);
  if (!read) return read.error();
  if (!invocation.script.starts_with('/')) return usage("the script's name is not absolute: " + invocation.script);
  return invocation;
}

void fill_environ(const Variables& variables, const Invocation& invocation, wsgi::EnvironList* list, bool* https) {
  for (const char* const* entry = variables.begin(); *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    const std::size_t equals = text.find('=');
    if (equals == 0 || equals == std::string_view::npos) continue;
    const std::string_view name = text.substr(0, equals);
    if (std::find(kHidden.begin(), kHidden.end(), name) == kHidden.end())
      list->add_configured(name, text.substr(equals + 1));
  }
  *https = wsgi::is_https_value(variables.find("HTTPS"));
  list->add_computed("SCRIPT_FILENAME", invocation.script);
  const std::string_view script_name = wsgi::collapse_slashes(invocation.script_name, list->arena());
  const std::string_view path_info = wsgi::collapse_slashes(invocation.path_info, list->arena());
  list->add_computed("SCRIPT_NAME", script_name);
  list->add_computed("PATH_INFO", path_info);
  list->add_computed("QUERY_STRING", variables.find("QUERY_STRING"));
  list->add_computed("mod_wsgi.process_group", "");
  list->add_computed("mod_wsgi.application_group", "");
  list->add_computed("mod_wsgi.callable_object", "application");
  list->add_computed("mod_wsgi.script_name", script_name);
  list->add_computed("mod_wsgi.path_info", path_info);
}

gatehouse_server server_of(const char* software) {
  gatehouse_server server{};
  server.size = sizeof server;
  server.description = software;
  const char* slash = software != nullptr ? std::strchr(software, '/') : nullptr;
  if (slash != nullptr) server.version = slash + 1;
  return server;
}

}  // namespace cgi
