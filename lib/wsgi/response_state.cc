// SPDX-License-Identifier: Apache-2.0
#include "wsgi/response_state.h"

#include <algorithm>

#include "wsgi/header_rules.h"

namespace wsgi {

ResponseState::StartVerdict ResponseState::on_start_response(bool has_exc_info) const {
  switch (phase_) {
    case Phase::kFresh:
      return StartVerdict::kAccept;
    case Phase::kStarted:
      return has_exc_info ? StartVerdict::kAccept : StartVerdict::kMissingExcInfo;
    case Phase::kCommitted:
      return has_exc_info ? StartVerdict::kReraise : StartVerdict::kMissingExcInfo;
    case Phase::kEnded:
      break;
  }
  return StartVerdict::kEnded;
}

void ResponseState::started(std::uint32_t status, std::int64_t content_length, bool head_request) {
  phase_ = Phase::kStarted;
  status_ = status;
  content_length_ = content_length;
  no_body_ = wsgi::has_no_body(status, head_request);
  produced_ = 0;
  sent_ = 0;
}

void ResponseState::set_content_length(std::int64_t length) {
  if (phase_ == Phase::kStarted && content_length_ < 0 && !no_body_) content_length_ = length;
}

std::size_t ResponseState::accept(std::size_t size) {
  if (phase_ != Phase::kStarted && phase_ != Phase::kCommitted) return 0;
  produced_ += size;
  if (no_body_) return 0;
  if (content_length_ >= 0) {
    const auto promised = static_cast<std::uint64_t>(content_length_);
    size = static_cast<std::size_t>(std::min<std::uint64_t>(size, promised > sent_ ? promised - sent_ : 0));
  }
  sent_ += size;
  return size;
}

bool ResponseState::is_short() const {
  return !no_body_ && content_length_ >= 0 && sent_ < static_cast<std::uint64_t>(content_length_);
}

bool ResponseState::is_long() const {
  return !no_body_ && content_length_ >= 0 && produced_ > static_cast<std::uint64_t>(content_length_);
}

}  // namespace wsgi
