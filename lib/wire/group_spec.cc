// SPDX-License-Identifier: Apache-2.0
#include "wire/group_spec.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <climits>
#include <iterator>

#include "base/bytes.h"
#include "wire/frame.h"

namespace wire {
namespace {

using base::Message;

constexpr std::int64_t kMicrosPerSecond = 1'000'000;
constexpr std::int64_t kMicrosPerMilli = 1'000;
constexpr std::uint32_t kLaunchMagic = 0x4c544847;  // "GHTL"

using enum OptionEffect;

constexpr GroupOption text(std::string_view name, OptionKind kind, std::string GroupSpec::*member, OptionEffect effect,
                           std::string_view meaning) {
  return {name, kind, member, nullptr, nullptr, 0, 0, effect, meaning};
}

constexpr GroupOption number(std::string_view name, OptionKind kind, std::int64_t GroupSpec::*member,
                             std::int64_t minimum, std::int64_t maximum, OptionEffect effect,
                             std::string_view meaning) {
  return {name, kind, nullptr, member, nullptr, minimum, maximum, effect, meaning};
}

constexpr GroupOption seconds(std::string_view name, std::int64_t GroupSpec::*member, OptionEffect effect,
                              std::string_view meaning) {
  return number(name, OptionKind::kSeconds, member, 0, INT_MAX, effect, meaning);
}

using Kind = OptionKind;
using Spec = GroupSpec;

constexpr GroupOption kOptions[] = {
    text("chroot", Kind::kDirectory, &Spec::chroot, kNow,
         "Root directory of the group's processes; scripts must lie below it. Only when httpd starts as root."),
    seconds("connect-timeout", &Spec::connect_timeout, kNow,
            "How long a request may wait for room in a full queue, when there is no queue-timeout."),
    number("cpu-priority", Kind::kCount, &Spec::cpu_priority, -20, 20, kNow,
           "Scheduling priority: a nice value, lower is more."),
    text("cpu-scheduling", Kind::kScheduling, &Spec::cpu_scheduling, kNow,
         "The kernel's scheduling policy: batch (SCHED_BATCH), a process that gets a request lets the thread that runs "
         "on its processor go on to its next wait, which saves switches; other (SCHED_OTHER), it may interrupt it."),
    seconds("cpu-time-limit", &Spec::cpu_time_limit, kNow, "CPU time after which a process is replaced; 0 = none."),
    seconds(
        "deadlock-timeout", &Spec::deadlock_timeout, kNow,
        "How long Python's lock may be held, or the process be stopped, before the process is replaced; 0 = for ever."),
    text("display-name", Kind::kText, &Spec::display_name, kNow,
         "Title of the processes in ps; %{GROUP} becomes (wsgi:NAME)."),
    text("env-file", Kind::kFile, &Spec::env_file, kNow,
         "File of environment variables, a line NAME=VALUE each, read by the group's user before Python starts."),
    seconds("eviction-timeout", &Spec::eviction_timeout, kNow,
            "How long a process told to leave by SIGUSR1 may finish its requests; 0 = graceful-timeout."),
    seconds("graceful-timeout", &Spec::graceful_timeout, kNow,
            "How long a process that is to be replaced may finish its requests."),
    text("group", Kind::kName, &Spec::group, kNow, "Group, by name or #number; default: httpd's Group."),
    number(
        "header-buffer-size", Kind::kBytes, &Spec::header_buffer_size, 8192, INT_MAX, kNow,
        "Longest response header that is accepted, name and value; 0 = the protocol's limit, 1 MiB for all of them."),
    text("home", Kind::kDirectory, &Spec::home, kNow, "Working directory, put first on sys.path."),
    seconds("inactivity-timeout", &Spec::inactivity_timeout, kNow,
            "Idle time after which a process is replaced; 0 = never."),
    number("interpreters", Kind::kCount, &Spec::interpreters, 1, 256, kNow,
           "Python interpreters of each process that serve an application side by side, each with a lock (GIL) and a "
           "copy of the application of its own; from Python 3.12 on."),
    seconds("interrupt-timeout", &Spec::interrupt_timeout, kNow,
            "0: a request that runs longer than request-timeout ends its process. Else mod_wsgi.RequestTimeout is "
            "raised in it, and the process ends only when it still runs after this time."),
    text("lang", Kind::kText, &Spec::lang, kNow, "Environment variable LANG."),
    number("listen-backlog", Kind::kCount, &Spec::queue_size, 0, INT_MAX, kNow,
           "The old name of queue-size; a request that finds the queue full waits for room, for connect-timeout."),
    text("locale", Kind::kText, &Spec::locale, kNow, "Locale and environment variable LC_ALL."),
    number("maximum-memory", Kind::kBytes, &Spec::maximum_memory, 0, INT64_MAX, kNow,
           "Resident memory above which a process is replaced between requests; 0 = never."),
    number("maximum-requests", Kind::kCount, &Spec::maximum_requests, 0, INT_MAX, kNow,
           "Requests after which a process is replaced; 0 = never."),
    number("memory-limit", Kind::kBytes, &Spec::memory_limit, 0, INT64_MAX, kNow,
           "Limit of a process's data (RLIMIT_DATA); 0 = none."),
    {"preload", Kind::kOnOff, nullptr, nullptr, &Spec::preload, 0, 0, kNow,
     "On: scripts that the configuration names are loaded once, before the processes are forked; Off: each process "
     "loads them for itself, at the first request."},
    number("processes", Kind::kProcesses, &Spec::processes, 1, INT_MAX, kNow,
           "Number of processes, or MIN-MAX: as many as the load wants; given at all, wsgi.multiprocess is true."),
    text("python", Kind::kVersion, &Spec::python, kNow,
         "Python version, e.g. 3.12, or 3.13t for a free-threaded one; default: that of python-home, else the one "
         "chosen when Gatehouse was built."),
    text("python-eggs", Kind::kText, &Spec::python_eggs, kNow, "Environment variable PYTHON_EGG_CACHE."),
    text("python-home", Kind::kText, &Spec::python_home, kNow, "Virtual environment, or Python installation."),
    text("python-path", Kind::kText, &Spec::python_path, kNow,
         "Directories put in front of sys.path, separated by colons."),
    text("queue-fairness", Kind::kFairness, &Spec::queue_fairness, kNow,
         "client, vhost: one client address, or one virtual host, may have no more requests waiting in the queue than "
         "the queue has free places; further ones get 503. none: whoever comes first."),
    number("queue-size", Kind::kCount, &Spec::queue_size, 0, INT_MAX, kNow,
           "How many requests may wait in the queue for a free thread, at least 1; further ones get 503 at once, or "
           "after connect-timeout where that is given, too."),
    seconds("queue-timeout", &Spec::queue_timeout, kNow,
            "How long a request may wait for a free thread before it gets 503, 0.05 at least; 0 = as long as "
            "socket-timeout."),
    number("receive-buffer-size", Kind::kBytes, &Spec::receive_buffer_size, 512, INT_MAX, kNow,
           "Receive buffer of the sockets between httpd and the group; 0 = the system's."),
    text("reload", Kind::kReload, &Spec::reload, kNow,
         "What a changed script means for requests: strict, they wait for the new code; rolling, the old code serves "
         "until the new one is ready."),
    number("request-buffer-size", Kind::kBytes, &Spec::request_buffer_size, 65536, INT64_MAX, kNow,
           "How much of a request body httpd reads, into a temporary file when it is more than a good MiB, before a "
           "process "
           "gets the request; 0 = 16 MiB."),
    seconds("request-timeout", &Spec::request_timeout, kNow,
            "How long a request may run, times 1 + ln(threads); 0 = for ever."),
    number("response-buffer-size", Kind::kBytes, &Spec::response_buffer_size, 65536, INT_MAX, kNow,
           "How much of a response httpd holds in memory while its client is slow, before it uses a temporary file; "
           "0 = 4 MiB."),
    number("response-flush-delay", Kind::kMilliseconds, &Spec::response_flush_delay, 0, INT_MAX, kNever,
           "Nothing: what an application hands over goes to the client at once."),
    seconds("response-socket-timeout", &Spec::response_socket_timeout, kNow,
            "How long a write of the response to the client may take; 0 = socket-timeout."),
    number("response-spool-size", Kind::kBytes, &Spec::response_spool_size, 65536, INT64_MAX, kNow,
           "How much more of it httpd holds in a temporary file, before the application waits for the client; 0 = 1 "
           "GiB."),
    seconds("restart-interval", &Spec::restart_interval, kNow, "Age at which a process is replaced; 0 = never."),
    number("restart-jitter", Kind::kCount, &Spec::restart_jitter, 0, 100, kNow,
           "Percentage by which maximum-requests and restart-interval vary at random, so that processes are not "
           "replaced all at once."),
    seconds("scale-down-idle", &Spec::scale_down_idle, kNow,
            "With processes=MIN-MAX: how long a process must have been dispensable before it leaves."),
    seconds("scale-up-queue", &Spec::scale_up_queue, kNow,
            "With processes=MIN-MAX: how long a request may wait in the queue before one more process is forked."),
    text("script-group", Kind::kName, &Spec::script_group, kNow,
         "Group that must own scripts and their directories, which nobody else may write to; else 403."),
    text("script-user", Kind::kName, &Spec::script_user, kNow,
         "User that must own scripts and their directories, which nobody else may write to; else 403."),
    number(
        "send-buffer-size", Kind::kBytes, &Spec::send_buffer_size, 512, INT_MAX, kNow,
        "Send buffer of the sockets between httpd and the group; 0 = 512 KiB for responses where the system allows "
        "that, and the system's for requests. What is sent of responses of 512 KiB and more goes by memory instead."),
    {"server-metrics", Kind::kOnOff, nullptr, nullptr, &Spec::server_metrics, 0, 0, kNow,
     "Applications of the group may read httpd's scoreboard with `mod_wsgi.server_metrics()`; it is 0.1 s old at most "
     "when a request of the group has come."},
    text("setenv", Kind::kVariable, &Spec::setenv, kNow,
         "Environment variable NAME=VALUE, set before Python starts; may be given several times."),
    seconds("shutdown-timeout", &Spec::shutdown_timeout, kNow,
            "How long a process may take to end when httpd stops; 0 = no limit."),
    seconds("socket-timeout", &Spec::socket_timeout, kNow,
            "How long either side waits for the other during a request; 0 = httpd's Timeout."),
    text("socket-user", Kind::kName, &Spec::socket_user, kNever, "Nothing: there is no socket file."),
    text("spool-directory", Kind::kDirectory, &Spec::spool_directory, kNow,
         "Where httpd's temporary files for request bodies and for slow clients are; default: as httpd finds it, "
         "TMPDIR or /tmp."),
    number("stack-size", Kind::kCount, &Spec::stack_size, 1, INT_MAX, kNow, "Stack of a thread, in bytes."),
    seconds("startup-timeout", &Spec::startup_timeout, kNow,
            "How long a process may take from its first request to the first one that enters an application; then it "
            "is replaced; 0 = for ever."),
    text("supplementary-groups", Kind::kText, &Spec::supplementary_groups, kNow,
         "Further groups, separated by commas; default: those of the user."),
    number("switch-interval", Kind::kPositiveSeconds, &Spec::switch_interval, 0, INT_MAX, kNow,
           "How long a Python thread may run before another gets its turn."),
    number("threads", Kind::kCount, &Spec::threads, 0, 65533, kNow,
           "Threads of each process; 0: a service, which serves no requests and runs its WSGIImportScript scripts."),
    number("umask", Kind::kOctal, &Spec::umask, 0, 0777, kNow, "File mode mask; default: httpd's."),
    text("user", Kind::kName, &Spec::user, kNow, "User, by name or #number; default: httpd's User. Never root."),
    number("virtual-memory-limit", Kind::kBytes, &Spec::virtual_memory_limit, 0, INT64_MAX, kNow,
           "Limit of a process's address space (RLIMIT_AS); 0 = none."),
};
static_assert(std::is_sorted(std::begin(kOptions), std::end(kOptions),
                             [](const GroupOption& a, const GroupOption& b) { return a.name < b.name; }));

const GroupOption* find_option(std::string_view name) {
  const auto* found =
      std::lower_bound(std::begin(kOptions), std::end(kOptions), name,
                       [](const GroupOption& option, std::string_view wanted) { return option.name < wanted; });
  return found != std::end(kOptions) && found->name == name ? found : nullptr;
}

static_assert(std::size(kOptions) <= kMostOptions);

std::size_t place_of(const GroupOption& option) { return static_cast<std::size_t>(&option - kOptions); }

constexpr std::size_t kLongestName = 24;
static_assert(std::all_of(std::begin(kOptions), std::end(kOptions),
                          [](const GroupOption& option) { return option.name.size() <= kLongestName; }));

// Changes of one character that turn a into b, an option's name (Levenshtein).
std::size_t distance(std::string_view a, std::string_view b) {
  std::array<std::size_t, kLongestName + 1> row;
  for (std::size_t j = 0; j < row.size(); ++j) row[j] = j;
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({row[j] + 1, row[j + 1] + 1, replaced});
    }
  }
  return row[b.size()];
}

