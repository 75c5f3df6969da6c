// SPDX-License-Identifier: Apache-2.0
#include "daemon/death.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

#include <algorithm>
#include <charconv>

#include "base/posix.h"

namespace gatehoused {
namespace {

constexpr std::string_view kUnified = "0::";
constexpr std::string_view kMemory = "memory";
constexpr std::size_t kMostText = 1u << 16;

std::string contents_of(const std::string& file) {
  std::string text;
  const base::UniqueFd fd(open(file.c_str(), O_RDONLY | O_CLOEXEC));
  char part[4096];
  for (ssize_t size; fd.valid() && (size = base::read_some(fd.get(), part, sizeof part)) > 0;) {
    text.append(part, static_cast<std::size_t>(size));
    if (text.size() > kMostText) break;
  }
  return text;
}

// Calls function(line) for each line of text.
template <typename Function>
void for_each_line(std::string_view text, Function&& function) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    function(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

// "4:cpu,memory:/shop": is memory among the controllers?
bool has_memory(std::string_view controllers) {
  while (!controllers.empty()) {
    const std::size_t comma = std::min(controllers.find(','), controllers.size());
    if (controllers.substr(0, comma) == kMemory) return true;
    controllers.remove_prefix(std::min(comma + 1, controllers.size()));
  }
  return false;
}

}  // namespace

std::vector<OomCounter> oom_counters(std::string_view cgroups) {
  std::vector<OomCounter> counters;
  // In a container the path may be that of the host, while /sys/fs/cgroup begins at the container's own group.
  const auto add = [&](const std::string& mount, std::string_view path, const char* name) {
    const std::string owner = "cgroup " + std::string(path);
    if (path != "/") counters.push_back({mount + std::string(path) + name, owner});
    counters.push_back({mount + name, owner});
  };
  for_each_line(cgroups, [&](std::string_view line) {
    const std::size_t first = line.find(':');
    const std::size_t second = first == line.npos ? line.npos : line.find(':', first + 1);
    if (second == line.npos) return;
    const std::string_view path = line.substr(second + 1);
    if (line.starts_with(kUnified)) add("/sys/fs/cgroup", path, "/memory.events");
    if (has_memory(line.substr(first + 1, second - first - 1)))
      add("/sys/fs/cgroup/memory", path, "/memory.oom_control");
  });
  counters.push_back({"/proc/vmstat", ""});
  return counters;
}

std::int64_t oom_kills_in(std::string_view text) {
  constexpr std::string_view kName = "oom_kill ";
  std::int64_t kills = -1;
  for_each_line(text, [&](std::string_view line) {
    if (line.starts_with(kName)) std::from_chars(line.data() + kName.size(), line.data() + line.size(), kills);
  });
  return kills;
}

std::string text_of_oom(const OomCounter& counter) {
  if (counter.owner.empty())
    return ", probably by the kernel, because the machine ran out of memory (dmesg tells); lower processes= or "
           "threads=";
  return ", by the kernel, because " + counter.owner +
         " reached its memory limit; raise that limit, or lower processes= or threads=";
}

OomWatch::OomWatch() {
  for (OomCounter& counter : oom_counters(contents_of("/proc/self/cgroup"))) {
    counter.told = oom_kills_in(contents_of(counter.file));
    if (counter.told >= 0) counters_.push_back(std::move(counter));
  }
}

std::string OomWatch::explain(int wait_status) {
  if (!WIFSIGNALED(wait_status) || WTERMSIG(wait_status) != SIGKILL) return {};
  std::string text;
  // Every counter that has counted this kill is told so, the narrowest explains it.
  for (OomCounter& counter : counters_) {
    if (oom_kills_in(contents_of(counter.file)) <= counter.told) continue;
    ++counter.told;
    if (text.empty()) text = text_of_oom(counter);
  }
  return text;
}

}  // namespace gatehoused
