// SPDX-License-Identifier: Apache-2.0
#include "module/body_prefetch.h"

#include <algorithm>
#include <utility>

#include "module/direct_input.h"
#include "module/rest_watch.h"
#include "wire/frame.h"

namespace httpd {

constexpr std::int64_t kRequestBuffer = 16 << 20;  // for a size of 0

bool BodyPrefetch::read(BodyFirst first, std::string* into) {
  const bool is_known = left_ > 0;
  const std::int64_t most = group_.spec.request_buffer_size > 0 ? group_.spec.request_buffer_size : kRequestBuffer;
  if (first == BodyFirst::kBuffer && left_ > wire::kMaxFirstBody && is_for_buffer(most)) return buffer_body(most);
  into->resize(is_known ? std::min<std::uint64_t>(static_cast<std::uint64_t>(left_), wire::kMaxFirstBody)
                        : wire::kMaxFirstBody);
  std::size_t size = 0;
  ssize_t count = 1;
  while (size < into->size() && count > 0) {
    const bool waits = first == BodyFirst::kBuffer || (first == BodyFirst::kBegun && size == 0);
    char* const next = into->data() + size;
    count = waits ? body_->read(next, into->size() - size) : body_->read_now(next, into->size() - size);
    if (count > 0) size += static_cast<std::size_t>(count);
  }
  if (count < 0 && count != BodyReader::kNothing) return false;
  into->resize(size);
  note_sent(size, count == 0);
  if (!has_more_ || first != BodyFirst::kBuffer) return true;
  return buffer_body(most - static_cast<std::int64_t>(size));
}

// Goes along with the first part. is_end: nothing comes after it.
void BodyPrefetch::note_sent(std::size_t size, bool is_end) {
  if (left_ > 0) left_ -= static_cast<std::int64_t>(size);
  has_more_ = !is_end && left_ != 0;
}

// So that a slow upload holds no thread of the application. What does not go into the file is sent as it comes.
bool BodyPrefetch::buffer_body(std::int64_t most) {
  if (most <= 0) return true;
  spool_.emplace(SpoolLimits{0, most, group_.spool_directory});
  bool is_all = false;
  if (is_for_buffer(most) && !fill_buffer(&is_all)) return false;
  while (!is_all && spool_->has_room(1)) {
    const auto room = static_cast<std::size_t>(std::min<std::int64_t>(most - spool_->in_file(), wire::kMaxFirstBody));
    Block block = new_block(room);
    const ssize_t count = body_->read(block.get(), room);
    if (count < 0) return false;
    if (count > 0) spool_->add(std::move(block), static_cast<std::size_t>(count));
    is_all = count == 0;
  }
  if (const auto trouble = spool_->take_trouble()) log_request(r_, *trouble);
  if (const Spool::Range range = spool_->first_in_file(); range.length > 0) {
    file_ = range;
    spool_->drop_first();
  }
  note_sent(static_cast<std::size_t>(file_.length), is_all && spool_->is_empty());
  return true;
}

bool BodyPrefetch::is_for_buffer(std::int64_t most) const {
  return left_ > 0 && left_ <= std::min<std::int64_t>(most, BodyBuffers::kSize);
}

// A pipe where httpd lets; else memory, into which also goes what a pipe was too small for. *is_all: there is no more.
// False: the body could not be read.
bool BodyPrefetch::fill_buffer(bool* is_all) {
  buffer_ = group_.bodies->take();
  const auto size = static_cast<std::size_t>(left_);
  std::size_t filled = 0;
  if (DirectInput::is_possible(r_) && buffer_.open_pipe()) {
    const ssize_t last = fill_pipe(size, &filled);
    *is_all = is_piped_ = last >= 0;
    if (*is_all) file_ = {buffer_.pipe_to_read(), 0, static_cast<std::int64_t>(filled)};
    if (last != BodyReader::kNothing) return *is_all;
  }
  *is_all = buffer_.open_memory();
  if (!*is_all) return spool_pipe(filled);
  char* const memory = buffer_.data();
  if (!empty_pipe(memory, filled)) return false;
  while (filled < size) {
    const ssize_t count = body_->read(memory + filled, size - filled);
    if (count < 0) return false;
    if (count == 0) break;
    filled += static_cast<std::size_t>(count);
  }
  file_ = {buffer_.memory(), 0, static_cast<std::int64_t>(filled)};
  return true;
}

bool BodyPrefetch::empty_pipe(char* into, std::size_t size) {
  if (size == 0 || read_pipe(buffer_.pipe_to_read(), into, size)) return true;
  body_->lose(base::os_error(base::Message::kSpool, "a pipe cannot be read"));
  return false;
}

bool BodyPrefetch::spool_pipe(std::size_t size) {
  if (size == 0) return true;
  Block block = new_block(size);
  if (!empty_pipe(block.get(), size)) return false;
  spool_->add(std::move(block), size);
  return true;
}

// What BodyReader said last: 0 when the pipe has it all.
ssize_t BodyPrefetch::fill_pipe(std::size_t size, std::size_t* filled) {
  const DirectInput direct(r_, buffer_.pipe_to_write());
  ssize_t count = 1;
  while (count > 0 && *filled < size) {
    count = body_->read_into_pipe(buffer_.pipe_to_write(), size - *filled);
    if (count > 0) *filled += static_cast<std::size_t>(count);
  }
  return count;
}

void BodyPrefetch::give_back() {
  if (buffer_.is_open() && group_.bodies->put(std::move(buffer_), base::now())) watch_rest(group_.bodies);
}

}  // namespace httpd
