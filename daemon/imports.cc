// SPDX-License-Identifier: Apache-2.0
#include "daemon/imports.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "base/log.h"
#include "base/posix.h"
#include "wsgi/module_target.h"

namespace gatehoused {
namespace {

using base::Message;

gatehouse_text text(const std::string& string) { return {string.data(), string.size()}; }

void name(std::string* list, const std::string& what) {
  if (!list->empty()) list->append(", ");
  list->append(what);
}

std::string first_line_of(const std::string& file) {
  std::string line(256, '\0');
  base::UniqueFd fd(open(file.c_str(), O_RDONLY | O_CLOEXEC));
  const ssize_t size = fd.valid() ? base::read_some(fd.get(), line.data(), line.size()) : 0;
  line.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
  return line.substr(0, line.find('\n'));
}

// Native threads, of which Python knows nothing, count here too. 1 when the kernel does not tell.
int count_threads() {
  DIR* tasks = opendir("/proc/self/task");
  if (tasks == nullptr) return 1;
  int count = 0;
  while (const dirent* entry = readdir(tasks)) count += entry->d_name[0] != '.';
  closedir(tasks);
  return count;
}

// Why a script cannot be loaded from a file; empty: it can.
std::string obstacle(const std::string& file) {
  struct stat status;
  if (stat(file.c_str(), &status) != 0)
    return errno == ENOENT ? "there is no such file"
                           : std::string("the group's user cannot reach it: ") + std::strerror(errno);
  if (!S_ISREG(status.st_mode)) return "it is no file";
  return access(file.c_str(), R_OK) == 0 ? "" : "the group's user cannot read it";
}

}  // namespace

std::int64_t mtime_of(const std::string& file) {
  struct stat status;
  if (stat(file.c_str(), &status) != 0) return 0;
  return std::int64_t{status.st_mtim.tv_sec} * 1'000'000 + status.st_mtim.tv_nsec / 1000;
}

Loaded load_import(const gatehouse_engine_table& engine, const std::string& group, const PlannedImport& planned,
                   std::int64_t* mtime_us, std::uint32_t flags) {
  const wire::Import& import = planned.import;
  const std::string absent = wsgi::names_module(import.script) ? "" : obstacle(import.script);
  *mtime_us = absent.empty() ? mtime_of(import.script) : 0;
  if (!absent.empty()) {
    if (!planned.required)
      base::log(Message::kImportAbsent, "group '%s': script %s cannot be loaded ahead: %s", group.c_str(),
                import.script.c_str(), absent.c_str());
    return Loaded::kAbsent;
  }
  gatehouse_target target{};
  target.size = sizeof target;
  target.flags = flags;
  target.script = text(import.script);
  target.callable = text(planned.callable);
  target.interpreter = text(import.interpreter);
  target.application_group = text(import.application_group);
  gatehouse_error error{};
  error.size = sizeof error;
  return engine.load(&target, &error) == 0 ? Loaded::kYes : Loaded::kNo;
}

Company company_of_this_process(const gatehouse_engine_table& engine) {
  Company company;
  company.threads = count_threads() - 1;
  char names[1024] = "";
  if (company.threads > 0 && engine.name_threads(names, sizeof names) > 0) company.names = names;
  const std::string self = std::to_string(getpid());
  const std::string children = first_line_of("/proc/self/task/" + self + "/children");
  for (const char* next = children.c_str(); *next != '\0';) {
    char* end = nullptr;
    const long pid = std::strtol(next, &end, 10);
    if (end == next) break;
    next = end + (*end == ' ' ? 1 : 0);
    ++company.children;
    name(&company.names, first_line_of("/proc/" + std::to_string(pid) + "/comm"));
  }
  return company;
}

}  // namespace gatehoused
