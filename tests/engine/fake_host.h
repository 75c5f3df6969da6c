// SPDX-License-Identifier: Apache-2.0
#pragma once

// A host for the real engine, without httpd: Site writes scripts into a folder of its own, sends requests
// through the engine's table and collects head, body and log lines. Its members are the knobs of the next request.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "wsgi/engine_abi.h"

namespace fake_host {

// The engine under test and the version ("3.12") it should be of; told by main().
void open_engine(const std::string& file, const char* version);
const char* expected_version();
// Python runs without a GIL: GATEHOUSE_FREE_THREADING=1 in the environment wants it and the engine can.
bool is_free_threading();
const gatehouse_engine_table& engine();
// The host that Python is started with: its log lines are kept.
const gatehouse_host& host();
std::vector<std::string> take_host_log();
bool contains(const std::vector<std::string>& lines, std::string_view part);
// Rules that ordinary settings have.
void add_ordinary_rules(gatehouse_python* python);
// Starts Python with ordinary settings, on the calling thread. Ends the process when that fails.
void start_python();
// How often after_application_fork was called in this process.
int application_forks();

// What a function of a script gave: "none", "true", "text:bob", "list:a,b", ...
struct Answer {
  std::size_t function;
  std::string value;
};

struct Reply {
  std::uint32_t result = 99;
  std::uint32_t outcome_status = 0;
  int heads = 0;  // how often send_head was called
  std::uint32_t status = 0;
  std::string reason;
  std::vector<std::pair<std::string, std::string>> headers;
  std::int64_t content_length = -2;
  std::string body;
  std::vector<std::string> pieces;    // the body as the calls brought it
  std::vector<std::string> interims;  // "103 Name: value, ..."
  std::vector<std::string> steps;     // "entered", "head", "buffer", "flush", "file", "read", in order
  std::vector<std::string> log;       // lines of level warning and worse
  std::vector<std::string> places;    // "file:line" of each of them, "" without one
  std::vector<std::string> notes;     // the other lines
  std::vector<Answer> answers;        // call()

  // The only answer; "(n answers)" when there is not one.
  std::string answer() const {
    return answers.size() == 1 ? answers[0].value : "(" + std::to_string(answers.size()) + " answers)";
  }

  std::string header(std::string_view name) const;  // its value, "(none)" without it
  int count(std::string_view step) const;
  bool logged(std::string_view part) const { return contains(log, part); }
};

class Site {
 public:
  Site();
  ~Site();
  Site(const Site&) = delete;
  Site& operator=(const Site&) = delete;

  const std::string& folder() const { return folder_; }
  std::string path(std::string_view name) const { return folder_ + "/" + std::string(name); }
  void write_file(std::string_view name, std::string_view text);
  // Writes the script that answers, with a modification time that differs from the last.
  void script(std::string_view text);
  // The body of application(environ, start_response), indented by this function.
  void application(std::string_view body);

  // Requests go to the script of another site.
  void use_script_of(const Site& other) { script_folder_ = other.folder_; }

  Reply get();
  Reply post(std::string body);
  // Calls functions of the script with environ and arguments.
  Reply call(const std::vector<std::string>& functions, const std::vector<std::string>& arguments = {},
             std::uint32_t call_flags = 0);
  // Loads the script ahead: 0 or -1, error filled.
  int load(gatehouse_error* error);

  std::string script_name = "app.wsgi";
  std::string callable = "application";
  std::string interpreter;
  std::string application_group = "group";
  std::uint32_t target_flags = GATEHOUSE_RELOAD;
  std::uint32_t request_flags = GATEHOUSE_MULTITHREAD;
  std::vector<std::pair<std::string, std::string>> environ = {{"REQUEST_METHOD", "GET"}, {"PATH_INFO", "/x"}};
  std::int64_t content_length = 0;
  std::vector<std::string> body_pieces;
  std::string read_error;   // not empty: the read after the last piece fails with it
  bool buffers = true;      // false: BUFFER is answered with AGAIN
  bool sends_soon = false;  // false: SOON is
  int gone_at_send = -1;    // the nth send_body or send_file (from 0) finds the client gone
  bool gone_at_head = false;
  bool sends_files = true;
  bool client_gone = false;  // what client_gone answers
  bool knows_client = true;  // false: no send_interim, no client_gone
  bool gone_at_interim = false;
  std::int32_t log_level = 0;
  std::int32_t thread_id = 7;
  void* request_rec = nullptr;
  std::vector<std::pair<std::string, std::string>> ssl_variables;
  std::uint64_t number = 0;            // by which the request can be interrupted
  std::int64_t mtime_us = 0;           // script_mtime_us
  std::function<void()> before_read;   // runs without the GIL
  std::function<void()> before_flush;  // the same

 private:
  gatehouse_target target(const std::string& script) const;
  gatehouse_request_calls calls() const;
  gatehouse_request request(const std::vector<gatehouse_pair>& pairs, const gatehouse_target& to,
                            const gatehouse_request_calls& calls, void* exchange) const;
  std::vector<gatehouse_pair> pairs() const;
  std::string script_path() const { return script_folder_ + "/" + script_name; }
  std::string folder_;
  std::string script_folder_;
  std::int64_t last_mtime_ = 1'700'000'000;
};

}  // namespace fake_host
