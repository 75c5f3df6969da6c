// SPDX-License-Identifier: Apache-2.0
#pragma once

// The life of one response under PEP 3333: start_response, write, iteration, end; and the count of its
// bytes against Content-Length. Pure: knows neither Python nor httpd. Thread: the request's own.

#include <cstddef>
#include <cstdint>

namespace wsgi {

class ResponseState {
 public:
  enum class Phase : std::uint8_t {
    kFresh,      // start_response has not been called
    kStarted,    // headers are known, not yet sent
    kCommitted,  // the head has gone to the host
    kEnded       // the request is over: nothing is accepted any more
  };
  enum class StartVerdict : std::uint8_t {
    kAccept,          // take these headers (first call, or a second one with exc_info before commitment)
    kMissingExcInfo,  // second call without exc_info: AssertionError-like failure (PEP 3333)
    kReraise,         // exc_info given after commitment: raise it
    kEnded
  };

  StartVerdict on_start_response(bool has_exc_info) const;
  // Headers are accepted; content_length -1 when the application gave none.
  void started(std::uint32_t status, std::int64_t content_length, bool head_request);

  // True when the head must go out before this block: started, not committed.
  bool must_commit() const { return phase_ == Phase::kStarted; }
  void committed() { phase_ = Phase::kCommitted; }
  // The one-block rule: gives the response a Content-Length when the application gave none and it has a body.
  void set_content_length(std::int64_t length);

  // How many of size bytes may be sent: all, fewer (Content-Length reached) or none (no body allowed).
  std::size_t accept(std::size_t size);
  void end() { phase_ = Phase::kEnded; }

  Phase phase() const { return phase_; }
  std::uint32_t status() const { return status_; }
  std::int64_t content_length() const { return content_length_; }
  bool has_no_body() const { return no_body_; }
  std::uint64_t produced() const { return produced_; }  // bytes the application gave, before any cut
  std::uint64_t sent() const { return sent_; }
  // Fewer bytes than Content-Length promised (never for responses without body).
  bool is_short() const;
  // More bytes than promised: cut; worth one log line.
  bool is_long() const;

 private:
  Phase phase_ = Phase::kFresh;
  bool no_body_ = false;
  std::uint32_t status_ = 0;
  std::int64_t content_length_ = -1;
  std::uint64_t produced_ = 0;
  std::uint64_t sent_ = 0;
};

}  // namespace wsgi
