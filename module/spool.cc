// SPDX-License-Identifier: Apache-2.0
#include "module/spool.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/messages.h"

namespace httpd {
namespace {

// A file without a name, which nobody else can open.
base::UniqueFd open_unnamed(const std::string& directory) {
  base::UniqueFd fd(open(directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  if (fd.valid() || (errno != EOPNOTSUPP && errno != EISDIR && errno != ENOENT)) return fd;
  // A file system without O_TMPFILE.
  std::string name = directory + "/gatehouse-XXXXXX";
  fd = base::UniqueFd(mkostemp(name.data(), O_CLOEXEC));
  if (fd.valid()) unlink(name.c_str());
  return fd;
}

bool read_at(int fd, char* into, std::size_t size, std::int64_t offset) {
  while (size > 0) {
    const ssize_t count = pread(fd, into, size, offset);
    if (count < 0 && errno == EINTR) continue;
    if (count == 0) errno = EIO;
    if (count <= 0) return false;
    into += count;
    offset += count;
    size -= static_cast<std::size_t>(count);
  }
  return true;
}

}  // namespace

bool read_pipe(int pipe, char* into, std::size_t size) {
  while (size > 0) {
    const ssize_t count = read(pipe, into, size);
    if (count < 0 && errno == EINTR) continue;
    if (count == 0) errno = EIO;
    if (count <= 0) return false;
    into += count;
    size -= static_cast<std::size_t>(count);
  }
  return true;
}

Block new_block(std::size_t size) {
  Block block(static_cast<char*>(std::malloc(size)));
  if (block == nullptr) std::abort();
  return block;
}

void Spool::add(Block data, std::size_t size) {
  if (in_memory_ + size > limits_.memory) {
    const std::size_t written = write({data.get(), size});
    if (written == size) return;
    size -= written;
    std::memmove(data.get(), data.get() + written, size);
  }
  in_memory_ += size;
  Part part;
  part.data = std::move(data);
  part.size = size;
  parts_.push_back(std::move(part));
}

void Spool::add_file(base::UniqueFd fd, std::int64_t offset, std::int64_t length) {
  Part part;
  part.fd = std::move(fd);
  part.offset = offset;
  part.length = length;
  parts_.push_back(std::move(part));
}

bool Spool::has_room(std::size_t size) const {
  return has_memory(size) || file_room() >= static_cast<std::int64_t>(size);
}

std::int64_t Spool::file_room() const { return is_broken_ ? 0 : limits_.file - in_file_; }

// As much as the file takes, behind what is in it. A disk that is full is no error: the giver waits, as at the cap.
std::size_t Spool::write(std::span<const char> bytes) {
  bytes = bytes.first(
      static_cast<std::size_t>(std::clamp<std::int64_t>(file_room(), 0, static_cast<std::int64_t>(bytes.size()))));
  if (bytes.empty() || !open_file()) return 0;
  std::size_t done = 0;
  while (done < bytes.size()) {
    const std::int64_t at = end_ % limits_.file;
    const std::size_t before_wrap = std::min(bytes.size() - done, static_cast<std::size_t>(limits_.file - at));
    const ssize_t count = pwrite(file_.get(), bytes.data() + done, before_wrap, at);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) {
      fail("cannot be written");
      break;
    }
    done += static_cast<std::size_t>(count);
    end_ += count;
  }
  in_file_ += static_cast<std::int64_t>(done);
  if (done == 0) return 0;
  if (parts_.empty() || !parts_.back().is_spooled()) {
    parts_.emplace_back();
    parts_.back().offset = end_ - static_cast<std::int64_t>(done);
  }
  parts_.back().length += static_cast<std::int64_t>(done);
  return done;
}

bool Spool::open_file() {
  if (file_.valid()) return true;
  file_ = open_unnamed(std::string(limits_.directory));
  if (file_.valid()) return true;
  fail("cannot be made");
  return false;
}

void Spool::fail(const char* what) {
  const int error = errno;
  is_broken_ = true;
  trouble_ =
      base::Error{base::Message::kSpool, error, "a temporary file in " + std::string(limits_.directory) + " " + what};
}

base::Result<Spool::Piece> Spool::take() {
  Part& first = parts_.front();
  if (!first.is_spooled()) return take_finally();
  Piece piece;
  const std::int64_t at = first.offset % limits_.file;
  piece.size = static_cast<std::size_t>(std::min({first.length, static_cast<std::int64_t>(kPiece), limits_.file - at}));
  piece.data = new_block(piece.size);
  if (!read_at(file_.get(), piece.data.get(), piece.size, at))
    return base::os_error(base::Message::kSpool, "a temporary file cannot be read");
  const auto taken = static_cast<std::int64_t>(piece.size);
  first.offset += taken;
  first.length -= taken;
  in_file_ -= taken;
  if (first.length == 0) parts_.pop_front();
  if (in_file_ == 0) end_ = 0;  // the file is filled from its beginning again, and stays small
  return piece;
}

Spool::Range Spool::first_in_file() const {
  if (parts_.empty() || !parts_.front().is_spooled()) return {-1, 0, 0};
  const std::int64_t at = parts_.front().offset % limits_.file;
  return {file_.get(), at, std::min(parts_.front().length, limits_.file - at)};
}

void Spool::drop_first() {
  Part& first = parts_.front();
  const std::int64_t length = first_in_file().length;
  first.offset += length;
  first.length -= length;
  in_file_ -= length;
  if (first.length == 0) parts_.pop_front();
}

base::Result<Spool::Piece> Spool::take_finally() {
  Part& first = parts_.front();
  Piece piece;
  if (const Range range = first_in_file(); range.length > 0) {
    piece.fd = base::UniqueFd(fcntl(range.fd, F_DUPFD_CLOEXEC, 0));
    if (!piece.fd.valid()) return base::os_error(base::Message::kSpool, "a temporary file cannot be sent");
    piece.offset = range.offset;
    piece.length = range.length;
    drop_first();
    return piece;
  }
  in_memory_ -= first.size;
  piece = {std::move(first.data), first.size, std::move(first.fd), first.offset, first.length};
  parts_.pop_front();
  return piece;
}

}  // namespace httpd
