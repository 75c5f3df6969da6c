// SPDX-License-Identifier: Apache-2.0
#include "python/request.h"

#include <unistd.h>

#include <charconv>

#include "base/log.h"
#include "python/runtime.h"

namespace python {
namespace {

constinit thread_local Request* current_request = nullptr;

}  // namespace

std::string_view environ_value(const gatehouse_request& abi, std::string_view name) {
  for (std::size_t i = 0; i < abi.environ_count; ++i)
    if (view(abi.environ[i].name) == name) return view(abi.environ[i].value);
  return {};
}

std::int64_t server_pid(const gatehouse_request& abi) {
  std::int64_t pid = getpid();
  const std::string_view value = environ_value(abi, "mod_wsgi.server_pid");
  std::from_chars(value.data(), value.data() + value.size(), pid);
  return pid;
}

Request::Request(const gatehouse_request& abi, Interpreter& interpreter)
    : abi_(abi), interpreter_(interpreter), outer_(current_request) {
  current_request = this;
}

Request::~Request() { current_request = outer_; }

Request* Request::of_this_thread() { return current_request; }

void Request::end(Attached& attached) {
  ended_ = true;
  if (users_ == 0) return;
  Detach detach(attached);
  base::MutexLock lock(mutex_);
  while (users_ != 0) changed_.wait(mutex_);
}

Turn::Turn(Attached& attached, Request& request) : request_(request) {
  nested_ = request.busy_ && pthread_equal(request.holder_, pthread_self()) != 0;
  mine_ = nested_;
  if (nested_) return;
  ++request.users_;
  while (request.busy_ && !request.ended_) {
    Detach detach(attached);
    base::MutexLock lock(request.mutex_);
    while (request.busy_) request.changed_.wait(request.mutex_);
  }
  mine_ = !request.busy_ && !request.ended_;
  if (!mine_) return;
  request.busy_ = true;
  request.holder_ = pthread_self();
}

Turn::~Turn() {
  if (nested_) return;
  if (mine_) request_.busy_ = false;
  const bool others_wait = --request_.users_ > 0 || request_.ended_;
  if (!others_wait) return;
  base::MutexLock lock(request_.mutex_);
  request_.changed_.notify_all();
}

void log_line(Attached& attached, Request* request, base::Level level, std::string_view line,
              const gatehouse_place* place) {
  const auto abi_level = static_cast<gatehouse_level>(level);
  if (request == nullptr) {
    const gatehouse_host& host = Runtime::get().host();
    host.log(host.context, abi_level, text(line), place);
    return;
  }
  Turn turn(attached, *request);
  if (!turn.too_late()) request->calls().log(request->context(), abi_level, text(line), place);
}

bool is_logged(const Request* request, base::Level level) {
  const gatehouse_host& host = Runtime::get().host();
  std::int32_t least = reaches(host, host.log_level) ? host.log_level : 0;
  if (request != nullptr) least = reaches(request->abi(), request->abi().log_level) ? request->abi().log_level : 0;
  return least == 0 || static_cast<std::int32_t>(level) <= least;
}

void log_message(Attached& attached, Request* request, base::Message message, std::string_view what) {
  const base::MessageEntry& entry = base::entry_of(message);
  std::string line(entry.code);
  line.append(": ").append(what);
  log_line(attached, request, entry.level, base::escape_line(line));
}

}  // namespace python