base::Error unknown_option(std::string_view name) {
  constexpr std::size_t kFarthest = 3, kShown = 64;
  std::string what = "there is no option " + std::string(name.substr(0, kShown));
  const GroupOption* nearest = nullptr;
  std::size_t best = std::min(kFarthest, name.size() / 2) + 1;
  if (name.size() <= kLongestName + kFarthest) {
    for (const GroupOption& option : kOptions) {
      if (std::max(name.size(), option.name.size()) - std::min(name.size(), option.name.size()) >= best) continue;
      const std::size_t changes = distance(name, option.name);
      if (changes < best) best = changes, nearest = &option;
    }
  }
  if (nearest != nullptr) what.append("; did you mean ").append(nearest->name).append("?");
  return {Message::kOptionUnknown, 0, std::move(what)};
}

bool is_zero_allowed(const GroupOption& option) { return option.kind == Kind::kBytes && option.minimum > 0; }

// What a value must look like: "a whole number from 0 to 65533".
std::string wanted(const GroupOption& option) {
  std::array<char, 32> octal{};
  const std::string range = " from " + std::to_string(option.minimum) + " to " + std::to_string(option.maximum);
  switch (option.kind) {
    case Kind::kText:
      return "a text";
    case Kind::kName:
      return "a name, or # and a number,";
    case Kind::kDirectory:
      return "the absolute path of a directory";
    case Kind::kFile:
      return "the absolute path of a file";
    case Kind::kVariable:
      return "NAME=VALUE";
    case Kind::kVersion:
      return "a Python version like 3.12";
    case Kind::kReload:
      return "strict or rolling";
    case Kind::kFairness:
      return "none, client or vhost";
    case Kind::kScheduling:
      return "batch or other";
    case Kind::kOnOff:
      return "On or Off";
    case Kind::kCount:
      return "a whole number" + range;
    case Kind::kProcesses:
      return "a whole number, or MIN-MAX," + range;
    case Kind::kOctal: {
      const auto end = std::to_chars(octal.data(), octal.data() + octal.size(), option.maximum, 8).ptr;
      return "an octal number from 0 to " + std::string(octal.data(), end);
    }
    case Kind::kBytes:
      return (is_zero_allowed(option) ? "0 or a whole number of bytes" : "a whole number of bytes") + range;
    case Kind::kSeconds:
      return "a number of seconds" + range;
    case Kind::kPositiveSeconds:
      return "a number of seconds above 0 and up to " + std::to_string(option.maximum);
    case Kind::kMilliseconds:
      return "a whole number of milliseconds" + range;
  }
  return {};
}

