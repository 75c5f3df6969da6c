// SPDX-License-Identifier: Apache-2.0
#include "module/delivery.h"

#include <cstring>
#include <utility>

namespace httpd {

Delivery::Delivery(request_rec* r, ResponseWriter* writer, const SpoolLimits& limits)
    : r_(r), writer_(writer), spool_(limits) {
  if (r->connection->master != nullptr) writer->start_metering();
}

void Delivery::add(std::string_view bytes) {
  if (!is_behind_) return writer_->append(bytes.data(), bytes.size());
  Block copy = new_block(bytes.size());
  std::memcpy(copy.get(), bytes.data(), bytes.size());
  add_block(std::move(copy), bytes.size());
}

void Delivery::add_block(Block data, std::size_t size) {
  if (!is_behind_) return writer_->append_owned(data.release(), size);
  spool_.add(std::move(data), size);
  if (slow_at_.is_never() && !is_little()) slow_at_ = base::Deadline::after(kPatience);
  tell_trouble();
}

bool Delivery::pass(std::string_view bytes) {
  writer_->append_borrowed(bytes.data(), bytes.size());
  const bool is_there = offer();
  if (is_behind_) writer_->keep();
  return is_there;
}

bool Delivery::add_file(base::UniqueFd fd, std::int64_t offset, std::int64_t length) {
  if (!is_behind_) return writer_->append_file(std::move(fd), offset, length);
  spool_.add_file(std::move(fd), offset, length);
  return true;
}

void Delivery::tell_trouble() {
  if (const auto trouble = spool_.take_trouble()) log_request(r_, *trouble);
}

bool Delivery::offer() {
  constexpr int kPieces = 16;  // then it is the worker's turn
  const std::size_t before = spool_.in_memory();
  using Taken = ResponseWriter::Taken;
  Taken taken = is_behind_ ? writer_->go_on() : writer_->offer();
  has_moved_ = taken != Taken::kNothing;
  for (int i = 0; i < kPieces && taken == Taken::kAll && !spool_.is_empty(); ++i) {
    if (!give(spool_.take())) return false;
    taken = writer_->offer();
  }
  is_behind_ = taken == Taken::kSome || taken == Taken::kNothing || !spool_.is_empty();
  note_taken(before);
  return taken != Taken::kGone;
}

// A client that was slow once stays slow.
void Delivery::note_taken(std::size_t before) {
  if (slow_at_.is_never() || slow_at_.passed()) return;
  quickly_taken_ += before - spool_.in_memory();
  if (!spool_.is_empty()) {
    if (quickly_taken_ < kQuick) return;
    slow_at_ = base::Deadline::after(kPatience);
  } else {
    slow_at_ = base::Deadline::never();
  }
  quickly_taken_ = 0;
}

// A piece to httpd. What cannot be had any more makes the response a visibly cut one.
bool Delivery::give(base::Result<Spool::Piece> taken) {
  if (!taken) return lose(taken.error());
  Spool::Piece& piece = taken.value();
  if (piece.data != nullptr) {
    writer_->append_owned(piece.data.release(), piece.size);
    return true;
  }
  return writer_->append_file(std::move(piece.fd), piece.offset, piece.length) ||
         lose(base::Error{base::Message::kOutOfDescriptors, 0, "the rest of a response cannot be sent"});
}

bool Delivery::lose(const base::Error& error) {
  log_request(r_, error);
  writer_->abort_connection();
  return false;
}

bool Delivery::hand_over() {
  writer_->stop_metering();
  while (!spool_.is_empty())
    if (!give(spool_.take_finally())) return false;
  is_behind_ = false;
  return true;
}

bool Delivery::flush() { return hand_over() && writer_->flush(); }

int Delivery::finish() { return hand_over() ? writer_->finish() : OK; }

}  // namespace httpd
