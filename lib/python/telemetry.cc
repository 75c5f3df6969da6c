// SPDX-License-Identifier: Apache-2.0
#include "python/telemetry.h"

#include "python/cpython.h"

#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/log.h"
#include "python/interpreter.h"
#include "python/request_meter.h"

namespace python {
namespace {

using wsgi::Datagram;
using wsgi::TelemetryField;
using wsgi::TelemetryKind;

// Calls act at the end of each interval, for good.
template <typename Act>
[[noreturn]] void repeat(std::int64_t interval_us, Act act) {
  const base::Micros interval(interval_us);
  for (base::Micros next = base::now() + interval;; next = std::max(next + interval, base::now())) {
    const base::Deadline deadline = base::Deadline::at(next);
    while (!deadline.passed()) poll(nullptr, 0, deadline.poll_timeout());
    act();
  }
}

void start_thread(void* (*function)(void*), void* argument) {
  if (const int error = base::start_thread(function, argument); error != 0)
    base::log({base::Message::kTelemetry, error, "no thread could be made for telemetry"});
}

}  // namespace

constinit std::atomic<Telemetry*> Telemetry::current_ = nullptr;

void Telemetry::begin(const wsgi::TelemetrySettings& settings, wsgi::TelemetryIdentity identity, std::size_t threads,
                      Interpreters& interpreters) {
  auto* telemetry = new Telemetry(settings, std::move(identity), threads, interpreters);
  current_.store(telemetry, std::memory_order_release);
  telemetry->send(TelemetryKind::kStarted, [telemetry](Datagram* datagram) {
    wsgi::put_identity(datagram, telemetry->identity_, telemetry->settings_);
  });
  start_thread(on_reporter, telemetry);
  start_thread(on_gc_reader, telemetry);
}

Telemetry::Telemetry(const wsgi::TelemetrySettings& settings, wsgi::TelemetryIdentity identity, std::size_t threads,
                     Interpreters& interpreters)
    : settings_(settings),
      identity_(std::move(identity)),
      interpreters_(interpreters),
      socket_(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)),
      recorder_(threads, base::now().count()) {
  if (settings.slow_us >= 0) slow_ = std::make_unique<SlowRequests>(threads, settings.slow_us, settings.user_agent);
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  cpu_user_us_ = micros(usage.ru_utime);
  cpu_system_us_ = micros(usage.ru_stime);
}

void* Telemetry::on_reporter(void* self) noexcept {
  Telemetry& telemetry = *static_cast<Telemetry*>(self);
  repeat(telemetry.settings_.interval_us, [&] {
    if (!telemetry.is_stopped_.load()) telemetry.report();
  });
}

void* Telemetry::on_gc_reader(void* self) noexcept {
  Telemetry& telemetry = *static_cast<Telemetry*>(self);
  repeat(telemetry.settings_.interval_us, [&] {
    if (!telemetry.is_stopping_.load()) telemetry.read_gc();
  });
}

void Telemetry::record_begin(const gatehouse_request& abi, const RequestMeter& meter, WatchedRequest* watched) {
  recorder_.begin(abi.thread_id, meter.started_us);
  if (slow_ != nullptr) slow_->begin(abi, meter, watched);
}

void Telemetry::record_end(const gatehouse_request& abi, const wsgi::RequestSample& sample, std::int64_t cpu_system_us,
                           WatchedRequest* watched) {
  recorder_.end(abi.thread_id, sample);
  if (slow_ != nullptr && watched->abi != nullptr) slow_->end(sample, cpu_system_us, watched);
}

