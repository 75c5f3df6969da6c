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
  {
    const StateLock lock(mutex_);
    ended_ = true;
    if (visits_ == 0) return;
  }
  Detach detach(attached);
  base::MutexLock lock(mutex_);
  while (visits_ != 0) changed_.wait(mutex_);
}

bool Request::enter() {
  const StateLock lock(mutex_);
  if (ended_) return false;
  ++visits_;
  return true;
}

void Request::leave() {
  const StateLock lock(mutex_);
  if (--visits_ == 0 && ended_) wake_all();
}

Request::Taking Request::take_turn() {
  const StateLock lock(mutex_);
  if (busy_ && pthread_equal(holder_, pthread_self()) != 0) return Taking::kNested;
  if (ended_) return Taking::kTooLate;
  if (busy_) return Taking::kBusy;
  busy_ = true;
  holder_ = pthread_self();
  return Taking::kTaken;
}

void Request::give_turn_back() {
  const StateLock lock(mutex_);
  busy_ = false;
  if (waiting_ != 0) wake_all();
}

// Where there is no GIL the caller has the mutex already.
void Request::wake_all() {
  if constexpr (kIsFreeThreaded) {
    changed_.notify_all();
  } else {
    base::MutexLock lock(mutex_);
    changed_.notify_all();
  }
}

Turn::Turn(Attached& attached, Request& request) : request_(request), taking_(request.take_turn()) {
  if (taking_ != Request::Taking::kBusy) return;
  ++request.waiting_;
  do {
    Detach detach(attached);
    base::MutexLock lock(request.mutex_);
    while (request.busy_) request.changed_.wait(request.mutex_);
  } while ((taking_ = request.take_turn()) == Request::Taking::kBusy);
  --request.waiting_;
}

Turn::~Turn() {
  if (taking_ == Request::Taking::kTaken) request_.give_turn_back();
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
