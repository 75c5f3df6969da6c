// SPDX-License-Identifier: Apache-2.0
#include "module/embedded_host.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <optional>

#include "module/client_watch.h"
#include "module/group_names.h"
#include "module/hook_review.h"
#include "module/launch.h"
#include "module/python_directives.h"
#include "module/python_thread.h"
#include "module/scoreboard_view.h"

namespace httpd {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kBuffered = 64u << 10;  // of a response, before the engine is asked to flush
constexpr base::Micros kStopTime = 2s;

// What requests need of this process. Made by child_init, never destroyed.
struct EmbeddedHost {
  PythonThread* python = nullptr;  // NULL: there is no engine to start
  std::string failure;             // why not
  std::uint32_t flags = 0;         // GATEHOUSE_MULTITHREAD, GATEHOUSE_MULTIPROCESS
  wsgi::PythonSettings settings;   // what Python is started with points here
  std::optional<wsgi::PythonSettingsView> settings_view;
};
constinit EmbeddedHost* host = nullptr;

// --- One request's callbacks

struct Call {
  request_rec* r;
  ClientWatch client;
  BodyReader* body;
  ResponseWriter* writer;
};

Call& call_of(void* request) { return *static_cast<Call*>(request); }

std::string_view view_of_text(const gatehouse_text& text) { return {text.data, text.size}; }

int64_t on_read_body(void* request, void* into, size_t size) noexcept {
  return call_of(request).body->read(into, size);
}

const char* on_read_error(void* request) noexcept { return call_of(request).body->error(); }

gatehouse_io on_send_head(void* request, const gatehouse_response_head* head) noexcept {
  ResponseWriter& writer = *call_of(request).writer;
  writer.set_status(head->status, view_of_text(head->reason));
  for (std::size_t i = 0; i < head->header_count; ++i)
    writer.add_header(view_of_text(head->headers[i].name), view_of_text(head->headers[i].value));
  if (head->content_length >= 0) writer.set_content_length(head->content_length);
  return writer.client_gone() ? GATEHOUSE_GONE : GATEHOUSE_OK;
}

gatehouse_io on_send_body(void* request, const gatehouse_text* pieces, size_t count, gatehouse_send how) noexcept {
  if (how == GATEHOUSE_SOON) return GATEHOUSE_AGAIN;
  ResponseWriter& writer = *call_of(request).writer;
  if (how == GATEHOUSE_BUFFER) {
    std::size_t size = writer.buffered();
    for (std::size_t i = 0; i < count; ++i) size += pieces[i].size;
    if (size > kBuffered) return GATEHOUSE_AGAIN;
    for (std::size_t i = 0; i < count; ++i) writer.append(pieces[i].data, pieces[i].size);
    return GATEHOUSE_OK;
  }
  for (std::size_t i = 0; i < count; ++i) writer.append_borrowed(pieces[i].data, pieces[i].size);
  return writer.flush() ? GATEHOUSE_OK : GATEHOUSE_GONE;
}

gatehouse_io on_send_file(void* request, int fd, int64_t offset, int64_t length) noexcept {
  Call& call = call_of(request);
  base::UniqueFd copy(fcntl(fd, F_DUPFD_CLOEXEC, 0));
  if (!copy.valid() || !call.writer->append_file(std::move(copy), offset, length)) {
    log_request(call.r, base::os_error(base::Message::kResponseFile, "a file of the response could not be sent"));
    return GATEHOUSE_GONE;
  }
  return call.writer->client_gone() ? GATEHOUSE_GONE : GATEHOUSE_OK;
}

void on_log(void* request, gatehouse_level level, gatehouse_text line, const gatehouse_place* place) noexcept {
  log_request_line(call_of(request).r, static_cast<base::Level>(level), view_of_text(line), place);
}

gatehouse_io on_send_interim(void* request, uint32_t status, const gatehouse_pair* headers, size_t count) noexcept {
  return call_of(request).writer->send_interim(status, std::span(headers, count)) ? GATEHOUSE_OK : GATEHOUSE_GONE;
}

int on_client_gone(void* request) noexcept { return call_of(request).client.is_gone() ? 1 : 0; }

constexpr gatehouse_request_calls kCalls = {sizeof kCalls, nullptr,      on_read_body, on_read_error,   on_send_head,
                                            on_send_body,  on_send_file, on_log,       on_send_interim, on_client_gone};

// --- The process

void on_process_log(void* /*context*/, gatehouse_level level, gatehouse_text line,
                    const gatehouse_place* place) noexcept {
  log_process_line(static_cast<base::Level>(level), view_of_text(line), place);
}

// mod_wsgi.thread_id: from 1, in the order in which threads serve their first request.
std::int32_t own_thread_id() {
  static constinit std::atomic<std::int32_t> last = 0;
  thread_local const std::int32_t id = ++last;
  return id;
}

// Does the configuration show an application that is embedded? Sections may send a request elsewhere, so with a
// WSGIProcessGroup in one of them nothing is certain, and Python waits for the first request.
bool shows_embedded_application(server_rec* main_server) {
  if (server_config(main_server).restrict_embedded == Switch::kOn) return false;
  if (!configuration()->section_process_groups.empty()) return false;
  for (const server_rec* server = main_server; server != nullptr; server = server->next) {
    const char* of_server = directory_config(server).process_group;
    const apr_array_header_t& aliases = *server_config(server).aliases;
    for (int i = 0; i < aliases.nelts; ++i) {
      const char* of_alias = APR_ARRAY_IDX(&aliases, i, ScriptAlias).process_group;
      const char* name = of_alias != nullptr ? of_alias : of_server;
      if (name == nullptr || name == kGlobal) return true;
    }
  }
  return false;
}

// In a process that an application has forked, which is no child of httpd's: a SIGTERM ends it, as it ends others. Some
// of httpd's handlers do nothing.
void on_application_fork(void* /*context*/) noexcept {
  for (int number = 1; number < NSIG; ++number) {
    struct sigaction action {};
    if (sigaction(number, nullptr, &action) != 0 || action.sa_handler == SIG_IGN) continue;
    if (action.sa_handler != SIG_DFL) signal(number, SIG_DFL);
  }
}

const char* string_or_null(apr_pool_t* pool, const std::string& text) {
  return text.empty() ? nullptr : pool_copy(pool, text);
}

void make_host(apr_pool_t* pool, server_rec* main_server) {
  const ServerConfig& config = server_config(main_server);
  const int threads = mpm_query(AP_MPMQ_MAX_THREADS, 1);
  const int processes = mpm_query(AP_MPMQ_MAX_DAEMONS, 1);
  host = new EmbeddedHost;
  if (threads != 1) host->flags |= GATEHOUSE_MULTITHREAD;
  if (processes != 1) host->flags |= GATEHOUSE_MULTIPROCESS;

  const base::Result<PythonChoice> choice = choose_python(config.python != nullptr ? config.python : "",
                                                          config.python_home != nullptr ? config.python_home : "");
  if (!choice) {
    host->failure = choice.error().what;
    return;
  }
  gatehouse_python python{};
  python.size = sizeof python;
  python.executable = string_or_null(pool, choice->executable);
  python.home = string_or_null(pool, choice->home);
  python.python_path = config.python_path;
  python.process_group = "";
  python.processes = processes;
  python.threads = threads;
  host->settings = embedded_python_settings(main_server);
  host->settings.telemetry.httpd_pid = getppid();
  host->settings_view.emplace(host->settings, false).fill(&python);
  gatehouse_host engine_host{};
  engine_host.size = sizeof engine_host;
  engine_host.log = on_process_log;
  engine_host.after_application_fork = on_application_fork;
  engine_host.server = pool_new<gatehouse_server>(pool, describe_server());
  engine_host.log_level = ap_get_server_module_loglevel(main_server, APLOG_MODULE_INDEX);
  if (config.server_metrics == Switch::kOn) engine_host.visit_server = on_visit_server;
  host->python = new PythonThread(choice->engine, python, engine_host, configuration()->embedded_imports);
}

const gatehouse_engine_table* engine() {
  return host != nullptr && host->python != nullptr ? host->python->started() : nullptr;
}

// After engine() gave NULL.
const char* why_no_engine() {
  if (host == nullptr) return "the process is still starting";
  return host->python != nullptr ? host->python->failure().what.c_str() : host->failure.c_str();
}

// Python is not finalised (design.md 8), so no destructor of an extension module may run beside its threads.
void on_exit_with_python(int status, void* /*data*/) noexcept { _exit(status); }

apr_status_t on_child_gone(void* /*data*/) noexcept {
  if (host->python != nullptr && host->python->stop(base::Deadline::after(kStopTime)))
    on_exit(on_exit_with_python, nullptr);
  return APR_SUCCESS;
}

int answer(request_rec* r, const gatehouse_outcome& outcome, const BodyReader& body, ResponseWriter* writer) {
  switch (static_cast<gatehouse_result>(outcome.result)) {
    case GATEHOUSE_COMPLETE:
      return writer->finish();
    case GATEHOUSE_TRUNCATED:
      // The application has answered, so the client sees what there is of it, and that it is cut off.
      writer->flush();
      return writer->abort(HTTP_INTERNAL_SERVER_ERROR);
    case GATEHOUSE_ABORTED:
      if (r->connection->aborted) return OK;
      return writer->abort(body.status() != 0 ? body.status() : HTTP_INTERNAL_SERVER_ERROR);
    default:
      // An application that failed because its input could not be read: the reason says more than 500.
      if (body.status() != 0) return body.status();
      return outcome.status >= 400 ? static_cast<int>(outcome.status) : HTTP_INTERNAL_SERVER_ERROR;
  }
}

}  // namespace