base::Error wrong_value(const GroupOption& option, std::string_view value) {
  return {Message::kOptionValue, 0,
          std::string(option.name).append("=").append(value).append(": ").append(wanted(option)).append(" is needed")};
}

bool parse_whole(std::string_view value, int number_base, std::int64_t* out) {
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), *out, number_base);
  return error == std::errc() && end == value.data() + value.size();
}

bool is_digits(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// "1.5" into microseconds; digits beyond a microsecond are dropped.
bool parse_seconds(std::string_view value, std::int64_t maximum, std::int64_t* out) {
  constexpr std::size_t kDigits = 6;
  const std::size_t point = value.find('.');
  const std::string_view whole = value.substr(0, point);
  const std::string_view fraction = point == value.npos ? std::string_view() : value.substr(point + 1);
  if (whole.size() + fraction.size() == 0 || !is_digits(whole) || !is_digits(fraction)) return false;
  std::int64_t count = 0;
  if (!whole.empty() && (!parse_whole(whole, 10, &count) || count > maximum)) return false;
  std::string micros(fraction.substr(0, kDigits));
  micros.resize(kDigits, '0');
  std::int64_t rest = 0;
  if (!parse_whole(micros, 10, &rest) || (count == maximum && rest > 0)) return false;
  *out = count * kMicrosPerSecond + rest;
  return true;
}

// From the unit that is written to the one that is kept, and its range.
std::int64_t unit(const GroupOption& option) {
  switch (option.kind) {
    case Kind::kSeconds:
    case Kind::kPositiveSeconds:
      return kMicrosPerSecond;
    case Kind::kMilliseconds:
      return kMicrosPerMilli;
    default:
      return 1;
  }
}

bool is_in_range(const GroupOption& option, std::int64_t kept) {
  if (kept == 0 && is_zero_allowed(option)) return true;
  if (kept == 0 && option.kind == Kind::kPositiveSeconds) return false;
  return kept >= option.minimum * unit(option) && kept <= option.maximum * unit(option);
}

bool parse_number(const GroupOption& option, std::string_view value, std::int64_t* out) {
  if (unit(option) == kMicrosPerSecond) return parse_seconds(value, option.maximum, out) && is_in_range(option, *out);
  std::int64_t written = 0;
  if (!parse_whole(value, option.kind == Kind::kOctal ? 8 : 10, &written)) return false;
  if (written > option.maximum || written < std::min<std::int64_t>(option.minimum, 0)) return false;
  *out = written * unit(option);
  return is_in_range(option, *out);
}

bool is_valid_text(const GroupOption& option, std::string_view value) {
  switch (option.kind) {
    case Kind::kName:
      return value.starts_with('#') ? value.size() > 1 && is_digits(value.substr(1)) : !value.empty();
    case Kind::kDirectory:
    case Kind::kFile:
      return value.starts_with('/');
    case Kind::kVariable:
      return value.find('=') != value.npos && !value.starts_with('=');
    case Kind::kVersion:
      if (value.ends_with('t')) value.remove_suffix(1);  // a free-threaded build
      return value.size() > 2 && value.size() <= 4 && value.starts_with("3.") && is_digits(value.substr(2));
    case Kind::kReload:
      return value == "strict" || value == "rolling";
    case Kind::kFairness:
      return value == "none" || value == "client" || value == "vhost";
    case Kind::kScheduling:
      return value == "batch" || value == "other";
    default:
      return true;
  }
}

// "4" or "2-8".
bool parse_processes(const GroupOption& option, std::string_view value, GroupSpec* spec) {
  const std::size_t dash = value.find('-', 1);
  std::int64_t least = 0, most = 0;
  if (!parse_number(option, value.substr(0, dash), &least)) return false;
  if (dash != value.npos && (!parse_number(option, value.substr(dash + 1), &most) || most < least)) return false;
  spec->processes = least;
  spec->most_processes = most;
  spec->processes_given = true;
  return true;
}

bool parse_switch(std::string_view value, bool* out) {
  const auto is = [&](std::string_view word) {
    return std::equal(value.begin(), value.end(), word.begin(), word.end(),
                      [](char a, char b) { return (a >= 'A' && a <= 'Z' ? a + ('a' - 'A') : a) == b; });
  };
  if (!is("on") && !is("off")) return false;
  *out = is("on");
  return true;
}

using base::ByteReader;
using base::ByteWriter;

void put_text(ByteWriter& writer, std::string_view value) {
  writer.u32(static_cast<std::uint32_t>(value.size()));
  writer.text(value);
}

std::string get_text(ByteReader& reader) { return std::string(reader.text(reader.u32())); }

void put_option(ByteWriter& writer, const GroupOption& option, const GroupSpec& spec) {
  writer.u8(spec.given[place_of(option)] ? 1 : 0);
  if (option.text != nullptr) put_text(writer, spec.*option.text);
  if (option.number != nullptr) writer.i64(spec.*option.number);
  if (option.flag != nullptr) writer.u8(spec.*option.flag ? 1 : 0);
}

// False: what was read is no value of this option. An unset one keeps its default, which may lie outside of
// the range of values that can be written.
bool get_option(ByteReader& reader, const GroupOption& option, GroupSpec* spec) {
  const std::uint8_t given = reader.u8();
  if (given > 1) return false;
  spec->given[place_of(option)] = given == 1;
  if (option.text != nullptr) {
    spec->*option.text = get_text(reader);
    return (spec->*option.text).empty() || is_valid_text(option, spec->*option.text);
  }
  if (option.flag != nullptr) {
    const std::uint8_t flag = reader.u8();
    spec->*option.flag = flag == 1;
    return flag <= 1;
  }
  const std::int64_t unset = spec->*option.number;
  spec->*option.number = reader.i64();
  return spec->*option.number == unset || is_in_range(option, spec->*option.number);
}

void put_import(ByteWriter& writer, const Import& import) {
  writer.u8(static_cast<std::uint8_t>(import.kind));
  for (const std::string* value : {&import.script, &import.interpreter, &import.application_group})
    put_text(writer, *value);
}

bool get_import(ByteReader& reader, Import* import) {
  const std::uint8_t kind = reader.u8();
  import->kind = static_cast<Import::Kind>(kind);
  for (std::string* value : {&import->script, &import->interpreter, &import->application_group})
    *value = get_text(reader);
  return kind <= static_cast<std::uint8_t>(Import::Kind::kScript);
}

template <typename Item>
bool fits(const ByteReader& reader, std::uint32_t count) {
  return reader.ok() && count <= reader.remaining() / sizeof(Item);
}

base::Error malformed(const char* what) {
  return {Message::kDaemonStart, 0, std::string("the description of a process group is malformed: ") + what};
}

}  // namespace

