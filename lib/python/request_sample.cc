// SPDX-License-Identifier: Apache-2.0
#include "python/request_sample.h"

namespace python {
namespace {

using wsgi::RequestPhase;

// 0 = did not happen; -1: one of them did not.
std::int64_t span_between(std::int64_t a, std::int64_t b) {
  if (a == 0 || b == 0) return -1;
  return b > a ? b - a : 0;
}

}  // namespace

// One after the other: those without a daemon know only the first and the last two.
void set_phases(wsgi::RequestSample* sample, const gatehouse_request& abi, std::int64_t application_start_us,
                std::int64_t application_finish_us) {
  sample->phases.fill(0);
  std::int64_t sum = 0;
  const auto set = [&](RequestPhase phase, std::int64_t start_us, std::int64_t end_us) {
    const std::int64_t us = span_between(start_us, end_us);
    sample->phases[static_cast<std::size_t>(phase)] = us;
    sum += us > 0 ? us : 0;
  };
  set(RequestPhase::kServer, abi.request_start_us, abi.queue_start_us != 0 ? abi.queue_start_us : application_start_us);
  set(RequestPhase::kQueue, abi.queue_start_us, abi.daemon_start_us);
  set(RequestPhase::kDaemon, abi.daemon_start_us, application_start_us);
  set(RequestPhase::kApplication, application_start_us, application_finish_us);
  sample->phases[static_cast<std::size_t>(RequestPhase::kRequest)] = sum;
}

}  // namespace python
