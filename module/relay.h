// SPDX-License-Identifier: Apache-2.0
#pragma once

// One attempt at a request: its first part and the rest of its body to a worker, the worker's frames to the
// client, both at the same time; neither waits for the other, nor for the client. Thread: the request's own.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/posix.h"
#include "module/answers.h"
#include "module/body_buffers.h"
#include "module/body_rest.h"
#include "module/brigade.h"
#include "module/client_watch.h"
#include "module/delivery.h"
#include "module/httpd_api.h"
#include "module/interruption.h"
#include "module/kept_channels.h"
#include "module/response_reader.h"
#include "module/waiting_counts.h"
#include "wire/channel.h"
#include "wire/frame.h"

namespace httpd {

// Retry-After: 1, for a 503.
void ask_to_retry(request_rec* r);

// What one attempt goes by.
struct RelayPlan {
  std::string_view group;                                   // for log lines
  std::uint32_t request;                                    // id
  std::string_view first_part;                              // whole
  std::size_t sent;                                         // bytes of it that are in the channel already
  bool more_body;                                           // the client's body goes on after it
  std::int64_t body_left;                                   // bytes of that, -1 unknown
  bool head_request;                                        // the client's method is HEAD
  std::vector<Answer>* answers = nullptr;                   // of a call, one for each function
  base::Deadline queue_deadline = base::Deadline::never();  // by which the application must be entered
  base::Micros timeout;                                     // of each wait for the worker
  base::Micros client_timeout;                              // of each wait for the client to take bytes
  SpoolLimits spool;                                        // of the response
  Spool* body_spool = nullptr;                              // what is buffered of the body behind the first part
  BodyBuffers* bodies;                                      // where memory for a large response comes from
  KeptChannels* kept;                                       // where a channel goes whose thread stays with it
  WaitingCounts::Place* place = nullptr;                    // to be left when the application is entered
};

class Relay {
 public:
  enum class Result {
    kAnswered,      // status() is what the handler returns
    kDeclined,      // not entered, stale code: send it again
    kLost,          // not entered, the worker ended, or did not come to it on a kept channel: send it again
    kClientGone,    // not entered, and nobody waits for the response
    kQueueTimeout,  // not entered by the queue's deadline
    kNotTaken       // not entered within the timeout
  };

  Relay(request_rec* r, const RelayPlan& plan, KeptChannels::InUse channel, BodyReader* body, ResponseWriter* writer);

  // Until the response is complete or has failed, which is logged. Blocks.
  Result run();
  int status() const { return status_; }
  // The worker has said END: it reads nothing of this request any more.
  bool has_ended() const { return has_ended_; }

 private:
  enum class Flow { kContinue, kOver };
  enum class Wait { kNo, kInCall };
  struct Ready {  // what a wait has brought; -1: it failed
    int count;
    short channel;
    short client;
  };

  Flow step();
  bool may_wait_in_call() const;
  Ready wait() const;
  short channel_events() const;
  short client_events() const;
  bool watches_client() const;
  Flow on_client_gone();
  void tell_client_gone();
  bool is_entered() const { return first_part_sent_ && !wire::has_unread(channel_.get()); }
  void note_entered();
  void on_read_signal();
  bool may_be_queued() const { return !entered_ && !reader_.is_started(); }
  base::Deadline next_deadline() const;
  Flow on_silence();
  bool withdraw();

  bool wants_body() const { return rest_.is_wanted() && to_send_.empty(); }
  Flow send();
  Flow read_client();

  Flow on_client(short events);
  Flow offer();
  Flow note_offered(bool is_there);
  bool is_to_ask_stream() const { return client_.is_stream() && delivery_.is_behind(); }
  void let_client_send();

  Flow receive(Wait wait);
  Flow receive_next(int flags, bool* dry);
  Flow receive_frames(int flags, bool* dry);
  Flow receive_body(int flags, bool* dry);
  Flow on_nothing(ssize_t size, bool* dry);
  Flow on_bytes(std::span<const std::byte> bytes);
  void on_log();
  Flow on_interim();
  void on_head();
  Flow on_file();
  void lend_memory();
  bool send_size(wire::FrameType type, std::uint32_t size, int fd = -1) const;
  bool has_received() const { return !placed_.empty() || !after_placed_.empty(); }
  Flow pass_placed();
  Flow on_end(bool is_last);
  void keep_channel();
  Flow on_close(int error);

  void on_answers();

  Flow over(Result result);
  Flow answered(int status);
  Flow cut(int status);
  int abort(int status);
  Flow garbage(const char* reason);
  Flow passed(bool client_is_there);
  void progress() { deadline_ = base::Deadline::after(plan_.timeout); }

  request_rec* r_;
  const RelayPlan& plan_;
  KeptChannels::InUse channel_;
  std::optional<Interruptible> interruptible_;   // after channel_: httpd may have to end at once
  std::optional<wire::ReadSignal> read_signal_;  // while a request that is counted waits for its thread
  BodyReader* body_;
  ResponseWriter* writer_;
  Delivery delivery_;
  ResponseReader reader_;
  std::string_view placed_;     // in the memory, not passed on yet
  bool is_to_tell_ = false;     // when they have been
  std::string after_placed_;    // frames that came behind it
  BodyBuffers::Buffer memory_;  // that is lent
  ClientWatch client_;
  base::Deadline deadline_ = base::Deadline::never();         // of the worker
  base::Deadline client_deadline_ = base::Deadline::never();  // while the client is behind
  base::Deadline ask_stream_ = base::Deadline::never();       // while a stream is behind: when to offer it more
  base::Micros stream_look_{};
  // Before, the worker would not notice (frame.h).
  base::Deadline may_withdraw_ = base::Deadline::after(wire::kWithdrawAfter);
  base::Micros look_;         // until the next question whether the application was entered
  std::string_view to_send_;  // of the first part, later of rest_
  BodyRest rest_;
  bool first_part_sent_;
  bool silent_ = false;  // the last wait brought nothing
  bool has_ended_ = false;
  bool ended_ = false;      // this direction of the channel is shut down: it cannot be kept
  bool entered_ = false;    // the kernel says that the worker has read all of the first part
  bool unflushed_ = false;  // there is something that the client should see
  Result result_ = Result::kAnswered;
  int status_ = OK;
};

}  // namespace httpd
