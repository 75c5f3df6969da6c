// SPDX-License-Identifier: Apache-2.0
#include "daemon/resources.h"

#include <signal.h>
#include <time.h>

#include <cerrno>
#include <string>

#include "base/log.h"

namespace gatehoused {
namespace {

using base::Message;
using base::Micros;

void warn(const wire::GroupSpec& spec, const char* option, std::int64_t value) {
  base::log({Message::kLimitRefused, errno,
             "group '" + spec.name + "': " + option + "=" + std::to_string(value) + " could not be set"});
}

void set_limit(const wire::GroupSpec& spec, const char* option, __rlimit_resource resource, std::int64_t bytes) {
  if (bytes <= 0) return;
  const rlim_t value = static_cast<rlim_t>(bytes);
  const rlimit limits{value, value};
  if (setrlimit(resource, &limits) != 0) warn(spec, option, bytes);
}

rlim_t whole_seconds(Micros duration) { return static_cast<rlim_t>((duration.count() + 999'999) / 1'000'000); }

// The kernel counts RLIMIT_CPU in whole seconds only.
void signal_after_cpu_time(Micros cpu_time) {
  sigevent event{};
  event.sigev_notify = SIGEV_SIGNAL;
  event.sigev_signo = SIGXCPU;
  timer_t timer;
  if (timer_create(CLOCK_PROCESS_CPUTIME_ID, &event, &timer) != 0) return;
  const itimerspec due{{0, 0}, {cpu_time.count() / 1'000'000, cpu_time.count() % 1'000'000 * 1'000}};
  timer_settime(timer, 0, &due, nullptr);
}

}  // namespace

void limit_group(const wire::GroupSpec& spec) {
  if (spec.cpu_priority != 0 && setpriority(PRIO_PROCESS, 0, static_cast<int>(spec.cpu_priority)) != 0)
    warn(spec, "cpu-priority", spec.cpu_priority);
  const sched_param no_priority{};
  if (spec.cpu_scheduling == "batch") sched_setscheduler(0, SCHED_BATCH, &no_priority);  // else a little slower
  set_limit(spec, "memory-limit", RLIMIT_DATA, spec.memory_limit);
  set_limit(spec, "virtual-memory-limit", RLIMIT_AS, spec.virtual_memory_limit);
}

rlimit cpu_limits(Micros cpu_time, Micros shutdown) {
  const rlim_t soft = whole_seconds(cpu_time);
  return {soft, soft + 1 + whole_seconds(shutdown)};
}

void limit_cpu_time(const wire::GroupSpec& spec) {
  if (spec.cpu_time_limit <= 0) return;
  const Micros cpu_time(spec.cpu_time_limit);
  const rlimit limits = cpu_limits(cpu_time, Micros(spec.shutdown_timeout));
  if (setrlimit(RLIMIT_CPU, &limits) != 0) warn(spec, "cpu-time-limit", spec.cpu_time_limit / 1'000'000);
  if (cpu_time.count() % 1'000'000 != 0) signal_after_cpu_time(cpu_time);
}

}  // namespace gatehoused
