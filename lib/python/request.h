// SPDX-License-Identifier: Apache-2.0
#pragma once

// One request while the engine runs it: what the host gave, who may call the host now, and where its log
// lines go. Lives on the stack of handle(). Python objects that point to it (wsgi.input, wsgi.errors,
// start_response) are told when it ends and then only know that it has ended.

#include "python/cpython.h"

#include <pthread.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/messages.h"
#include "base/mutex.h"
#include "python/attach.h"
#include "python/ref.h"
#include "python/request_meter.h"
#include "python/without_gil.h"
#include "wsgi/engine_abi.h"

namespace python {

class Interpreter;

inline std::string_view view(const gatehouse_text& text) { return {text.data, text.size}; }
inline gatehouse_text text(std::string_view view) { return {view.data(), view.size()}; }

// A variable of the environ that the host gave; empty without it.
std::string_view environ_value(const gatehouse_request& abi, std::string_view name);
// The httpd process that has the client; this one where the host does not say.
std::int64_t server_pid(const gatehouse_request& abi);

// Does a host's struct reach as far as a member that was added to it later?
template <typename Struct, typename Member>
bool reaches(const Struct& host, const Member& member) {
  const auto offset = reinterpret_cast<const char*>(&member) - reinterpret_cast<const char*>(&host);
  return host.size >= static_cast<std::size_t>(offset) + sizeof(Member);
}

class Request {
 public:
  Request(const gatehouse_request& abi, Interpreter& interpreter);
  ~Request();
  Request(const Request&) = delete;
  Request& operator=(const Request&) = delete;

  // The request that the calling thread handles; nullptr on every other thread.
  static Request* of_this_thread();

  const gatehouse_request& abi() const { return abi_; }
  const gatehouse_request_calls& calls() const { return *abi_.calls; }
  void* context() const { return abi_.context; }
  Interpreter& interpreter() const { return interpreter_; }
  // nullptr: nobody wants to know.
  RequestMeter* meter() { return meter_ ? &*meter_ : nullptr; }
  GilWait* gil_wait() { return meter_ ? &meter_->gil : nullptr; }
  void measure(std::int64_t started_us, const GilWait& wait) {
    meter_.emplace();
    meter_->started_us = started_us;
    meter_->gil = wait;
  }

  // mod_wsgi.request_data(): a dict. Empty when there is no memory for it.
  Ref data;
  Ref id;  // mod_wsgi.request_id, a str; empty when the host gave none

  // Lets nobody in any more and waits, without the GIL, for those who are.
  void end(Attached& attached);

  // What print() wrote without a newline so far.
  std::string stdout_partial;
  std::string stderr_partial;

 private:
  friend class Turn;
  friend class Visit;
  enum class Taking { kTaken, kNested, kTooLate, kBusy };
  Taking take_turn();
  void give_turn_back();
  bool enter();
  void leave();
  void wake_all();

  const gatehouse_request& abi_;
  Interpreter& interpreter_;
  std::optional<RequestMeter> meter_;
  Request* const outer_;  // that the thread handles, too: httpd made a subrequest while it sent the response
  // Changed with the GIL held, without one with mutex_; atomic for those who wait for them without the GIL.
  std::atomic<bool> busy_ = false;
  std::atomic<int> waiting_ = 0;  // threads that want a turn
  std::atomic<int> visits_ = 0;
  pthread_t holder_{};  // meaningful while busy_
  bool ended_ = false;
  base::Mutex mutex_;  // for changed_, and in place of the GIL
  base::CondVar changed_;
};

// Keeps a request from ending for a scope: for the methods of the Python objects that stand for it, which any thread
// may call. When a request has ended it is taken out of them.
class Visit {
 public:
  // place: where the object keeps its request; nullptr there: it has ended.
  Visit(PyObject* object, Request* const& place) {
    const Alone alone(object);
    if (place != nullptr && place->enter()) request_ = place;
  }
  ~Visit() {
    if (request_ != nullptr) request_->leave();
  }
  Visit(const Visit&) = delete;
  Visit& operator=(const Visit&) = delete;
  // nullptr: it has ended.
  Request* request() const { return request_; }
  // Takes the request, which has ended, out of its object.
  static void forget(PyObject* object, Request*& place) {
    const Alone alone(object);
    place = nullptr;
  }

 private:
  Request* request_ = nullptr;
};

// Sole use of the request's callbacks for a scope. The application's other threads may use wsgi.input, write()
// and wsgi.errors, too: they take turns, waiting without the GIL. A thread that has the turn may take it again:
// where CPython collects garbage while we make an object, a __del__ of the application may print.
class Turn {
 public:
  Turn(Attached& attached, Request& request);
  ~Turn();
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;
  // The request ended while this thread waited: nothing may be called.
  bool too_late() const { return taking_ == Request::Taking::kTooLate; }

 private:
  Request& request_;
  Request::Taking taking_;
};

// Logs one line to the request, or to the host when request is nullptr. line must be escaped. place: nullptr when it is
// not known.
void log_line(Attached& attached, Request* request, base::Level level, std::string_view line,
              const gatehouse_place* place = nullptr);
// Is a line of this level logged there, or dropped by the host?
bool is_logged(const Request* request, base::Level level);
// Logs "GHnnnn: text", escaped, at the message's level.
void log_message(Attached& attached, Request* request, base::Message message, std::string_view text);

}  // namespace python
