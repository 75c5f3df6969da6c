// SPDX-License-Identifier: Apache-2.0
//
// gatehouse-cgi: runs a WSGI script for one request, as a CGI program.

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "base/log.h"
#include "base/posix.h"
#include "cgi/exchange.h"
#include "cgi/invocation.h"
#include "wsgi/engine_loader.h"

namespace {

// Memory of the one request: freed by the process's end.
class RequestArena final : public wsgi::Arena {
 public:
  char* allocate(std::size_t size) override {
    blocks_.push_back(std::make_unique<char[]>(size));
    return blocks_.back().get();
  }

 private:
  std::vector<std::unique_ptr<char[]>> blocks_;
};

void write_line(void* /*context*/, base::Level level, std::string_view line) {
  cgi::on_log_line(nullptr, static_cast<gatehouse_level>(level), {line.data(), line.size()}, nullptr);
}

// The request's two descriptors under other numbers: what the application, an extension module or a program that
// it starts reads from 0 or prints to 1 must be neither the request nor the response.
struct Descriptors {
  base::UniqueFd body;
  base::UniqueFd reply;
};

Descriptors take_descriptors() {
  Descriptors taken{base::UniqueFd(fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)),
                    base::UniqueFd(fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3))};
  const base::UniqueFd nothing(open("/dev/null", O_RDONLY | O_CLOEXEC));
  dup2(nothing.get(), STDIN_FILENO);
  dup2(STDERR_FILENO, STDOUT_FILENO);
  return taken;
}

base::Result<const gatehouse_engine_table*> start_python(const cgi::Invocation& invocation,
                                                         const gatehouse_host* host) {
  std::string version = invocation.python;
  if (version.empty() && !invocation.python_home.empty())
    version = wsgi::version_of_environment(invocation.python_home);
  if (version.empty()) version = GATEHOUSE_DEFAULT_PYTHON;
  const std::vector<std::string> directories = wsgi::engine_directories();
  const base::Result<std::string> file = wsgi::find_engine(version, directories);
  if (!file) return file.error();
  const base::Result<const gatehouse_engine_table*> engine = wsgi::open_engine(file.value());
  if (!engine) return engine.error();

  std::string executable = wsgi::executable_of_environment(invocation.python_home);
  const bool is_installation = executable.empty() && !invocation.python_home.empty();
  if (is_installation) executable = wsgi::executable_of_installation(invocation.python_home, version);
  gatehouse_python python{};
  python.size = sizeof python;
  python.executable = executable.empty() ? nullptr : executable.c_str();
  python.home = is_installation ? invocation.python_home.c_str() : nullptr;
  python.process_group = "";
  python.processes = 1;
  python.threads = 1;
  python.write_bytecode = 1;
  // The process is the script's own, its signals as well.
  const gatehouse_rule own_signals = {GATEHOUSE_RESTRICT_SIGNAL, 0, nullptr, nullptr, nullptr};
  python.rules = &own_signals;
  python.rules_count = 1;
  gatehouse_error error{};
  error.size = sizeof error;
  if (engine.value()->start(&python, host, &error) != 0) return base::Error{base::Message::kCgiPython, 0, error.text};
  return engine.value();
}

gatehouse_text text_of(std::string_view view) { return {view.data(), view.size()}; }

gatehouse_outcome handle(const gatehouse_engine_table& engine, const cgi::Variables& variables,
                         const cgi::Invocation& invocation, cgi::Exchange* exchange, std::int64_t content_length) {
  RequestArena arena;
  wsgi::EnvironList list(arena);
  bool https = false;
  cgi::fill_environ(variables, invocation, &list, &https);
  const std::span<const gatehouse_pair> environ_pairs = list.pairs();

  gatehouse_target target{};
  target.size = sizeof target;
  target.script = text_of(invocation.script);
  target.callable = text_of("application");
  target.interpreter = text_of("");
  target.application_group = text_of("");

  gatehouse_request request{};
  request.size = sizeof request;
  request.flags = GATEHOUSE_MULTIPROCESS | GATEHOUSE_RUN_ONCE;
  if (https) request.flags |= GATEHOUSE_HTTPS;
  if (variables.find("REQUEST_METHOD") == "HEAD") request.flags |= GATEHOUSE_HEAD_REQUEST;
  request.context = exchange;
  request.calls = &cgi::Exchange::calls();
  request.target = &target;
  request.environ = environ_pairs.data();
  request.environ_count = environ_pairs.size();
  request.content_length = content_length;
  request.request_start_us = base::wall_clock_us();

  gatehouse_outcome outcome{};
  outcome.size = sizeof outcome;
  engine.handle(&request, &outcome);
  return outcome;
}

// The exit status; the response has been written.
int finish(const gatehouse_outcome& outcome, cgi::Exchange* exchange) {
  if (outcome.result == GATEHOUSE_FAILED) exchange->send_failure(outcome.status);
  const bool delivered = exchange->flush();
  exchange->discard_body();
  if (outcome.result == GATEHOUSE_TRUNCATED)
    base::log(base::Message::kCgiTruncated, "the response is incomplete, which CGI cannot tell the client");
  return delivered && (outcome.result == GATEHOUSE_COMPLETE || outcome.result == GATEHOUSE_FAILED) ? 0 : 1;
}

int serve(std::span<const char* const> arguments) {
  const cgi::Variables variables(environ);
  if (variables.find("GATEWAY_INTERFACE").data() == nullptr) {
    std::fputs(
        "gatehouse-cgi: a web server starts this program, for a WSGI script whose first line names it\n"
        "usage: #!/path/to/gatehouse-cgi [--python=3.X] [--python-home=DIRECTORY]\n",
        stderr);
    return 2;
  }
  const Descriptors descriptors = take_descriptors();
  bool valid = false;
  std::int64_t content_length = cgi::parse_content_length(variables.find("CONTENT_LENGTH"), &valid);
  // A chunked request: httpd decodes it, the end of the body is the end of the file.
  if (variables.find("CONTENT_LENGTH").empty() && !variables.find("HTTP_TRANSFER_ENCODING").empty())
    content_length = -1;
  cgi::Exchange exchange(descriptors.body.get(), descriptors.reply.get(), content_length);
  if (!valid) {
    exchange.send_failure(400);
    return 1;
  }

  const base::Result<cgi::Invocation> invocation = cgi::read_invocation(arguments, variables, "/proc/self/exe");
  gatehouse_host host{};
  host.size = sizeof host;
  host.log = cgi::on_log_line;
  const gatehouse_server server = cgi::server_of(getenv("SERVER_SOFTWARE"));
  host.server = &server;
  unsetenv("HTTP_PROXY");
  const base::Result<const gatehouse_engine_table*> engine =
      invocation ? start_python(invocation.value(), &host) : invocation.error();
  if (!engine) {
    base::log(engine.error());
    exchange.send_failure(500);
    exchange.discard_body();
    return 1;
  }
  const gatehouse_outcome outcome = handle(*engine.value(), variables, invocation.value(), &exchange, content_length);
  const int status = finish(outcome, &exchange);
  engine.value()->stop("shutdown_signal");
  return status;
}

}  // namespace

int main(int argc, char** argv) {
  signal(SIGPIPE, SIG_IGN);
  base::set_log_sink(write_line, nullptr);
  // _exit: Python is never finalised, and no destructor of a library runs under its threads.
  _exit(serve({argv, static_cast<std::size_t>(argc)}));
}
