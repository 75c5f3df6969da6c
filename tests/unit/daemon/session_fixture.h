// SPDX-License-Identifier: Apache-2.0
#pragma once

// What the tests of a worker's side of a request share: a channel, its worker's end served by an application in C++.

#include "daemon/session.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/bytes.h"
#include "base/log.h"
#include "wire/channel.h"
#include "wire/frame_codec.h"

#include <CppUTest/TestHarness.h>

namespace session_test {

using base::Micros;
using base::UniqueFd;
using gatehoused::Served;
using wire::FrameDecoder;
using wire::FrameType;

constexpr std::uint32_t kRequest = 77;
constexpr Micros kLong = std::chrono::seconds(10);

using Application = std::function<void(const gatehouse_request&, gatehouse_outcome*)>;
inline Application* application = nullptr;

inline void on_handle(const gatehouse_request* request, gatehouse_outcome* outcome) {
  (*application)(*request, outcome);
}

inline gatehouse_text text(std::string_view view) { return {view.data(), view.size()}; }

inline std::string* logged = nullptr;
inline void keep_line(void*, base::Level, std::string_view line) { logged->append(line).append("\n"); }

// What an application does with its host.
struct Host {
  const gatehouse_request& request;

  gatehouse_io enter() const { return request.calls->entered(request.context); }
  gatehouse_io head(std::uint32_t status = 200, const std::vector<gatehouse_pair>& headers = {}) const {
    const gatehouse_response_head response{sizeof response, status, text("OK"), headers.data(), headers.size(), -1};
    return request.calls->send_head(request.context, &response);
  }
  gatehouse_io body(std::string_view bytes, gatehouse_send how = GATEHOUSE_BUFFER) const {
    const gatehouse_text piece = text(bytes);
    return request.calls->send_body(request.context, &piece, 1, how);
  }
  gatehouse_io pieces(const std::vector<gatehouse_text>& list) const {
    return request.calls->send_body(request.context, list.data(), list.size(), GATEHOUSE_FLUSH);
  }
  std::string read(std::size_t size) const {
    std::string bytes(size, '\0');
    const std::int64_t count = request.calls->read_body(request.context, bytes.data(), size);
    if (count < 0) return std::string("!") + request.calls->read_error(request.context);
    return bytes.substr(0, static_cast<std::size_t>(count));
  }
  std::string read_all() const {
    std::string all, piece;
    while (!(piece = read(1000)).empty() && piece[0] != '!') all += piece;
    return all + piece;
  }
  void log(std::string_view line, const gatehouse_place* place = nullptr) const {
    request.calls->log(request.context, GATEHOUSE_LOG_ERROR, text(line), place);
  }
};

inline std::string frame(FrameType type, std::string_view payload = {}) {
  std::string out;
  wire::append_frame_header({type, 0, static_cast<std::uint32_t>(payload.size()), kRequest}, &out);
  return out.append(payload);
}

inline std::string file_frame(std::uint64_t offset, std::uint64_t length, std::uint8_t flags = 0) {
  std::string out;
  wire::append_file({offset, length}, flags, kRequest, &out);
  return out;
}

inline std::string first_part(std::string_view after_head, std::uint8_t flags = 0, std::string_view variable = "value",
                              Micros age = {}) {
  wire::RequestHead head;
  head.submitted_us = (base::now() - age).count();
  head.target_flags = GATEHOUSE_RELOAD;
  head.request_flags = GATEHOUSE_HTTPS;
  head.content_length = -1;
  head.script_mtime_us = 5;
  head.script = "/srv/app.wsgi";
  head.callable = "application";
  head.application_group = "group";
  head.interpreter = "sub";
  head.summary = "GET /path";
  const wire::Pair pair{"NAME", variable};
  head.environ = {&pair, 1};
  std::string out;
  wire::append_request_head(head, kRequest, flags, &out);
  out.append(after_head);
  wire::set_first_part_size(&out, 0, static_cast<std::uint32_t>(out.size()));
  return out;
}

inline std::atomic<Micros> stopped_at;

struct SessionFixture : Utest {
  gatehouse_engine_table engine{};
  wire::Launch launch;
  gatehoused::ThreadSlot slot{};
  gatehoused::Courier* courier = nullptr;
  gatehoused::SessionBuffers* buffers = nullptr;
  gatehoused::MemoryMaps maps;
  UniqueFd child, worker;
  wire::Ticket ticket;
  std::string lines;
  int calls = 0;

