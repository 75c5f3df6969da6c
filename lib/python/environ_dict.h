// SPDX-License-Identifier: Apache-2.0
#pragma once

// The environ dict of a request: the host's pairs as str, then wsgi.* and the mod_wsgi.* that only the engine
// knows. Keys are made once per interpreter; so are values that stay the same from request to request.

#include "python/cpython.h"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "python/attach.h"
#include "python/ref.h"

namespace python {

class Request;

// The names of one interpreter that have been seen, as str objects. With its GIL; without one, of one thread.
class EnvironKeys {
 public:
  enum class Decoding { kLatin1, kFileSystem, kVersion };
  struct Key {
    std::string name;
    Ref text;
    Decoding decoding = Decoding::kLatin1;
    bool keeps_value = false;  // the last value is kept and used again when it comes again
    Ref last_value;
    Key* next = nullptr;  // the one that was asked for after it the last time
  };

  EnvironKeys() : slots_(kSlots) {}
  // The key of a name, made when it is new. nullptr: the table is full or the name is long; no exception.
  Key* find(std::string_view name);

  // What the environs of requests with the same flags have in common.
  struct Shape {
    Ref constants;
    std::vector<Key*> keys;  // of the host's pairs, in the last request
    // An environ of these keys, when two requests in a row had them: constants, values that are kept, None for others.
    // It is never changed, only replaced. values: what it has for each pair; borrowed.
    Ref environ;
    std::vector<PyObject*> values;
  };
  Shape& shape_of(std::uint32_t flags) { return shapes_[flags & (kShapes - 1)]; }

 private:
  Key* look_up(std::string_view name);

  static constexpr std::size_t kSlots = 1024;
  static constexpr std::size_t kMostKeys = kSlots / 2;
  std::vector<std::unique_ptr<Key>> slots_;  // open addressing
  std::size_t count_ = 0;
  Key* last_ = nullptr;  // the one that was found last
  static constexpr std::size_t kShapes = 16;
  Shape shapes_[kShapes];
};

// Puts a value into the environ of a request. False: an exception is pending.
bool add_to_environ(Attached& attached, Request& request, Borrowed environ, std::string_view name, Borrowed value);
// An empty Ref with an exception pending on failure.
Ref make_environ(Attached& attached, Request& request, Borrowed input, Borrowed errors);
// The smaller one of a function beside the application, which has no input and no output. Failure: as above.
Ref make_call_environ(Attached& attached, Request& request, Borrowed errors);

// "2.4.71" as (2, 4, 71); what is no number ends it. Empty with an exception pending on failure.
Ref version_tuple(std::string_view text);

}  // namespace python