void prepare_embedded(apr_pool_t* child_pool, server_rec* main_server) {
  // Here the process has one thread still, so that changing its environment disturbs nobody.
  if (const char* eggs = server_config(main_server).python_eggs) setenv("PYTHON_EGG_CACHE", eggs, 1);
  make_host(configuration()->pool, main_server);
  apr_pool_cleanup_register(child_pool, host, on_child_gone, apr_pool_cleanup_null);
  if (configuration()->embedded_imports.empty() && !shows_embedded_application(main_server) &&
      !shows_embedded_script(main_server))
    return;
  if (host->python != nullptr) return host->python->begin();
  log_server(main_server, base::Message::kEmbeddedStart, "embedded applications have no Python in this process: %s",
             why_no_engine());
}

const gatehouse_engine_table* embedded_engine(request_rec* r) {
  const gatehouse_engine_table* table = engine();
  if (table == nullptr)
    log_request(r, base::Message::kEmbeddedUnavailable, "no Python for embedded applications in this process: %s",
                why_no_engine());
  return table;
}

int serve_embedded(request_rec* r, const Target& target, RequestFacts* facts, BodyReader* body,
                   ResponseWriter* writer) {
  const gatehouse_engine_table* table = embedded_engine(r);
  if (table == nullptr) return HTTP_INTERNAL_SERVER_ERROR;
  const auto text_of = [](std::string_view view) { return gatehouse_text{view.data(), view.size()}; };
  const gatehouse_target engine_target = {sizeof engine_target,        target.flags,
                                          text_of(target.script),      text_of(target.callable),
                                          text_of(target.interpreter), text_of(target.application_group),
                                          target.script_mtime_us};
  Call call = {r, ClientWatch(r), body, writer};
  const auto pairs = facts->environ.pairs();
  gatehouse_request request = {sizeof request,
                               facts->flags | host->flags,
                               &call,
                               &kCalls,
                               &engine_target,
                               pairs.data(),
                               pairs.size(),
                               facts->content_length,
                               facts->request_start_us,
                               0,
                               0,
                               own_thread_id(),
                               nullptr,
                               0,
                               0,
                               0,
                               0};
  if (directory_config(r).pass_apache_request == Switch::kOn) request.request_rec = r;
  request.log_level = ap_get_request_module_loglevel(r, APLOG_MODULE_INDEX);
  gatehouse_outcome outcome = {sizeof outcome, GATEHOUSE_FAILED, 0};
  table->handle(&request, &outcome);
  return answer(r, outcome, *body, writer);
}

}  // namespace httpd