std::span<const GroupOption> group_options() { return kOptions; }

std::string wanted_value(const GroupOption& option) { return wanted(option); }

base::Status set_option(GroupSpec* spec, std::string_view name, std::string_view value) {
  const GroupOption* option = find_option(name);
  if (option == nullptr) return unknown_option(name);
  if (option->kind == Kind::kProcesses) {
    if (!parse_processes(*option, value, spec)) return wrong_value(*option, value);
  } else if (option->number != nullptr) {
    std::int64_t parsed = 0;
    if (!parse_number(*option, value, &parsed)) return wrong_value(*option, value);
    spec->*option->number = parsed;
  } else if (option->flag != nullptr) {
    if (!parse_switch(value, &(spec->*option->flag))) return wrong_value(*option, value);
  } else {
    if (!is_valid_text(*option, value)) return wrong_value(*option, value);
    std::string& kept = spec->*option->text;
    if (option->kind == Kind::kVariable && !kept.empty()) kept.append("\n");
    option->kind == Kind::kVariable ? kept.append(value) : kept.assign(value);
  }
  spec->given.set(place_of(*option));
  return base::ok();
}

bool is_given(const GroupSpec& spec, std::string_view name) {
  const GroupOption* option = find_option(name);
  return option != nullptr && spec.given[place_of(*option)];
}

