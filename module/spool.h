// SPDX-License-Identifier: Apache-2.0
#pragma once

// Bytes on their way from one side of a request to the other, in their order: what the receiver has not taken yet.
// They wait in memory up to a limit, then in an unlinked temporary file up to a cap. Files of somebody else's may stand
// between them. Knows neither httpd nor channels. Thread: the request's own. Blocks on nothing but the file.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/posix.h"
#include "base/result.h"

namespace httpd {

struct FreeBlock {
  void operator()(char* block) const { std::free(block); }
};
using Block = std::unique_ptr<char, FreeBlock>;  // of malloc, as httpd's buckets want it

Block new_block(std::size_t size);  // aborts when memory is out, as httpd does

// All of size bytes that are in a pipe. False: they are not, errno says why.
bool read_pipe(int pipe, char* into, std::size_t size);

struct SpoolLimits {
  std::size_t memory = 0;      // bytes that wait in memory
  std::int64_t file = 0;       // size of the temporary file at most; 0: none is made
  std::string_view directory;  // where; must outlive the spool
};

class Spool {
 public:
  // What stands first. Memory: data and size. Else a range of a file, whose descriptor is the taker's.
  struct Piece {
    Block data;
    std::size_t size = 0;
    base::UniqueFd fd;
    std::int64_t offset = 0;
    std::int64_t length = 0;
  };
  static constexpr std::size_t kPiece = 56u << 10;  // of what is read back from the file

  explicit Spool(const SpoolLimits& limits) : limits_(limits) {}

  // Never refuses: what the file does not take stays in memory, whatever the limit. has_room() is then false.
  void add(Block data, std::size_t size);
  void add_file(base::UniqueFd fd, std::int64_t offset, std::int64_t length);

  // Another block may come. False: the giver has to wait until something was taken.
  bool has_room(std::size_t size) const;
  bool has_memory(std::size_t size) const { return in_memory_ + size <= limits_.memory; }
  const SpoolLimits& limits() const { return limits_; }
  bool is_empty() const { return parts_.empty(); }
  std::size_t in_memory() const { return in_memory_; }
  std::int64_t in_file() const { return in_file_; }

  // The first piece, at most kPiece long unless it is a block or a file that was added. Not empty before.
  // Fails when the file cannot be read.
  base::Result<Piece> take();
  // The same for when nothing is added any more: what is in the temporary file comes as ranges of it. Fails when there
  // is no descriptor for them.
  base::Result<Piece> take_finally();

  // The part that stands first when it is in the temporary file, as a range of that; length 0: it is not. The
  // descriptor stays the spool's, and valid as long as the spool lives.
  struct Range {
    int fd;
    std::int64_t offset;
    std::int64_t length;
  };
  Range first_in_file() const;
  // It was taken.
  void drop_first();

  // Why the temporary file cannot be used, once.
  std::optional<base::Error> take_trouble() { return std::exchange(trouble_, std::nullopt); }

 private:
  struct Part {
    Block data;  // nothing: in a file
    std::size_t size = 0;
    base::UniqueFd fd;  // of somebody else's file; invalid: it is in the temporary one
    std::int64_t offset = 0;
    std::int64_t length = 0;
    bool is_spooled() const { return data == nullptr && !fd.valid(); }
  };

  std::size_t write(std::span<const char> bytes);
  bool open_file();
  std::int64_t file_room() const;
  void fail(const char* what);

  SpoolLimits limits_;
  std::list<Part> parts_;  // which allocates nothing as long as it is empty
  base::UniqueFd file_;
  std::size_t in_memory_ = 0;
  std::int64_t in_file_ = 0;  // bytes of the temporary file that wait: a ring of limits_.file bytes
  std::int64_t end_ = 0;      // where the next byte goes, counted on for ever
  bool is_broken_ = false;    // the temporary file takes nothing more
  std::optional<base::Error> trouble_;
};

}  // namespace httpd
