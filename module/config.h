// SPDX-License-Identifier: Apache-2.0
#pragma once

// What the directives say, as httpd keeps it: per directory (and per server, which httpd keeps as the directory
// configuration that all others inherit from), per server, and per configuration (daemon groups). Everything lives
// in the configuration's pool. Written while the configuration is read, by one thread; read-only after.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "module/doctor_rules.h"
#include "module/group_queue.h"
#include "module/httpd_api.h"
#include "module/body_buffers.h"
#include "module/kept_channels.h"
#include "module/script_owner.h"
#include "module/waiting_counts.h"
#include "wire/group_spec.h"
#include "wsgi/python_settings.h"

namespace httpd {

enum class Switch : std::int8_t { kUnset = -1, kOff = 0, kOn = 1 };
// WSGIMapHEADToGET. kAuto: when an output filter works on content, which must see what a GET would give.
enum class MapHead : std::int8_t { kUnset, kOff, kOn, kAuto };
// WSGIQueuePriority.
enum class QueuePriority : std::int8_t { kUnset, kNormal, kHigh };

// A script beside the application: WSGIDispatchScript, WSGIAccessScript, WSGIAuthUserScript, WSGIAuthGroupScript.
struct HookScript {
  const char* directive = nullptr;
  const char* path = nullptr;
  const char* process_group = nullptr;      // NULL: embedded
  const char* application_group = nullptr;  // as written; NULL: the main interpreter
  bool in_htaccess = false;
};

// One WSGIHandlerScript: a handler for SetHandler, AddHandler and Action.
struct HandlerScript {
  const char* name = nullptr;
  const char* path = nullptr;
  const char* process_group = nullptr;
  const char* application_group = nullptr;
  Switch pass_authorization = Switch::kUnset;
};

// Directives that may stand in directories and servers. Texts and lists: NULL = unset.
struct DirectoryConfig {
  const char* process_group = nullptr;
  const char* application_group = nullptr;
  const char* callable_object = nullptr;
  Switch pass_authorization = Switch::kUnset;
  Switch chunked_request = Switch::kUnset;
  Switch request_buffering = Switch::kUnset;
  Switch script_reloading = Switch::kUnset;
  Switch ignore_activity = Switch::kUnset;
  Switch error_override = Switch::kUnset;
  Switch enable_sendfile = Switch::kUnset;
  Switch pass_apache_request = Switch::kUnset;
  MapHead map_head = MapHead::kUnset;
  QueuePriority queue_priority = QueuePriority::kUnset;
  apr_array_header_t* restrict_process = nullptr;  // const char*
  apr_array_header_t* trusted_headers = nullptr;   // const wsgi::TrustedHeader*
  apr_array_header_t* trusted_proxies = nullptr;   // wsgi::Subnet
  const HookScript* dispatch_script = nullptr;
  const HookScript* access_script = nullptr;
  const HookScript* auth_user_script = nullptr;
  const HookScript* auth_group_script = nullptr;
  apr_array_header_t* handlers = nullptr;  // HandlerScript; the first of a name counts
};
static_assert(std::is_trivially_destructible_v<DirectoryConfig>);

// One WSGIScriptAlias or WSGIScriptAliasMatch.
struct ScriptAlias {
  const char* path = nullptr;    // URL path, or the regular expression's text
  ap_regex_t* regex = nullptr;   // NULL: a plain prefix
  const char* target = nullptr;  // script, directory of scripts, or its pattern with $1
  const char* process_group = nullptr;
  const char* application_group = nullptr;
  const char* callable_object = nullptr;
  Switch pass_authorization = Switch::kUnset;
};

class ScoreboardPage;

struct ServerConfig {
  apr_array_header_t* aliases = nullptr;  // ScriptAlias; first match wins
  // Global ones: only the main server's record is asked.
  const char* python = nullptr;
  const char* python_home = nullptr;
  const char* python_path = nullptr;
  const char* python_eggs = nullptr;
  std::int64_t switch_interval_us = 0;  // of embedded mode; 0: unset
  Switch restrict_embedded = Switch::kUnset;
  Switch server_metrics = Switch::kUnset;
};
static_assert(std::is_trivially_destructible_v<ServerConfig>);

// One process group: what WSGIDaemonProcess says, and its queue in this generation.
struct DaemonGroup {
  wire::GroupSpec spec;
  std::vector<server_rec*> servers;  // where it is defined (equal definitions in several virtual hosts are one)
  std::string place;                 // "FILE:LINE" of its first definition
  std::vector<std::string> again;    // places of further definitions, equal in every option
  wire::Launch launch;               // resolved by post_config
  ScriptOwner script_owner;          // script-user=, script-group=
  GroupQueue queue;
  WaitingCounts* waiting = nullptr;    // with queue-fairness= only; made by daemon_spawn
  KeptChannels* kept = nullptr;        // of this process; made by child_init, never destroyed: threads may use it
  BodyBuffers* bodies = nullptr;       // the same
  const char* spool_directory = "";    // for temporary files; of child_init
  bool one_application_group = false;  // design.md 9: its only application group lives in the main interpreter
};

// One line of a configuration file.
struct DirectivePlace {
  const server_rec* server;
  std::string place;  // "FILE:LINE"
};

// A <WSGIInterpreterOptions>: the groups that its lines are for. "" is embedded mode, or the main interpreter; nothing
// is any.
struct InterpreterSection {
  std::optional<std::string> process_group;
  std::optional<std::string> application_group;
  std::string place;
};

// One WSGIImportScript. Groups as written: %{GLOBAL} or a name.
struct ImportScript {
  std::string path, process_group, application_group;
  const server_rec* server;
  std::string place;
};

// A script beside the application, as the configuration files name it.
struct ScriptUse {
  DirectivePlace place;
  const char* directive;
  const char* path;
  const char* process_group;      // as written; NULL: a handler's is its directory's, a hook is embedded
  const char* application_group;  // as written
  bool is_handler;
};

// The configuration being read or in force.
struct Configuration {
  apr_pool_t* pool = nullptr;
  std::vector<DaemonGroup*> groups;
  std::vector<ImportScript> import_scripts;
  std::vector<wire::Import> embedded_imports;  // what httpd children load ahead
  wsgi::PythonSettings python;                 // of python_directives.h
  const char* httpd_version = "";              // "2.4.62", of the httpd that runs