base::Status validate(const GroupSpec& spec) {
  if (!spec.script_user.empty() && !spec.script_group.empty())
    return base::Error{Message::kOptionValue, 0, "script-user and script-group exclude each other: give one of them"};
  if (spec.interpreters > std::max<std::int64_t>(spec.threads, 1))
    return base::Error{Message::kOptionValue, 0,
                       "interpreters=" + std::to_string(spec.interpreters) +
                           " with threads=" + std::to_string(spec.threads) +
                           ": a thread belongs to one interpreter; give at least as many threads"};
  return base::ok();
}

bool same_options(const GroupSpec& a, const GroupSpec& b) {
  if (a.given != b.given || a.most_processes != b.most_processes) return false;
  return std::all_of(std::begin(kOptions), std::end(kOptions), [&](const GroupOption& option) {
    if (option.text != nullptr) return a.*option.text == b.*option.text;
    if (option.number != nullptr) return a.*option.number == b.*option.number;
    return a.*option.flag == b.*option.flag;
  });
}

std::string encode(const Launch& launch) {
  std::string bytes;
  ByteWriter writer(&bytes);
  writer.u32(kLaunchMagic);
  writer.u16(kProtocolVersion);
  writer.u16(static_cast<std::uint16_t>(std::size(kOptions)));
  put_text(writer, launch.spec.name);
  writer.u8(launch.spec.processes_given ? 1 : 0);
  writer.i64(launch.spec.most_processes);
  for (const GroupOption& option : kOptions) put_option(writer, option, launch.spec);
  for (std::int64_t value : {launch.uid, launch.gid, launch.log_level, launch.generation, launch.default_timeout,
                             launch.mpm_processes, launch.mpm_threads})
    writer.i64(value);
  writer.u32(static_cast<std::uint32_t>(launch.groups.size()));
  for (std::int64_t group : launch.groups) writer.i64(group);
  for (const std::string* value : {&launch.user_name, &launch.user_home, &launch.engine, &launch.python_executable,
                                   &launch.python_home_prefix, &launch.server_version, &launch.server_description,
                                   &launch.server_build_date, &launch.mpm_name, &launch.python_settings})
    put_text(writer, *value);
  writer.u32(static_cast<std::uint32_t>(launch.environment.size()));
  for (const std::string& entry : launch.environment) put_text(writer, entry);
  writer.u32(static_cast<std::uint32_t>(launch.imports.size()));
  for (const Import& import : launch.imports) put_import(writer, import);
  writer.u8(launch.has_elders ? 1 : 0);
  writer.u8(launch.has_priority_lane ? 1 : 0);
  return bytes;
}

