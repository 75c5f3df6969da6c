// SPDX-License-Identifier: Apache-2.0
#pragma once

// A request as it comes from httpd: its first part, which stays in the channel until the application is entered, and
// its body, from there, from the channel or from a file. Thread: the request's own.

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/posix.h"
#include "daemon/session_channel.h"
#include "wire/frame_codec.h"
#include "wire/message.h"

namespace gatehoused {

// Memory for what arrives, from one request of a thread to the next.
class InputBuffer {
 public:
  // At least size bytes; the first kept bytes stay.
  std::byte* get(std::size_t size, std::size_t kept = 0);
  std::size_t capacity() const { return capacity_; }
  void shrink(std::size_t most);

 private:
  std::unique_ptr<std::byte[]> bytes_;
  std::size_t capacity_ = 0;
};

class RequestInput {
 public:
  // All must outlive it. pairs: what holds the environ's.
  RequestInput(SessionChannel* channel, InputBuffer* buffer, std::vector<wire::Pair>* pairs);
  static constexpr std::size_t kUsualSize = 96u << 10;  // a first part that is as large as usual ones get

  // Reads the first part and its head, and consumes neither. peeked: bytes on a kept channel that are in the buffer
  // already, and in the channel; 0: a ticket's. False: httpd has gone, or sent garbage.
  bool begin(std::size_t peeked);
  wire::RequestHead& head() { return head_; }
  // The application is entered, or the request is answered. Nothing is done a second time.
  void consume_first_part();
  // httpd has given the request up, or to somebody else; to be asked once it is consumed.
  bool is_withdrawn() const;
  // No descriptor was free for the file of the body of a request on a kept channel: whoever has one free takes a
  // ticket.
  bool is_without_file() const { return body_file_lost_ && on_kept_channel_; }
  // Of the body, httpd holds back what was not asked for by STARTED; asks for it at the first read when is_on_demand().
  bool has_more_body() const { return more_body_; }
  bool is_on_demand() const { return body_on_demand_; }

  // Waits for the first byte. Bytes, 0 at the end, -1 with read_error().
  std::int64_t read_body(void* into, std::size_t size);
  const char* read_error() const { return read_error_; }

 private:
  bool read_first_part(std::size_t peeked);
  bool decode_head();
  void take_descriptor(std::byte* first);
  bool open_body_file();
  std::int64_t read_body_file(void* into, std::size_t size);
  std::int64_t receive_body(void* into, std::size_t size);
  std::int64_t no_descriptor();
  std::int64_t read_failed(const char* error);

  SessionChannel& channel_;
  InputBuffer& buffer_;
  std::vector<wire::Pair>& pairs_;
  wire::FrameDecoder decoder_;
  wire::RequestHead head_;
  std::span<const std::byte> input_;  // received, not decoded yet
  std::span<const std::byte> body_;   // decoded, not read by the application yet
  std::array<std::byte, wire::kFrameHeaderSize> after_body_;
  base::UniqueFd body_file_;     // of FILE
  bool body_file_due_ = false;   // it comes with the first byte of the first part
  bool body_file_lost_ = false;  // there was no descriptor free for it
  wire::FileRange body_range_;   // of it, not read by the application yet
  bool body_is_piped_ = false;   // it is a pipe
  std::byte* unread_ = nullptr;  // peeked bytes of the first part, still in the channel
  std::size_t unread_size_ = 0;
  bool on_kept_channel_ = false;
  bool more_body_ = false;
  bool body_on_demand_ = false;  // STARTED waits for the first read
  const char* read_error_ = "";
};

}  // namespace gatehoused