  void setup() override {
    engine.handle = on_handle;
    launch.spec.name = "shop";
    ticket.request = kRequest;
    courier = new gatehoused::Courier(1);
    buffers = new gatehoused::SessionBuffers(courier->box(0));
    logged = &lines;
    base::set_log_sink(keep_line, nullptr);
    open_channel();
  }
  void teardown() override {
    base::set_log_sink(nullptr, nullptr);
    delete buffers;
    delete courier;
    base::set_clock_for_test(nullptr);
  }
  static void stop_clock() {
    stopped_at = base::now();
    base::set_clock_for_test([] { return stopped_at.load(); });
  }
  // Bytes that wait for the child.
  int unread() {
    int size = 0;
    CHECK_EQUAL(0, ioctl(child.get(), FIONREAD, &size));
    return size;
  }
  void open_channel() {
    auto ends = base::socket_pair(SOCK_STREAM);
    CHECK_TRUE(static_cast<bool>(ends));
    child = std::move(ends.value().first);
    worker = std::move(ends.value().second);
  }
  void say(std::string_view bytes) {
    CHECK_TRUE(wire::send_all(child.get(), base::as_bytes(bytes), kLong) == wire::Sent::kAll);
  }

  void say_with(int fd, std::string_view bytes) {
    CHECK_TRUE(base::send_with_fd(child.get(), base::as_bytes(bytes), fd, 0) == static_cast<ssize_t>(bytes.size()));
  }

  Served serve(Application behaviour) {
    Application counted = [&](const gatehouse_request& request, gatehouse_outcome* outcome) {
      ++calls;
      *outcome = {sizeof *outcome, GATEHOUSE_COMPLETE, 200};
      behaviour(request, outcome);
    };
    application = &counted;
    const gatehoused::SessionContext context{&engine, &launch, &slot, 3, nullptr, 0, nullptr, nullptr, &maps};
    const Served served = gatehoused::serve_ticket(context, ticket, worker.get(), buffers);
    worker.reset();
    return served;
  }

  // Everything up to the end of the channel, as text: "HEAD 200; BODY abc; END 0 200; eof".
  std::string heard() {
    FrameDecoder decoder(wire::Sender::kWorker, kRequest);
    std::string out, bytes(100'000, '\0');
    for (;;) {
      iovec piece{bytes.data(), bytes.size()};
      const ssize_t size = wire::receive(child.get(), std::span(&piece, 1), 0, kLong);
      if (size == 0) return out + "eof";
      if (size < 0) return out + strerrorname_np(errno);
      std::span<const std::byte> input = base::as_bytes(std::string_view(bytes.data(), static_cast<std::size_t>(size)));
      render(&decoder, &input, &out);
    }
  }
  void render(FrameDecoder* decoder, std::span<const std::byte>* input, std::string* out) {
    for (;;) {
      const FrameDecoder::Step step = decoder->next(input);
      const auto payload = decoder->payload();
      if (step == FrameDecoder::Step::kMore) return;
      if (step == FrameDecoder::Step::kGarbage) return out->append("garbage "), void();
      if (step == FrameDecoder::Step::kBody) {
        const std::string_view body(reinterpret_cast<const char*>(payload.data()), payload.size());
        out->append("BODY ").append(body.size() > 20 ? std::to_string(body.size()) : std::string(body)).append("; ");
      } else {
        out->append(describe(*decoder)).append("; ");
      }
    }
  }
  std::string describe(const FrameDecoder& decoder) {
    wire::ResponseHead head;
    wire::End end;
    wire::LogLine log;
    switch (decoder.header().type) {
      case FrameType::kStarted:
        return "STARTED";
      case FrameType::kDeclined:
        return "DECLINED";
      case FrameType::kResponseHead:
        CHECK_TRUE(wire::decode_response_head(decoder.payload(), &head));
        return "HEAD " + std::to_string(head.status);
      case FrameType::kInterim:
        return "INTERIM";
      case FrameType::kFile:
        return "FILE";
      case FrameType::kWantMemory:
        return "WANT_MEMORY";
      case FrameType::kPlaced:
        return "PLACED";
      case FrameType::kAnswers:
        return "ANSWERS " + told(decoder.payload());
      case FrameType::kLog:
        CHECK_TRUE(wire::decode_log(decoder.payload(), &log));
        return "LOG " + std::string(log.text.substr(0, 60)) +
               (log.file.empty() ? "" : " of " + std::string(log.file) + ":" + std::to_string(log.line));
      case FrameType::kEnd:
        CHECK_TRUE(wire::decode_end(decoder.payload(), &end));
        return "END " + std::to_string(end.outcome) + " " + std::to_string(end.status);
      default:
        return "?";
    }
  }
  // "5 bob, 0"
  std::string told(std::span<const std::byte> payload) {
    std::vector<wire::Answer> answers;
    CHECK_TRUE(wire::decode_answers(payload, &answers));
    std::string out;
    for (const wire::Answer& answer : answers) {
      out.append(out.empty() ? "" : ", ").append(std::to_string(answer.kind));
      for (const std::string_view one : answer.texts) out.append(" ").append(one);
    }
    return out;
  }
  void heard_is(const char* expected) { STRCMP_EQUAL(expected, heard().c_str()); }
  bool is_unread() { return wire::has_unread(child.get()); }
};

}  // namespace session_test