base::Result<Launch> decode_launch(std::span<const std::byte> bytes) {
  ByteReader reader(bytes);
  if (reader.u32() != kLaunchMagic || reader.u16() != kProtocolVersion || reader.u16() != std::size(kOptions))
    return malformed("module and gatehoused are of two versions");
  Launch launch;
  launch.spec.name = get_text(reader);
  const std::uint8_t processes_given = reader.u8();
  if (processes_given > 1) return malformed("processes");
  launch.spec.processes_given = processes_given == 1;
  launch.spec.most_processes = reader.i64();
  if (launch.spec.most_processes < 0 || launch.spec.most_processes > INT_MAX) return malformed("processes");
  for (const GroupOption& option : kOptions)
    if (!get_option(reader, option, &launch.spec)) return malformed(option.name.data());
  for (std::int64_t* value : {&launch.uid, &launch.gid, &launch.log_level, &launch.generation, &launch.default_timeout,
                              &launch.mpm_processes, &launch.mpm_threads})
    *value = reader.i64();
  std::uint32_t count = reader.u32();
  if (!fits<std::int64_t>(reader, count)) return malformed("its groups");
  for (; count > 0; --count) launch.groups.push_back(reader.i64());
  for (std::string* value : {&launch.user_name, &launch.user_home, &launch.engine, &launch.python_executable,
                             &launch.python_home_prefix, &launch.server_version, &launch.server_description,
                             &launch.server_build_date, &launch.mpm_name, &launch.python_settings})
    *value = get_text(reader);
  count = reader.u32();
  if (!fits<std::uint32_t>(reader, count)) return malformed("its environment");
  for (; count > 0; --count) launch.environment.push_back(get_text(reader));
  count = reader.u32();
  if (!fits<std::uint32_t>(reader, count)) return malformed("its imports");
  for (; count > 0; --count)
    if (!get_import(reader, &launch.imports.emplace_back())) return malformed("its imports");
  const std::uint8_t has_elders = reader.u8();
  if (has_elders > 1) return malformed("its elders");
  launch.has_elders = has_elders == 1;
  const std::uint8_t has_priority_lane = reader.u8();
  if (has_priority_lane > 1) return malformed("its queues");
  launch.has_priority_lane = has_priority_lane == 1;
  if (!reader.ok() || reader.remaining() != 0) return malformed("its length");
  if (launch.log_level < 0 || launch.log_level > static_cast<std::int64_t>(base::Level::kTrace))
    return malformed("its log level");
  return launch;
}

}  // namespace wire
