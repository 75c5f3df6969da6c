// SPDX-License-Identifier: Apache-2.0
#include "daemon/title.h"

#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

namespace gatehoused {
namespace {

struct TitleArea {
  char* start = nullptr;
  std::size_t size = 0;
};
constinit TitleArea area;

std::string group_name(const wire::GroupSpec& spec) { return "(wsgi:" + spec.name + ")"; }

void execute_again(char** argv) {
  std::string blank(kTitleRoom, ' ');
  char* arguments[] = {argv[0], argv[1], blank.data(), nullptr};
  execve("/proc/self/exe", arguments, environ);
}

}  // namespace

void claim_title_area(int argc, char** argv) {
  // Arguments lie one behind the other, with a NUL after each.
  const char* end = argv[0];
  for (int i = 0; i < argc && argv[i] == end; ++i) end += std::strlen(end) + 1;
  const std::size_t size = static_cast<std::size_t>(end - argv[0]);
  if (argc == 2 && size <= kTitleRoom) execute_again(argv);
  area = {argv[0], size};
  prctl(PR_SET_NAME, "gatehoused");
}

void set_title(std::string_view title) {
  if (area.size == 0) return;
  const std::size_t size = std::min(title.size(), area.size - 1);
  std::memcpy(area.start, title.data(), size);
  // The last byte stays NUL: else the kernel takes the environment for a part of the title.
  std::memset(area.start + size, 0, area.size - size);
}

std::string title_of_supervisor(const wire::GroupSpec& spec) { return group_name(spec) + " supervisor"; }

std::string title_of_zygote(const wire::GroupSpec& spec) { return group_name(spec) + " zygote"; }

std::string title_of_worker(const wire::GroupSpec& spec) {
  constexpr std::string_view kGroup = "%{GROUP}";
  std::string title = spec.display_name;
  if (title.empty()) return group_name(spec) + " worker";
  if (title == kGroup) return group_name(spec);
  return title;
}

}  // namespace gatehoused
