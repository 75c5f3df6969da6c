// SPDX-License-Identifier: Apache-2.0
#include "tests/engine/fake_host.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <utility>

#include "base/log.h"
#include "wsgi/engine_loader.h"

namespace fake_host {
namespace {

const gatehouse_engine_table* table = nullptr;
const char* table_version = "";
std::mutex host_log_mutex;
std::vector<std::string>* host_log = new std::vector<std::string>;
std::atomic<int> forks = 0;

void on_host_log(void*, gatehouse_level, gatehouse_text line, const gatehouse_place*) {
  const std::lock_guard<std::mutex> lock(host_log_mutex);
  host_log->emplace_back(line.data, line.size);
}

void on_application_fork(void*) {
  if (write(STDOUT_FILENO, "told\n", 5) == 5) ++forks;
}

// One request as the engine sees it.
struct Exchange {
  const Site& site;
  Reply reply;
  std::size_t next_piece = 0;
  std::size_t offset = 0;  // in that piece
  int sends = 0;
  std::atomic<int> inside = 0;  // callbacks under way: never more than one
};

class Inside {
 public:
  explicit Inside(Exchange* exchange) : exchange_(exchange) {
    if (++exchange_->inside != 1) {
      std::fprintf(stderr, "two callbacks of one request at once\n");
      std::abort();
    }
  }
  ~Inside() { --exchange_->inside; }

