// SPDX-License-Identifier: Apache-2.0
#pragma once

// Bounds-checked reading and appending of little-endian integers and counted byte strings.
// A reader that has met a short buffer stays failed: check ok() once at the end.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

namespace base {

// Reads from a span that must outlive it. Views that it returns point into that span.
class ByteReader {
 public:
  explicit ByteReader(std::span<const std::byte> bytes) : rest_(bytes) {}

  std::uint8_t u8() { return integer<std::uint8_t>(); }
  std::uint16_t u16() { return integer<std::uint16_t>(); }
  std::uint32_t u32() { return integer<std::uint32_t>(); }
  std::uint64_t u64() { return integer<std::uint64_t>(); }
  std::int64_t i64() { return static_cast<std::int64_t>(integer<std::uint64_t>()); }
  // size bytes, or an empty view and a failed reader.
  std::string_view text(std::size_t size) {
    if (size > rest_.size()) {
      failed_ = true;
      rest_ = {};
      return {};
    }
    std::string_view view(reinterpret_cast<const char*>(rest_.data()), size);
    rest_ = rest_.subspan(size);
    return view;
  }

  bool ok() const { return !failed_; }
  std::size_t remaining() const { return rest_.size(); }

 private:
  template <typename T>
  T integer() {
    T value{};
    if (sizeof(T) > rest_.size()) {
      failed_ = true;
      rest_ = {};
      return value;
    }
    std::memcpy(&value, rest_.data(), sizeof(T));
    rest_ = rest_.subspan(sizeof(T));
    return value;
  }

  std::span<const std::byte> rest_;
  bool failed_ = false;
};

// Integers, as the text() of the class that derives from it.
template <typename Writer>
class IntegerWriter {
 public:
  void u8(std::uint8_t value) { integer(value); }
  void u16(std::uint16_t value) { integer(value); }
  void u32(std::uint32_t value) { integer(value); }
  void u64(std::uint64_t value) { integer(value); }
  void i64(std::int64_t value) { integer(static_cast<std::uint64_t>(value)); }

 private:
  template <typename T>
  void integer(T value) {
    char bytes[sizeof(T)];
    std::memcpy(bytes, &value, sizeof(T));
    static_cast<Writer*>(this)->text({bytes, sizeof(T)});
  }
};

// Appends to a string that it does not own.
class ByteWriter : public IntegerWriter<ByteWriter> {
 public:
  explicit ByteWriter(std::string* out) : out_(out) {}
  void text(std::string_view text) { out_->append(text); }

 private:
  std::string* out_;
};

// Counts what would be written.
class ByteCounter : public IntegerWriter<ByteCounter> {
 public:
  void text(std::string_view text) { size_ += text.size(); }
  std::size_t size() const { return size_; }

 private:
  std::size_t size_ = 0;
};

// Writes into memory that has room for all of it, as a ByteCounter has found out.
class ByteFiller : public IntegerWriter<ByteFiller> {
 public:
  explicit ByteFiller(char* into) : next_(into) {}
  void text(std::string_view text) { next_ += text.copy(next_, text.size()); }

 private:
  char* next_;
};

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the wire is little-endian; add byte swaps for this machine");

inline std::span<const std::byte> as_bytes(std::string_view text) {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}

}  // namespace base
