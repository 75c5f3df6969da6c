// SPDX-License-Identifier: Apache-2.0
#pragma once

// request_rec becomes the WSGI environ's text entries: by this one function for embedded and daemon mode
// (compat.md 4.1 to 4.3). Texts live as long as the request. Thread: the request's own.

#include <cstdint>
#include <string_view>

#include "module/config.h"
#include "module/httpd_api.h"
#include "wsgi/environ.h"

namespace httpd {

// Memory of a request's pool for lib/wsgi.
class PoolArena final : public wsgi::Arena {
 public:
  explicit PoolArena(apr_pool_t* pool) : pool_(pool) {}
  char* allocate(std::size_t size) override { return static_cast<char*>(apr_palloc(pool_, size)); }

 private:
  apr_pool_t* pool_;
};

// Which code answers a request, resolved (groups.h).
struct Target {
  std::string_view process_group;  // "" = embedded
  DaemonGroup* group = nullptr;    // NULL: embedded
  const HandlerScript* handler = nullptr;
  bool known_place = false;  // the configuration shows process group and application group
  std::string_view script;
  std::string_view callable;
  std::string_view application_group;
  std::string_view interpreter;  // "" = main interpreter
  std::uint32_t flags = 0;       // GATEHOUSE_RELOAD
  std::int64_t script_mtime_us = 0;
};

// One request as an engine or a worker needs it.
struct RequestFacts {
  explicit RequestFacts(request_rec* r) : arena(r->pool), environ(arena) {}
  PoolArena arena;
  wsgi::EnvironList environ;
  std::uint32_t flags = 0;            // GATEHOUSE_HTTPS, GATEHOUSE_HEAD_REQUEST (unless it is mapped to GET)
  std::int64_t content_length = 0;    // -1 chunked, 0 none
  std::int64_t request_start_us = 0;  // wall clock
  bool expects_continue = false;      // do not read the body before the application asks for it
};

// SCRIPT_NAME: the URL path without path info, runs of '/' as one.
std::string_view script_name(const request_rec* r, wsgi::Arena& arena);

// All but what depends on the target, which add_target() adds.
void gather_facts(request_rec* r, const HandlerScript* handler, wsgi::PassAuthorization pass_authorization,
                  RequestFacts* facts);
void add_target(const Target& target, RequestFacts* facts);

// The environ of access and authentication functions, which run before the request has a handler (compat.md 1.8):
// no variables of SetEnv, no credentials.
void gather_hook_facts(request_rec* r, wsgi::EnvironList* environ);

}  // namespace httpd