void Telemetry::report() {
  base::MutexLock lock(mutex_);
  const wsgi::RequestReading reading = recorder_.read(wsgi::RequestRecorder::Reading::kTake, base::now().count());
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  wsgi::ProcessUse use;
  use.cpu_user_us = micros(usage.ru_utime) - cpu_user_us_;
  use.cpu_system_us = micros(usage.ru_stime) - cpu_system_us_;
  cpu_user_us_ += use.cpu_user_us;
  cpu_system_us_ += use.cpu_system_us;
  use.resident = base::resident_memory();
  use.max_resident = std::int64_t{usage.ru_maxrss} * 1024;
  send(TelemetryKind::kRequests,
       [&](Datagram* datagram) { wsgi::put_requests(datagram, identity_, settings_, reading, use); });
  if (slow_ != nullptr)
    for (const wsgi::SlowRequest& slow : slow_->take(base::wall_clock_us()))
      send(TelemetryKind::kSlowRequest, [&](Datagram* datagram) { wsgi::put_slow_request(datagram, slow); });
  for (Interpreter* interpreter : interpreters_.list())
    for (const wsgi::GcEvent& event : interpreter->objects.gc_watch.take_events())
      send(TelemetryKind::kGcEvent,
           [&](Datagram* datagram) { wsgi::put_gc_event(datagram, interpreter->name(), event); });
}

void Telemetry::read_gc() {
  for (Interpreter* interpreter : interpreters_.list()) {
    wsgi::GcCounters counters;
    bool is_read = false;
    {
      Attach attach(*interpreter);
      is_read = interpreter->objects.gc_watch.read(attach.attached(), &counters);
    }
    if (is_read)
      send(TelemetryKind::kGcCounters,
           [&](Datagram* datagram) { wsgi::put_gc_counters(datagram, interpreter->name(), counters); });
  }
}

wsgi::ThreadSums Telemetry::sums() {
  return recorder_.read(wsgi::RequestRecorder::Reading::kLook, base::now().count()).sums();
}

void Telemetry::stopping(std::string_view reason) {
  if (is_stopping_.exchange(true)) return;
  const std::uint64_t under_way = sums().active;
  send(TelemetryKind::kStopping, [&](Datagram* datagram) {
    datagram->put_text(TelemetryField::kHostname, identity_.hostname);
    datagram->put_text(TelemetryField::kProcessGroup, identity_.process_group);
    datagram->put_count(TelemetryField::kParentPid, static_cast<std::uint64_t>(settings_.httpd_pid));
    datagram->put_text(TelemetryField::kShutdownReason, reason);
    datagram->put_count(TelemetryField::kActiveAtDecision, under_way);
  });
}

void Telemetry::stopped() {
  if (is_stopped_.exchange(true)) return;
  report();
  const wsgi::ThreadSums last = sums();
  send(TelemetryKind::kStopped, [&](Datagram* datagram) {
    datagram->put_text(TelemetryField::kHostname, identity_.hostname);
    datagram->put_text(TelemetryField::kProcessGroup, identity_.process_group);
    datagram->put_count(TelemetryField::kParentPid, static_cast<std::uint64_t>(settings_.httpd_pid));
    datagram->put_seconds(TelemetryField::kUptime, (base::now() - began_).count());
    datagram->put_count(TelemetryField::kLifetimeRequests, last.all_completed);
    datagram->put_count(TelemetryField::kActiveAtExit, last.active);
    datagram->put_count(TelemetryField::kGracefulDrain, last.active == 0 ? 1 : 0);
  });
}

template <typename Put>
void Telemetry::send(TelemetryKind kind, Put put) {
  // Collectors find what was lost by the numbers of the periodic ones.
  const std::uint32_t sequence = kind == TelemetryKind::kRequests ? ++sequence_ : sequence_.load();
  Datagram datagram(kind, static_cast<std::uint32_t>(getpid()), sequence, base::wall_clock_us());
  put(&datagram);
  send_bytes(datagram.bytes());
}

// What the collector cannot take is lost: telemetry makes nobody wait. Its absence is told once, until it is back.
void Telemetry::send_bytes(std::string_view bytes) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, settings_.socket.data(),
              std::min(settings_.socket.size(), sizeof address.sun_path - 1));
  const ssize_t sent = sendto(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL,
                              reinterpret_cast<const sockaddr*>(&address), sizeof address);
  const int error = sent >= 0 ? 0 : errno;
  if (error == EAGAIN || error == ENOBUFS || send_error_.exchange(error) == error || error == 0) return;
  base::log({base::Message::kTelemetry, error,
             "no telemetry reaches " + settings_.socket +
                 " (WSGITelemetryService); start the collector there, and let "
                 "the user of this process write to its socket"});
}

}  // namespace python
