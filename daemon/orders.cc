// SPDX-License-Identifier: Apache-2.0
#include "daemon/orders.h"

#include <sys/socket.h>

#include <cerrno>

#include "base/bytes.h"

namespace gatehoused {
namespace {

using base::ByteReader;
using base::ByteWriter;

constexpr std::size_t kMaxText = 4096;  // PATH_MAX, and more than any name needs
constexpr std::size_t kMaxTolerated = 7;

void put(ByteWriter& writer, std::string_view text) {
  text = text.substr(0, kMaxText);
  writer.u32(static_cast<std::uint32_t>(text.size()));
  writer.text(text);
}

std::string get(ByteReader& reader) { return std::string(reader.text(reader.u32())); }

template <typename Message>
Heard hear_one(int line, Message* message) {
  std::byte bytes[kMaxLineMessage];
  // A plain recv: descriptors that somebody attaches are not received.
  const ssize_t got = base::receive_message(line, bytes);
  if (got < 0) return errno == EAGAIN || errno == EINTR ? Heard::kNothing : Heard::kEnd;
  if (got == 0) return Heard::kEnd;
  return decode(std::span(bytes).first(static_cast<std::size_t>(got)), message) ? Heard::kMessage : Heard::kNothing;
}

bool put_on(int line, const std::string& bytes) {
  return send(line, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT) == static_cast<ssize_t>(bytes.size());
}

}  // namespace

std::string encode(const WorkerNotice& notice) {
  std::string bytes;
  ByteWriter writer(&bytes);
  writer.u32(static_cast<std::uint32_t>(notice.kind));
  writer.i64(notice.change.mtime_us);
  for (const std::string* text : {&notice.reason, &notice.change.script, &notice.change.callable,
                                  &notice.change.interpreter, &notice.change.application_group})
    put(writer, *text);
  return bytes;
}

bool decode(std::span<const std::byte> bytes, WorkerNotice* notice) {
  ByteReader reader(bytes);
  const std::uint32_t kind = reader.u32();
  notice->kind = static_cast<WorkerNotice::Kind>(kind);
  notice->change.mtime_us = reader.i64();
  for (std::string* text : {&notice->reason, &notice->change.script, &notice->change.callable,
                            &notice->change.interpreter, &notice->change.application_group})
    *text = get(reader);
  return reader.ok() && reader.remaining() == 0 && kind <= static_cast<std::uint32_t>(WorkerNotice::Kind::kLeaving);
}

std::string encode(const WorkerOrder& order) {
  std::string bytes;
  ByteWriter writer(&bytes);
  writer.u32(static_cast<std::uint32_t>(order.kind));
  writer.i64(order.limit_us);
  const std::size_t count = std::min(order.tolerated.size(), kMaxTolerated);
  writer.u32(static_cast<std::uint32_t>(count));
  for (const ScriptVersion& version : std::span(order.tolerated).first(count)) {
    writer.i64(version.mtime_us);
    put(writer, version.script);
  }
  return bytes;
}

bool decode(std::span<const std::byte> bytes, WorkerOrder* order) {
  ByteReader reader(bytes);
  const std::uint32_t kind = reader.u32();
  order->kind = static_cast<WorkerOrder::Kind>(kind);
  order->limit_us = reader.i64();
  std::uint32_t count = reader.u32();
  if (kind > static_cast<std::uint32_t>(WorkerOrder::Kind::kDismiss) || count > kMaxTolerated) return false;
  order->tolerated.clear();
  for (; count > 0; --count) {
    ScriptVersion& version = order->tolerated.emplace_back();
    version.mtime_us = reader.i64();
    version.script = get(reader);
  }
  return reader.ok() && reader.remaining() == 0;
}

Heard hear(int line, WorkerNotice* message) { return hear_one(line, message); }
Heard hear(int line, WorkerOrder* message) { return hear_one(line, message); }
bool tell(int line, const WorkerNotice& message) { return put_on(line, encode(message)); }
bool tell(int line, const WorkerOrder& message) { return put_on(line, encode(message)); }

}  // namespace gatehoused
