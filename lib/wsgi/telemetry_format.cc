// SPDX-License-Identifier: Apache-2.0
#include "wsgi/telemetry_format.h"

#include <algorithm>
#include <bit>
#include <limits>

#include "base/bytes.h"

namespace wsgi {
namespace {

enum Type : std::uint8_t { kU64 = 1, kF64 = 2, kBytes = 4, kI32Array = 5, kF64Array = 6 };

constexpr std::uint32_t kMagic = 0x49475357;  // "WSGI"
constexpr std::uint8_t kFormat = 1;
constexpr std::size_t kFieldHead = 3;

double seconds(std::int64_t micros) { return static_cast<double>(micros) / 1e6; }

void put_double(std::string* bytes, double value) { base::ByteWriter(bytes).u64(std::bit_cast<std::uint64_t>(value)); }

}  // namespace

Datagram::Datagram(TelemetryKind kind, std::uint32_t pid, std::uint32_t sequence, std::int64_t time_us) {
  base::ByteWriter writer(&bytes_);
  writer.u32(kMagic);
  writer.u8(kFormat);
  writer.u8(static_cast<std::uint8_t>(kind));
  writer.u16(0);
  writer.u32(pid);
  writer.u32(sequence);
  put_double(&bytes_, seconds(time_us));
}

bool Datagram::put_head(TelemetryField field, std::uint8_t type, std::size_t size) {
  if (bytes_.size() + kFieldHead + size > kLongest) return false;
  base::ByteWriter writer(&bytes_);
  writer.u16(static_cast<std::uint16_t>(field));
  writer.u8(type);
  return true;
}

void Datagram::put_count(TelemetryField field, std::uint64_t value) {
  if (put_head(field, kU64, sizeof value)) base::ByteWriter(&bytes_).u64(value);
}

void Datagram::put_number(TelemetryField field, double value) {
  if (put_head(field, kF64, sizeof value)) put_double(&bytes_, value);
}

void Datagram::put_seconds(TelemetryField field, std::int64_t micros) { put_number(field, seconds(micros)); }

void Datagram::put_text(TelemetryField field, std::string_view text, std::size_t longest) {
  text = text.substr(0, longest);
  if (text.empty() || !put_head(field, kBytes, sizeof(std::uint16_t) + text.size())) return;
  base::ByteWriter writer(&bytes_);
  writer.u16(static_cast<std::uint16_t>(text.size()));
  writer.text(text);
}

void Datagram::put_counts(TelemetryField field, std::span<const std::uint32_t> values) {
  if (!put_head(field, kI32Array, sizeof(std::uint16_t) + values.size_bytes())) return;
  constexpr std::uint32_t kMost = std::numeric_limits<std::int32_t>::max();
  base::ByteWriter writer(&bytes_);
  writer.u16(static_cast<std::uint16_t>(values.size()));
  for (const std::uint32_t value : values) writer.u32(std::min(value, kMost));
}

void Datagram::put_seconds_list(TelemetryField field, std::span<const std::int64_t> micros) {
  if (!put_head(field, kF64Array, sizeof(std::uint16_t) + micros.size() * sizeof(double))) return;
  base::ByteWriter(&bytes_).u16(static_cast<std::uint16_t>(micros.size()));
  for (const std::int64_t value : micros) put_double(&bytes_, seconds(value));
}

}  // namespace wsgi
