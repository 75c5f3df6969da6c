// SPDX-License-Identifier: Apache-2.0
#include "module/scoreboard_view.h"

#include <cstring>

#include "module/httpd_api.h"

namespace httpd {
namespace {

// By SERVER_DEAD .. SERVER_IDLE_KILL, as mod_status shows them.
constexpr char kStatusLetters[] = {'.', 'S', '_', 'R', 'W', 'K', 'L', 'D', 'C', 'G', 'I'};
static_assert(sizeof kStatusLetters == SERVER_NUM_STATUS);

template <std::size_t size>
gatehouse_text text_in(const char (&field)[size]) {
  return {field, strnlen(field, size)};
}

void tell_thread(int process, int number, const gatehouse_server_visitor* visitor) {
  worker_score score;
  ap_copy_scoreboard_worker(&score, process, number);
  gatehouse_server_thread thread{};
  thread.size = sizeof thread;
  thread.number = number;
  thread.generation = score.generation;
  thread.status = score.status < SERVER_NUM_STATUS ? kStatusLetters[score.status] : '?';
  thread.access_count = score.access_count;
  thread.bytes_served = static_cast<std::uint64_t>(score.bytes_served);
  thread.start_us = score.start_time;
  thread.stop_us = score.stop_time;
  thread.last_used_us = score.last_used;
  thread.client = text_in(score.client64);
  thread.request = text_in(score.request);
  thread.vhost = text_in(score.vhost);
  visitor->thread(visitor->context, &thread);
}

}  // namespace

void on_visit_server(void* /*context*/, const gatehouse_server_visitor* visitor) noexcept {
  if (ap_exists_scoreboard_image() == 0) return;
  const global_score& global = *ap_get_scoreboard_global();
  const gatehouse_server_state state = {sizeof state, global.server_limit, global.thread_limit,
                                        global.running_generation, global.restart_time};
  visitor->server(visitor->context, &state);
  for (int i = 0; i < global.server_limit; ++i) {
    const process_score& score = *ap_get_scoreboard_process(i);
    const gatehouse_server_process process = {sizeof process, i, score.pid, score.generation, score.quiescing != 0};
    visitor->process(visitor->context, &process);
    for (int j = 0; j < global.thread_limit; ++j) tell_thread(i, j, visitor);
  }
}

}  // namespace httpd
