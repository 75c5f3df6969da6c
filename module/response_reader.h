// SPDX-License-Identifier: Apache-2.0
#pragma once

// What a worker sends on a private channel, as typed events. The worker runs the application's code, so nothing it
// says is believed: frames are held to the protocol, headers to header_rules.h, the body to its Content-Length,
// descriptors to FILE frames. Pure; knows neither httpd nor the channel.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/messages.h"
#include "base/posix.h"
#include "wire/frame_codec.h"
#include "wire/message.h"

namespace httpd {

class ResponseReader {
 public:
  enum class Event {
    kMore,      // the input is used up
    kStarted,   // the rest of the request body is wanted
    kDeclined,  // the worker's code is stale: send the request again
    kInterim,   // interim(): a 1xx response
    kHead,      // head()
    kBody,      // body(): the next bytes
    kFile,      // file() and take_file(): the next part of the body
    kMemory,    // memory is wanted: lend() what there is
    kPlaced,    // place(): the next part of the body is there in the lent memory
    kAnswers,   // answers(): of a call
    kLog,       // log()
    kEnd,       // end(); whole unless it says otherwise
    kGarbage    // reason(); close the channel
  };
  enum class Body { kInFirstPart, kFollows };  // of the request

  ResponseReader(std::uint32_t request, Body body, bool head_request)
      : decoder_(wire::Sender::kWorker, request), request_body_(body), head_request_(head_request) {}

  // The request calls so many functions: their answers take the place of head and body.
  void expect_answers(std::size_t count) { answers_wanted_ = count; }
  // The next event. What it refers to is valid until the next call.
  Event next(std::span<const std::byte>* input);
  // The worker has memory of this size.
  void lend(std::uint32_t size) { memory_ = size; }
  // A descriptor came along with the bytes that follow.
  void add_descriptor(base::UniqueFd fd);

  const wire::ResponseHead& head() const { return head_; }
  const wire::InterimHead& interim() const { return interim_; }
  std::string_view body() const { return body_; }
  const wire::FileRange& file() const { return file_; }
  base::UniqueFd take_file() { return std::move(descriptor_); }
  const wire::Place& place() const { return place_; }
  bool is_to_tell() const { return (decoder_.header().flags & wire::kTell) != 0; }  // after kPlaced
  const std::vector<wire::Answer>& answers() const { return answers_; }
  const wire::LogLine& log() const { return log_; }
  const wire::End& end() const { return end_; }
  bool is_kept() const { return (decoder_.header().flags & wire::kKept) != 0; }  // after kEnd
  const char* reason() const { return reason_; }

  // An application was entered for the request, or it was answered: it must not be sent again.
  bool is_started() const { return started_; }
  bool has_head() const { return has_head_; }
  // Body bytes that may be read straight from the channel; each read is accounted for by take_body. False: the
  // body is longer than its Content-Length.
  std::uint32_t body_left() const { return decoder_.body_left(); }
  bool take_body(std::uint32_t size);

 private:
  Event on_frame();
  Event on_interim();
  Event on_head();
  Event on_file();
  Event on_want_memory();
  Event on_placed();
  Event on_answers();
  Event on_end();
  Event refuse(const char* reason);
  bool count(std::uint64_t size);

  wire::FrameDecoder decoder_;
  Body request_body_;
  bool head_request_;
  bool started_ = false;
  bool has_head_ = false;
  bool body_wanted_ = false;
  bool memory_wanted_ = false;
  std::uint32_t memory_ = 0;
  std::size_t answers_wanted_ = 0;  // 0: it is no call
  std::vector<wire::Answer> answers_;
  wire::LogLine log_;
  wire::InterimHead interim_;
  wire::ResponseHead head_;
  wire::FileRange file_;
  wire::Place place_;
  wire::End end_;
  std::string_view body_;
  base::UniqueFd descriptor_;
  bool unbounded_ = true;   // no Content-Length holds the body
  std::uint64_t room_ = 0;  // else: bytes that it may still have
  const char* reason_ = nullptr;
  std::string refusal_;
};

}  // namespace httpd