  // What cannot be seen from the servers' records afterwards.
  std::vector<std::string> section_process_groups;  // WSGIProcessGroup inside <Directory> and the like, as written
  bool sections_set_application_group = false;      // WSGIApplicationGroup there
  bool has_priority_lane = false;                   // a WSGIQueuePriority high somewhere
  std::vector<ScriptUse> script_uses;
  std::vector<std::string> without_effect;      // "DIRECTIVE ...": accepted, for a later release
  std::vector<std::string> obsolete_options;    // "WSGIDaemonProcess NAME OPTION (why)": nothing left to do
  std::vector<const command_rec*> obsolete;     // accepted, with nothing left to do; each once
  std::vector<DirectivePlace> trusted_headers;  // each WSGITrustedProxyHeaders
  std::vector<DirectivePlace> trusted_proxies;  // each WSGITrustedProxies
  std::vector<std::string> unknown_headers;     // of WSGITrustedProxyHeaders, with their place
  DoctorSwitches doctor;
  ScoreboardPage* scoreboard_page = nullptr;  // when a group has server-metrics=On; made by daemon_spawn
  std::vector<InterpreterSection> interpreter_sections;
  const InterpreterSection* open_section = nullptr;   // the one whose lines are being read
  std::vector<std::string> free_threading_of_groups;  // places of WSGIFreeThreading where it cannot count

  DaemonGroup* find_group(std::string_view name) const;  // NULL when there is none
  std::string group_names() const;                       // "a, b, c" or "none"
};

// NULL before the first configuration is read. begin_configuration makes a new one that dies with the pool.
Configuration* configuration();
Configuration* begin_configuration(apr_pool_t* pool);

// True when a request of that server may use the group: groups of the main server serve all, groups of a virtual
// host only those with the same ServerName.
bool is_visible_from(const DaemonGroup& group, const server_rec* server);

DirectoryConfig& directory_config(const request_rec* r);
DirectoryConfig& directory_config(const server_rec* server);  // what applies where no directory says otherwise
ServerConfig& server_config(const server_rec* server);

}  // namespace httpd

// httpd's creators and mergers, named in mod_wsgi.c.
extern "C" {
void* gatehouse_create_directory_config(apr_pool_t* pool, char* directory) noexcept;
void* gatehouse_merge_directory_config(apr_pool_t* pool, void* base, void* add) noexcept;
void* gatehouse_create_server_config(apr_pool_t* pool, server_rec* server) noexcept;
void* gatehouse_merge_server_config(apr_pool_t* pool, void* base, void* add) noexcept;
}
