// SPDX-License-Identifier: Apache-2.0
#pragma once

// What WSGIDaemonProcess says of a process group. One table (group_options) parses, range-checks, encodes and
// documents all options. Pure: users and groups stay names here; the module resolves them into Launch.

#include <bitset>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace wire {

inline constexpr std::size_t kMostOptions = 96;

// Durations are microseconds; 0 means "off" where the table says so. Unset strings are empty.
struct GroupSpec {
  std::string name;
  std::int64_t processes = 1;
  std::int64_t most_processes = 0;  // of processes=MIN-MAX; 0: no more than processes
  bool processes_given = false;     // wsgi.multiprocess is true when processes= is given at all
  std::int64_t threads = 15;
  std::int64_t interpreters = 1;  // with a GIL each, for every application group
  std::string user, group, supplementary_groups;
  std::int64_t umask = -1;  // -1: inherit
  std::string home, chroot, lang, locale, python, python_home, python_path, python_eggs, display_name;
  std::int64_t queue_size = 100;        // listen-backlog is its old name
  std::string queue_fairness = "none";  // or "client" or "vhost"
  std::int64_t queue_timeout = 0, socket_timeout = 0, connect_timeout = 15'000'000;
  std::int64_t response_socket_timeout = 0, response_flush_delay = 5'000;
  std::int64_t maximum_requests = 0, restart_interval = 0, inactivity_timeout = 0, request_timeout = 0;
  std::int64_t interrupt_timeout = 0, deadlock_timeout = 300'000'000, startup_timeout = 0;
  std::int64_t graceful_timeout = 15'000'000, eviction_timeout = 0, shutdown_timeout = 5'000'000;
  std::int64_t stack_size = 0, switch_interval = 0, cpu_time_limit = 0, cpu_priority = 0;
  std::string cpu_scheduling = "batch";  // or "other"
  std::int64_t memory_limit = 0, virtual_memory_limit = 0;
  std::int64_t send_buffer_size = 0, receive_buffer_size = 0, header_buffer_size = 0, response_buffer_size = 0;
  std::int64_t request_buffer_size = 0, response_spool_size = 0;
  std::string spool_directory;
  std::string socket_user, script_user, script_group;
  std::string env_file, setenv;
  bool server_metrics = false;
  bool preload = true;
  std::string reload = "strict";  // or "rolling"
  std::int64_t scale_up_queue = 100'000, scale_down_idle = 60'000'000;
  std::int64_t maximum_memory = 0, restart_jitter = 0;
  std::bitset<kMostOptions> given;  // options that were given, by their place in group_options()

  // It runs scripts (WSGIImportScript) and serves no requests.
  bool is_service() const { return threads == 0; }
  std::int64_t max_processes() const { return most_processes > processes ? most_processes : processes; }
};

enum class OptionKind : std::uint8_t {
  kText,
  kName,        // of a user or group, or #number
  kDirectory,   // absolute
  kFile,        // absolute
  kVariable,    // NAME=VALUE; may be given several times: a line each
  kVersion,     // 3.X
  kReload,      // strict or rolling
  kFairness,    // none, client or vhost
  kScheduling,  // batch or other
  kOnOff,
  kCount,            // whole number
  kProcesses,        // whole number, or two of them: MIN-MAX
  kOctal,            // file mode bits
  kBytes,            // whole number, 0 = the default
  kSeconds,          // with fractions
  kPositiveSeconds,  // the same, above 0
  kMilliseconds      // whole number
};

enum class OptionEffect : std::uint8_t {
  kLater,  // parsed and kept, takes effect with a later release: one notice
  kNow,
  kNever  // there is nothing left for it to do: one notice
};

struct GroupOption {
  std::string_view name;  // "queue-timeout"
  OptionKind kind;
  std::string GroupSpec::*text;  // one of these three is set, by kind
  std::int64_t GroupSpec::*number;
  bool GroupSpec::*flag;
  std::int64_t minimum;  // in the unit that is written (seconds, bytes, count)
  std::int64_t maximum;
  OptionEffect effect;
  std::string_view meaning;  // a sentence for docs/directives.md
};

// All options, sorted by name.
std::span<const GroupOption> group_options();

// What a value must be, as the refusal of another one puts it: "a whole number from 0 to 65533".
std::string wanted_value(const GroupOption& option);

// Sets one option from its text, e.g. set_option(&spec, "queue-timeout", "1.5"). Errors: kOptionUnknown (with the
// nearest name when one is close), kOptionValue naming option, value and range. Seconds accept fractions.
base::Status set_option(GroupSpec* spec, std::string_view name, std::string_view value);

// Was the option given, be it with the value that it has anyway?
bool is_given(const GroupSpec& spec, std::string_view name);

// Options that contradict each other, such as script-user and script-group.
base::Status validate(const GroupSpec& spec);

// Equal in every option.
bool same_options(const GroupSpec& a, const GroupSpec& b);

// A script that the group's processes load before they serve.
struct Import {
  // kApplication: one that the configuration shows to be served here. kScript: WSGIImportScript's, whose failure
  // holds nothing up.
  enum class Kind : std::uint8_t { kApplication, kScript } kind = Kind::kApplication;
  std::string script;             // absolute file name
  std::string interpreter;        // "" = the main one
  std::string application_group;  // what mod_wsgi.application_group tells
};

// Everything gatehoused needs to run a group: the spec and what the module resolved as root.
struct Launch {
  GroupSpec spec;
  std::int64_t uid = -1, gid = -1;       // -1: keep (httpd was not started as root)
  std::vector<std::int64_t> groups;      // the full supplementary set, when uid is given
  std::string user_name, user_home;      // for USER, LOGNAME, HOME
  std::string engine;                    // file name of the engine
  std::string python_executable;         // virtual environment's interpreter or empty
  std::string python_home_prefix;        // PyConfig.home or empty
  std::string python_settings;           // encoded; for the engine, see wsgi/python_settings.h
  std::vector<std::string> environment;  // "NAME=VALUE", the whole environment of the group
  std::int64_t log_level = 4;            // base::Level of lines outside requests
  std::int64_t generation = 0;
  // What module apache tells of httpd.
  std::string server_version, server_description, server_build_date, mpm_name;
  std::int64_t mpm_processes = 0, mpm_threads = 0;
  std::int64_t default_timeout = 60'000'000;  // httpd's Timeout, for socket-timeout 0
  std::vector<Import> imports;                // in the configuration's order
  bool has_elders = false;                    // an older generation serves the queue until this one does
  bool has_priority_lane = false;             // there is a second queue, whose tickets are taken first
};

// For gatehoused's standard start: both programs are of one version. decode_launch refuses (kDaemonStart) what
// another version has encoded, malformed bytes and options out of their ranges.
std::string encode(const Launch& launch);
base::Result<Launch> decode_launch(std::span<const std::byte> bytes);

}  // namespace wire