 private:
  Exchange* exchange_;
};

Exchange* exchange_of(void* request) { return static_cast<Exchange*>(request); }

gatehouse_io on_entered(void* request) {
  exchange_of(request)->reply.steps.push_back("entered");
  return GATEHOUSE_OK;
}

std::int64_t on_read_body(void* request, void* into, std::size_t size) {
  Exchange* exchange = exchange_of(request);
  Inside inside(exchange);
  exchange->reply.steps.push_back("read");
  if (exchange->site.before_read) exchange->site.before_read();
  const auto& pieces = exchange->site.body_pieces;
  if (exchange->next_piece == pieces.size()) return exchange->site.read_error.empty() ? 0 : -1;
  const std::string& piece = pieces[exchange->next_piece];
  const std::size_t taken = std::min(size, piece.size() - exchange->offset);
  std::memcpy(into, piece.data() + exchange->offset, taken);
  exchange->offset += taken;
  if (exchange->offset == piece.size()) {
    ++exchange->next_piece;
    exchange->offset = 0;
  }
  return static_cast<std::int64_t>(taken);
}

const char* on_read_error(void* request) { return exchange_of(request)->site.read_error.c_str(); }

gatehouse_io on_send_head(void* request, const gatehouse_response_head* head) {
  Exchange* exchange = exchange_of(request);
  Inside inside(exchange);
  Reply& reply = exchange->reply;
  reply.steps.push_back("head");
  ++reply.heads;
  reply.status = head->status;
  reply.reason.assign(head->reason.data, head->reason.size);
  reply.content_length = head->content_length;
  for (std::size_t i = 0; i < head->header_count; ++i) {
    const gatehouse_pair& pair = head->headers[i];
    reply.headers.emplace_back(std::string(pair.name.data, pair.name.size),
                               std::string(pair.value.data, pair.value.size));
  }
  return exchange->site.gone_at_head ? GATEHOUSE_GONE : GATEHOUSE_OK;
}

gatehouse_io on_send_body(void* request, const gatehouse_text* pieces, std::size_t count, gatehouse_send how) {
  Exchange* exchange = exchange_of(request);
  Inside inside(exchange);
  if (how == GATEHOUSE_SOON && !exchange->site.sends_soon) return GATEHOUSE_AGAIN;
  exchange->reply.steps.push_back(how == GATEHOUSE_BUFFER ? "buffer" : how == GATEHOUSE_SOON ? "soon" : "flush");
  if (how == GATEHOUSE_BUFFER && !exchange->site.buffers) return GATEHOUSE_AGAIN;
  if (how == GATEHOUSE_FLUSH && exchange->site.before_flush) exchange->site.before_flush();
  if (exchange->sends++ == exchange->site.gone_at_send) return GATEHOUSE_GONE;
  for (std::size_t i = 0; i < count; ++i) {
    exchange->reply.pieces.emplace_back(pieces[i].data, pieces[i].size);
    exchange->reply.body.append(pieces[i].data, pieces[i].size);
  }
  return GATEHOUSE_OK;
}

gatehouse_io on_send_file(void* request, int fd, std::int64_t offset, std::int64_t length) {
  Exchange* exchange = exchange_of(request);
  Inside inside(exchange);
  exchange->reply.steps.push_back("file");
  if (exchange->sends++ == exchange->site.gone_at_send) return GATEHOUSE_GONE;
  std::string bytes(static_cast<std::size_t>(length), '\0');
  const ssize_t got = pread(fd, bytes.data(), bytes.size(), offset);
  bytes.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  exchange->reply.body.append(bytes);
  return GATEHOUSE_OK;
}

void on_log(void* request, gatehouse_level level, gatehouse_text line, const gatehouse_place* place) {
  Exchange* exchange = exchange_of(request);
  Inside inside(exchange);
  Reply& reply = exchange->reply;
  if (level > GATEHOUSE_LOG_WARNING) return reply.notes.emplace_back(line.data, line.size), void();
  reply.log.emplace_back(line.data, line.size);
  reply.places.push_back(
      place == nullptr ? "" : std::string(place->file.data, place->file.size) + ":" + std::to_string(place->line));
}

gatehouse_io on_send_interim(void* request, std::uint32_t status, const gatehouse_pair* headers, std::size_t count) {
  Exchange* exchange = exchange_of(request);
  Inside inside(exchange);
  exchange->reply.steps.push_back("interim");
  std::string all = std::to_string(status);
  for (std::size_t i = 0; i < count; ++i)
    all.append(i == 0 ? " " : ", ")
        .append(headers[i].name.data, headers[i].name.size)
        .append(": ")
        .append(headers[i].value.data, headers[i].value.size);
  exchange->reply.interims.push_back(all);
  return exchange->site.gone_at_interim ? GATEHOUSE_GONE : GATEHOUSE_OK;
}

int on_client_gone(void* request) { return exchange_of(request)->site.client_gone ? 1 : 0; }

void on_visit_server(void*, const gatehouse_server_visitor* visitor) {
  const gatehouse_server_state state = {sizeof state, 2, 1, 3, 1'000'000};
  visitor->server(visitor->context, &state);
  for (std::int32_t number = 0; number < 2; ++number) {
    const gatehouse_server_process process = {sizeof process, number, 100 + number, 3, number};
    visitor->process(visitor->context, &process);
    const std::string client = "192.0.2.1", line = "GET / HTTP/1.1", vhost = "shop:80";
    const gatehouse_server_thread thread = {sizeof thread,
                                            0,
                                            3,
                                            'W',
                                            5,
                                            600,
                                            2000000,
                                            3'000'000,
                                            4'000'000,
                                            {client.data(), client.size()},
                                            {line.data(), line.size()},
                                            {vhost.data(), vhost.size()}};
    visitor->thread(visitor->context, &thread);
  }
}

constexpr gatehouse_server kServer = {sizeof kServer, 16, 25, "2.4.62", "Apache/2.4.62 (Unix)", "Jul 1 2025", "event"};

gatehouse_text text(const std::string& string) { return {string.data(), string.size()}; }

gatehouse_text on_ssl_variable(void* request, gatehouse_text name) {
  for (const auto& [key, value] : exchange_of(request)->site.ssl_variables)
    if (key == std::string_view(name.data, name.size)) return text(value);
  return {nullptr, 0};
}

void on_answer(void* request, std::size_t function, gatehouse_answer answer, const gatehouse_text* texts,
               std::size_t count) {
  static constexpr const char* names[] = {"missing", "raised", "none", "true", "false",
                                          "text",    "bytes",  "list", "other"};
  Exchange* exchange = exchange_of(request);
  Inside inside(exchange);
  std::string value = names[answer];
  for (std::size_t i = 0; i < count; ++i) value.append(i == 0 ? ":" : ",").append(texts[i].data, texts[i].size);
  exchange->reply.answers.push_back({function, value});
}

}  // namespace

void open_engine(const std::string& file, const char* version) {
  auto opened = wsgi::open_engine(file);
  if (!opened) {
    std::fprintf(stderr, "%s\n", base::text_of(opened.error()).c_str());
    std::exit(2);
  }
  table = opened.value();
  table_version = version;
}

const char* expected_version() { return table_version; }

bool is_free_threading() {
  const char* wanted = std::getenv("GATEHOUSE_FREE_THREADING");
  return wanted != nullptr && std::string_view(wanted) == "1" && std::string_view(table_version).ends_with('t');
}

void add_ordinary_rules(gatehouse_python* python) {
  static const gatehouse_rule rule = {GATEHOUSE_FREE_THREADING, 1, "", nullptr, nullptr};
  python->rules = &rule;
  python->rules_count = is_free_threading() ? 1 : 0;
}

const gatehouse_engine_table& engine() { return *table; }

const gatehouse_host& host() {
  static constinit gatehouse_host host = {
      sizeof(gatehouse_host), nullptr, on_host_log, on_application_fork, &kServer, 0, on_visit_server};
  return host;
}

std::vector<std::string> take_host_log() {
  const std::lock_guard<std::mutex> lock(host_log_mutex);
  return std::exchange(*host_log, {});
}

bool contains(const std::vector<std::string>& lines, std::string_view part) {
  return std::any_of(lines.begin(), lines.end(),
                     [part](const std::string& line) { return line.find(part) != std::string::npos; });
}

void start_python() {
  gatehouse_python python = {};
  python.size = sizeof python;
  python.process_group = "test-group";
  python.processes = 2;
  python.threads = 5;
  python.write_bytecode = 1;
  add_ordinary_rules(&python);
  gatehouse_error error = {};
  error.size = sizeof error;
  if (table->start(&python, &host(), &error) == 0) return;
  std::fprintf(stderr, "%s\n", error.text);
  std::exit(2);
}

int application_forks() { return forks; }

std::string Reply::header(std::string_view name) const {
  for (const auto& [key, value] : headers)
    if (key == name) return value;
  return "(none)";
}

int Reply::count(std::string_view step) const { return static_cast<int>(std::count(steps.begin(), steps.end(), step)); }

Site::Site() {
  char name[] = "/tmp/gatehouse-engine-XXXXXX";
  if (mkdtemp(name) == nullptr) std::abort();
  folder_ = script_folder_ = name;
}

Site::~Site() { std::filesystem::remove_all(folder_); }

void Site::write_file(std::string_view name, std::string_view text) {
  std::ofstream(path(name), std::ios::binary) << text;
}

void Site::script(std::string_view text) {
  write_file(script_name, text);
  const timespec times[2] = {{++last_mtime_, 0}, {last_mtime_, 0}};
  utimensat(AT_FDCWD, path(script_name).c_str(), times, 0);
}

void Site::application(std::string_view body) {
  std::string text = "def application(environ, start_response):\n";
  while (!body.empty()) {
    const std::size_t end = std::min(body.find('\n'), body.size());
    text.append("    ").append(body.substr(0, end)).append("\n");
    body.remove_prefix(std::min(end + 1, body.size()));
  }
  script(text);
}

gatehouse_target Site::target(const std::string& script) const {
  gatehouse_target target = {};
  target.size = sizeof target;
  target.flags = target_flags;
  target.script = text(script);
  target.callable = text(callable);
  target.interpreter = text(interpreter);
  target.application_group = text(application_group);
  target.script_mtime_us = mtime_us;
  return target;
}

std::vector<gatehouse_pair> Site::pairs() const {
  std::vector<gatehouse_pair> pairs;
  for (const auto& [name, value] : environ) pairs.push_back({text(name), text(value)});
  return pairs;
}

gatehouse_request_calls Site::calls() const {
  gatehouse_request_calls calls = {
      sizeof(gatehouse_request_calls),      on_entered, on_read_body,    on_read_error, on_send_head, on_send_body,
      sends_files ? on_send_file : nullptr, on_log,     on_send_interim, on_client_gone};
  // As a host that was built before these two were added.
  if (!knows_client) calls.size = offsetof(gatehouse_request_calls, send_interim);
  return calls;
}

gatehouse_request Site::request(const std::vector<gatehouse_pair>& pairs, const gatehouse_target& to,
                                const gatehouse_request_calls& calls, void* exchange) const {
  gatehouse_request request = {};
  request.size = sizeof request;
  request.flags = request_flags;
  request.context = exchange;
  request.calls = &calls;
  request.log_level = log_level;
  request.daemon_connects = 2;
  request.daemon_restarts = 1;
  request.target = &to;
  request.environ = pairs.data();
  request.environ_count = pairs.size();
  request.content_length = content_length;
  request.request_start_us = 1'500'000;
  request.thread_id = thread_id;
  request.request_rec = request_rec;
  request.number = number;
  return request;
}

Reply Site::get() {
  const std::vector<gatehouse_pair> all = pairs();
  const std::string script = script_path();
  const gatehouse_target to = target(script);
  Exchange exchange{*this, {}, 0, 0, 0, {}};
  const gatehouse_request_calls callbacks = calls();
  const gatehouse_request by = request(all, to, callbacks, &exchange);
  gatehouse_outcome outcome = {sizeof(gatehouse_outcome), 99, 0};
  table->handle(&by, &outcome);
  exchange.reply.result = outcome.result;
  exchange.reply.outcome_status = outcome.status;
  return std::move(exchange.reply);
}

Reply Site::call(const std::vector<std::string>& functions, const std::vector<std::string>& arguments,
                 std::uint32_t call_flags) {
  const std::vector<gatehouse_pair> all = pairs();
  const std::string script = script_path();
  const gatehouse_target to = target(script);
  Exchange exchange{*this, {}, 0, 0, 0, {}};
  const gatehouse_request_calls callbacks = calls();
  const gatehouse_request by = request(all, to, callbacks, &exchange);
  std::vector<gatehouse_text> names, texts;
  for (const std::string& function : functions) names.push_back(text(function));
  for (const std::string& argument : arguments) texts.push_back(text(argument));
  const gatehouse_call call = {sizeof call,  call_flags,      &by,      names.data(), names.size(), texts.data(),
                               texts.size(), on_ssl_variable, on_answer};
  gatehouse_outcome outcome = {sizeof(gatehouse_outcome), 99, 0};
  table->call(&call, &outcome);
  exchange.reply.result = outcome.result;
  exchange.reply.outcome_status = outcome.status;
  return std::move(exchange.reply);
}

Reply Site::post(std::string body) {
  content_length = static_cast<std::int64_t>(body.size());
  body_pieces = {std::move(body)};
  return get();
}

int Site::load(gatehouse_error* error) {
  const std::string script = script_path();
  const gatehouse_target to = target(script);
  error->size = sizeof *error;
  return table->load(&to, error);
}

}  // namespace fake_host
