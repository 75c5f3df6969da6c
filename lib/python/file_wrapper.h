// SPDX-License-Identifier: Apache-2.0
#pragma once

// wsgi.file_wrapper: mod_wsgi.FileWrapper iterates over a file-like object in blocks. When it is the result itself
// and its file is a plain one, the host sends the file without Python reading it.

#include "python/cpython.h"

#include <cstdint>
#include <optional>

#include "python/attach.h"
#include "python/ref.h"

namespace python {

struct ModuleState;

// An empty Ref with an exception pending on failure.
Ref make_file_wrapper_type(Borrowed module);

// What is left of a regular file.
struct FileRange {
  int fd;
  std::int64_t offset;
  std::int64_t length;
};

// The range that iterating over result would read, when result is exactly a FileWrapper around one of Python's own
// binary file objects, open on a regular file: only of these is it known that the descriptor holds the very
// bytes that read() would give (not so for gzip.GzipFile, which has a fileno(), too). No exception stays pending.
std::optional<FileRange> file_behind(Attached& attached, const ModuleState& objects, Borrowed result);

}  // namespace python
