// SPDX-License-Identifier: Apache-2.0
#pragma once

// The private channel's frames, byte by byte (docs/wire.md tells the same in prose). A channel is one end of a
// stream socketpair and belongs to one request at a time. Both ends are on one machine and of one version: integers
// are little-endian, and a version that differs is refused, never adapted to.
//
//   offset  size  field
//   0       1     type
//   1       1     flags
//   2       2     zero
//   4       4     length of the payload that follows
//   8       4     request id: equal in all frames of a channel's request; another id is garbage
//
// How the child knows whether a request was started, at no cost: a worker leaves at least the last byte of the
// request's first part unread (MSG_PEEK) until it enters the application. When it dies or closes before that, the
// kernel reports ECONNRESET instead of end-of-file: the request may be sent again. End-of-file without END, or
// any frame of the worker but LOG and DECLINED, means that the application was entered, or that it is answered.
//
// After an END with kKept both sides may keep the channel for the child's next request. Either closes it when it
// likes, and the kernel decides every race between that and a request that is on its way: the child's send fails, or
// the request is unread and reset, and is sent again.
//
// A child may withdraw a request that has waited for kWithdrawAfter and was not entered: because the worker does not
// come to it on its kept channel, because the client has gone, or because it has waited for too long. It ends its
// direction of the channel (shutdown) and then asks whether the request is unread. The worker, when it enters an older
// request than kMayBeWithdrawn, takes the bytes and then looks for the end of the channel. Whatever the order of the
// four steps, no request is entered that the child has sent to another, or has answered with 503.

#include <cstddef>
#include <cstdint>

#include "base/posix.h"

namespace wire {

inline constexpr std::uint16_t kProtocolVersion = 6;
inline constexpr std::size_t kFrameHeaderSize = 12;
inline constexpr std::uint32_t kMaxBodyFrame = 1u << 20;     // payload of BODY, either way
inline constexpr std::uint32_t kMaxRequestHead = 16u << 20;  // payload of a request HEAD
inline constexpr std::uint32_t kMaxResponseHead = 1u << 20;  // payload of a response HEAD
inline constexpr std::uint32_t kMaxAnswers = 1u << 20;       // payload of ANSWERS
inline constexpr std::uint32_t kMinLog = 9;                  // payload of LOG
inline constexpr std::uint32_t kMaxLog = 16u << 10;          // the same
inline constexpr std::size_t kMaxLogFile = 1024;             // of it: a file's name
inline constexpr std::uint32_t kMaxFirstBody = 64u << 10;    // body bytes in a request's first part
inline constexpr std::uint32_t kMaxPairs = 1u << 16;         // entries of an environ, headers of a response
inline constexpr std::size_t kFileFrameSize = kFrameHeaderSize + 16;
inline constexpr std::size_t kSizeFrameSize = kFrameHeaderSize + 4;  // MEMORY and TAKEN
// HEAD, one BODY, FILE and BODY_END.
inline constexpr std::uint32_t kMaxFirstPart = kMaxRequestHead + kMaxFirstBody + kFileFrameSize + 3 * kFrameHeaderSize;

enum class FrameType : std::uint8_t {
  // child to worker
  kRequestHead = 1,  // RequestHead; begins with the size of the first part, this frame's header included
  kBody = 2,         // both ways, never empty
  kBodyEnd = 3,      // the request body is complete
  // The answer to kWantMemory: u32 size, with a descriptor of so much memory; 0, without: there is none.
  kMemory = 4,
  kTaken = 5,  // u32 size: so many bytes of the memory may be used again, in the order of the kPlaced
  // worker to child, FILE both ways
  kStarted = 16,   // once, and only when the child still holds body bytes back (flag kMoreBody of the head)
  kDeclined = 17,  // not entered, code is stale: send it again
  kResponseHead = 18,
  // One descriptor (SCM_RIGHTS) and u64 offset, u64 length: part of the body. A child's stands in the first part, with
  // whose first byte its descriptor comes.
  kFile = 19,
  kLog = 20,      // u8 level, u32 line, its file, text
  kEnd = 21,      // see struct End: the request's last frame
  kInterim = 22,  // InterimHead: a 1xx response ahead of the head
  kAnswers = 23,  // to a call, in place of head and body: what each of its functions gave
  // Once, when the child holds back nothing of the request body: more of the response body is to come than a channel
  // is good for.
  kWantMemory = 24,
  kPlaced = 25  // kTell; u32 offset, u32 length: the next bytes of the body are there in the memory
};

enum FrameFlag : std::uint8_t {
  kMoreBody = 1,  // on kRequestHead: body frames follow after kStarted
  kOnDemand = 2,  // on kRequestHead, with kMoreBody: kStarted is to be sent when the application reads
  kBodyFile = 4,  // on kRequestHead: a kFile stands in the first part
  kPiped = 1,     // on a child's kFile: the descriptor is a pipe, which holds length bytes
  kTell = 1,      // on kPlaced: kTaken is to be said of it
  kKept = 1       // on kEnd: the worker serves the next request on this channel, too
};

inline constexpr base::Micros kWithdrawAfter = std::chrono::milliseconds(50);
inline constexpr base::Micros kMayBeWithdrawn = std::chrono::milliseconds(20);  // less, for the two sides' slack

struct FrameHeader {
  FrameType type;
  std::uint8_t flags;
  std::uint32_t length;
  std::uint32_t request;
};

}  // namespace wire
