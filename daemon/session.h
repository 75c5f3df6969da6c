// SPDX-License-Identifier: Apache-2.0
#pragma once

// The worker's side of one request: the host table of wsgi/engine_abi.h over one private channel.
// Thread: the worker thread that owns the channel; its buffers are its own and are used again for the next request.

#include <cstdint>
#include <vector>

#include "daemon/intake.h"
#include "daemon/memory_maps.h"
#include "daemon/outbox.h"
#include "daemon/request_input.h"
#include "daemon/slots.h"
#include "daemon/watchdog.h"
#include "wire/group_spec.h"
#include "wire/message.h"
#include "wsgi/engine_abi.h"

namespace gatehoused {

// Decides about a request whose script has changed since it was loaded. Called by the thread that serves it.
class ChangedCode {
 public:
  // True: the old code answers it. False: it is given back, unstarted.
  virtual bool may_serve(const wire::RequestHead& head) = 0;

 protected:
  ~ChangedCode() = default;
};

// What a worker thread serves with; lives as long as the thread.
struct SessionContext {
  const gatehouse_engine_table* engine;
  const wire::Launch* launch;
  ThreadSlot* slot;                // is told what the request is once its head is read; nullptr: nobody is told
  std::int32_t thread_id;          // mod_wsgi.thread_id
  Intake* intake = nullptr;        // where channels are kept; nullptr: none is
  std::uint16_t worker = 0;        // as END tells
  ChangedCode* changed = nullptr;  // nullptr: changed code is never served
  Progress* progress = nullptr;    // is told what the watchdog wants to know; nullptr: nobody is
  MemoryMaps* maps = nullptr;      // of memory that httpd lends; nullptr: it is not asked for any
};

// A thread's memory from one request to the next. Grows to what a request needs; shrinks after large ones.
class SessionBuffers {
 public:
  // outbox: what it sends by; must outlive the buffers.
  explicit SessionBuffers(Outbox& outbox) : outbox_(outbox) {}
  InputBuffer& input() { return input_; }
  Outbox& outbox() { return outbox_; }
  // A request's environ, as it is decoded and as an engine takes it.
  std::vector<wire::Pair>& pairs() { return pairs_; }
  std::vector<gatehouse_pair>& environ() { return environ_; }
  void shrink();

 private:
  InputBuffer input_;
  Outbox& outbox_;
  std::vector<wire::Pair> pairs_;
  std::vector<gatehouse_pair> environ_;
};

enum class Served {
  kDone,  // answered, failed or dropped: the caller closes the channel
  kKept,  // answered, or nothing came; the channel is intake->kept()'s and the caller finishes it there
  kStale  // its code is old: it was given back; the caller closes the channel
};

// Serves one ticket from start to end. Blocks; each wait for the child is bounded by socket-timeout. A ticket past its
// deadline, or that its child has given up, is dropped unstarted. Garbage on the channel is logged and ends it.
Served serve_ticket(const SessionContext& context, const wire::Ticket& ticket, int channel, SessionBuffers* buffers);

// Serves the request that has come on a kept channel; kKept at once when none has.
Served serve_next(const SessionContext& context, int channel, SessionBuffers* buffers);

}  // namespace gatehoused
