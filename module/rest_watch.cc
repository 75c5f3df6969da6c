// SPDX-License-Identifier: Apache-2.0
#include "module/rest_watch.h"

#include <thread>

#include "base/posix.h"

namespace httpd {
namespace {

void* on_thread(void* kept) noexcept {
  do std::this_thread::sleep_for(KeptChannels::kLongestRest);
  while (static_cast<KeptChannels*>(kept)->close_rested(base::now()));
  return nullptr;
}

}  // namespace

void watch_rest(KeptChannels* kept) noexcept {
  if (base::start_thread(on_thread, kept) != 0) kept->give_watch_up();
}

}  // namespace httpd
