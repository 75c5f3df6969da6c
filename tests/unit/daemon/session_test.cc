// SPDX-License-Identifier: Apache-2.0
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

using base::Micros;
using base::UniqueFd;
using gatehoused::Served;
using wire::FrameDecoder;
using wire::FrameType;

namespace {

constexpr std::uint32_t kRequest = 77;
constexpr Micros kLong = std::chrono::seconds(10);

using Application = std::function<void(const gatehouse_request&, gatehouse_outcome*)>;
Application* application = nullptr;

void on_handle(const gatehouse_request* request, gatehouse_outcome* outcome) { (*application)(*request, outcome); }

gatehouse_text text(std::string_view view) { return {view.data(), view.size()}; }

std::string* logged = nullptr;
void keep_line(void*, base::Level, std::string_view line) { logged->append(line).append("\n"); }

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

std::string frame(FrameType type, std::string_view payload = {}) {
  std::string out;
  wire::append_frame_header({type, 0, static_cast<std::uint32_t>(payload.size()), kRequest}, &out);
  return out.append(payload);
}

std::string file_frame(std::uint64_t offset, std::uint64_t length, std::uint8_t flags = 0) {
  std::string out;
  wire::append_file({offset, length}, flags, kRequest, &out);
  return out;
}

std::string first_part(std::string_view after_head, std::uint8_t flags = 0, std::string_view variable = "value",
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

}  // namespace

namespace {
std::atomic<Micros> stopped_at;
}

TEST_GROUP(Session) {
  gatehouse_engine_table engine{};
  wire::Launch launch;
  gatehoused::ThreadSlot slot{};
  gatehoused::Courier* courier = nullptr;
  gatehoused::SessionBuffers* buffers = nullptr;
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
    const gatehoused::SessionContext context{&engine, &launch, &slot, 3, nullptr};
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
  void render(FrameDecoder * decoder, std::span<const std::byte> * input, std::string * out) {
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

TEST(Session, ASmallResponseIsOneWrite) {
  say(first_part(frame(FrameType::kBodyEnd)));
  serve([&](const gatehouse_request& request, gatehouse_outcome*) {
    const Host host{request};
    host.enter();
    LONGS_EQUAL(GATEHOUSE_OK, host.head());
    LONGS_EQUAL(GATEHOUSE_OK, host.body("hello"));
    char byte;
    LONGS_EQUAL(-1, recv(child.get(), &byte, 1, MSG_DONTWAIT));
  });
  heard_is("HEAD 200; BODY hello; END 0 200; eof");
}

TEST(Session, TheRequestReachesTheEngine) {
  launch.spec.processes_given = true;
  say(first_part(frame(FrameType::kBodyEnd)));
  serve([&](const gatehouse_request& request, gatehouse_outcome*) {
    STRNCMP_EQUAL("/srv/app.wsgi", request.target->script.data, 13);
    STRNCMP_EQUAL("sub", request.target->interpreter.data, 3);
    LONGS_EQUAL(GATEHOUSE_RELOAD | GATEHOUSE_DECLINE_STALE, request.target->flags);
    LONGS_EQUAL(5, request.target->script_mtime_us);
    LONGS_EQUAL(GATEHOUSE_HTTPS | GATEHOUSE_MULTITHREAD | GATEHOUSE_MULTIPROCESS, request.flags);
    LONGS_EQUAL(1, request.environ_count);
    STRNCMP_EQUAL("value", request.environ[0].value.data, request.environ[0].value.size);
    LONGS_EQUAL(3, request.thread_id);
    CHECK_TRUE(request.daemon_start_us > 0);
    STRNCMP_EQUAL("GET /path", slot.summary, 9);
  });
}

TEST(Session, OneThreadInOneProcessIsToldSo) {
  launch.spec.threads = 1;
  say(first_part(frame(FrameType::kBodyEnd)));
  serve([&](const gatehouse_request& request, gatehouse_outcome*) { LONGS_EQUAL(GATEHOUSE_HTTPS, request.flags); });
}

TEST(Session, NothingIsConsumedBeforeTheApplicationIsEntered) {
  say(first_part(frame(FrameType::kBodyEnd)));
  serve([&](const gatehouse_request& request, gatehouse_outcome*) {
    CHECK_TRUE(is_unread());
    Host{request}.enter();
    CHECK_FALSE(is_unread());
  });
}

TEST(Session, ADeclinedRequestIsGivenBackUnstarted) {
  say(first_part(frame(FrameType::kBodyEnd)));
  const Served served =
      serve([](const gatehouse_request&, gatehouse_outcome* outcome) { outcome->result = GATEHOUSE_DECLINED; });
  CHECK_TRUE(served == Served::kStale);
  heard_is("DECLINED; ECONNRESET");
}

TEST(Session, AFailureBeforeTheApplicationIsAnswered) {
  say(first_part(frame(FrameType::kBodyEnd)));
  const Served served = serve([](const gatehouse_request&, gatehouse_outcome* outcome) {
    *outcome = {sizeof *outcome, GATEHOUSE_FAILED, 500};
  });
  CHECK_TRUE(served == Served::kDone);
  heard_is("END 1 500; eof");
}

TEST(Session, ATicketPastItsDeadlineIsDroppedUnstarted) {
  say(first_part(frame(FrameType::kBodyEnd)));
  ticket.deadline_us = base::now().count();
  serve([](const gatehouse_request&, gatehouse_outcome*) {});
  LONGS_EQUAL(0, calls);
  heard_is("ECONNRESET");
}

TEST(Session, ATicketBeforeItsDeadlineIsServed) {
  say(first_part(frame(FrameType::kBodyEnd)));
  ticket.deadline_us = (base::now() + kLong).count();
  serve([](const gatehouse_request&, gatehouse_outcome*) {});
  LONGS_EQUAL(1, calls);
}

TEST(Session, ATicketThatHasWaitedAndWhoseChildHasHungUpIsDroppedUnstarted) {
  say(first_part(frame(FrameType::kBodyEnd)));
  ticket.sent_us = (base::now() - wire::kMayBeWithdrawn).count();
  child.reset();
  serve([](const gatehouse_request&, gatehouse_outcome*) {});
  LONGS_EQUAL(0, calls);
}

TEST(Session, ATicketThatHasWaitedIsServedWhileItsChildIsThere) {
  say(first_part(frame(FrameType::kBodyEnd)));
  ticket.sent_us = (base::now() - wire::kMayBeWithdrawn).count();
  serve([](const gatehouse_request&, gatehouse_outcome*) {});
  LONGS_EQUAL(1, calls);
}

TEST(Session, AChildThatHasGoneBeforeItSaidAnythingIsDropped) {
  child.reset();
  serve([](const gatehouse_request&, gatehouse_outcome*) {});
  LONGS_EQUAL(0, calls);
  STRCMP_EQUAL("", lines.c_str());
}

TEST(Session, ABodyInTheFirstPartIsReadInAnyPieces) {
  say(first_part(frame(FrameType::kBody, "abcdefgh") + frame(FrameType::kBodyEnd)));
  serve([](const gatehouse_request& request, gatehouse_outcome*) {
    const Host host{request};
    host.enter();
    STRCMP_EQUAL("abc", host.read(3).c_str());
    STRCMP_EQUAL("d", host.read(1).c_str());
    STRCMP_EQUAL("efgh", host.read(100).c_str());
    STRCMP_EQUAL("", host.read(100).c_str());
    STRCMP_EQUAL("", host.read(1).c_str());
  });
}

TEST(Session, TheRestOfABodyFollowsAfterStarted) {
  say(first_part(frame(FrameType::kBody, "first "), wire::kMoreBody));
  const std::string large(300'000, 'x');
  std::thread client([&] {
    char started[wire::kFrameHeaderSize];
    CHECK_TRUE(recv(child.get(), started, sizeof started, MSG_WAITALL) == sizeof started);
    CHECK_TRUE(started[0] == static_cast<char>(FrameType::kStarted));
    say(frame(FrameType::kBody, large));
    say(frame(FrameType::kBody, " last") + frame(FrameType::kBodyEnd));
  });
  serve([&](const gatehouse_request& request, gatehouse_outcome*) {
    const Host host{request};
    host.enter();
    const std::string body = host.read_all();
    CHECK_TRUE(body == "first " + large + " last");
    host.head();
    host.body(std::to_string(body.size()));
  });
  client.join();
  heard_is("HEAD 200; BODY 300011; END 0 200; eof");
}

TEST(Session, ABodyOnDemandIsAskedForWhenTheApplicationReads) {
  say(first_part("", wire::kMoreBody | wire::kOnDemand));
  say(frame(FrameType::kBody, "abc") + frame(FrameType::kBodyEnd));
  serve([&](const gatehouse_request& request, gatehouse_outcome*) {
    const Host host{request};
    host.enter();
    host.head();
    host.body("x");
    STRCMP_EQUAL("abc", host.read_all().c_str());
  });
  heard_is("HEAD 200; BODY x; STARTED; END 0 200; eof");
}

TEST(Session, ABodyOnDemandThatNobodyReadsIsNotAskedFor) {
  say(first_part("", wire::kMoreBody | wire::kOnDemand));
  serve([&](const gatehouse_request& request, gatehouse_outcome*) {
    const Host host{request};
    host.enter();
    host.head();
    host.body("x");
  });
  heard_is("HEAD 200; BODY x; END 0 200; eof");
}

TEST(Session, ABufferedBodyIsReadFromItsFile) {
  UniqueFd file(open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  CHECK_EQUAL(21, pwrite(file.get(), "not this, this and no", 21, 0));
  say_with(file.get(),
           first_part(frame(FrameType::kBody, "first, ") + file_frame(10, 4), wire::kMoreBody | wire::kBodyFile));
  say(frame(FrameType::kBody, ", and last") + frame(FrameType::kBodyEnd));
  serve([&](const gatehouse_request& request, gatehouse_outcome*) {
    Host{request}.enter();
    STRCMP_EQUAL("first, ", Host{request}.read(100).c_str());
    STRCMP_EQUAL("th", Host{request}.read(2).c_str());
    STRCMP_EQUAL("is, and last", Host{request}.read_all().c_str());
  });
}

TEST(Session, ABufferedBodyIsReadFromItsPipe) {
  int ends[2];
  CHECK_EQUAL(0, pipe2(ends, O_CLOEXEC | O_NONBLOCK));
  UniqueFd to_read(ends[0]);
  const UniqueFd to_write(ends[1]);
  CHECK_EQUAL(10, write(to_write.get(), "whole body", 10));
  say_with(to_read.get(), first_part(file_frame(0, 12, wire::kPiped) + frame(FrameType::kBodyEnd), wire::kBodyFile));
  serve([&](const gatehouse_request& request, gatehouse_outcome*) {
    Host{request}.enter();
    STRCMP_EQUAL("whole", Host{request}.read(5).c_str());
    // Two bytes are missing: an error, and no wait for them.
    STRCMP_EQUAL(" body!httpd's temporary file cannot be read", Host{request}.read_all().c_str());
  });
}

TEST(Session, AFileOfTheBodyThatIsShorterThanAnnouncedIsAnError) {
  UniqueFd file(open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  CHECK_EQUAL(3, pwrite(file.get(), "abc", 3, 0));
  say_with(file.get(), first_part(file_frame(0, 4) + frame(FrameType::kBodyEnd), wire::kBodyFile));
  serve([&](const gatehouse_request& request, gatehouse_outcome*) {
    Host{request}.enter();
    STRCMP_EQUAL("abc!httpd's temporary file cannot be read", Host{request}.read_all().c_str());
  });
}

TEST(Session, AFileOfTheBodyComesWithAHeadThatIsLargerThanTheBuffer) {
  UniqueFd file(open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  CHECK_EQUAL(4, pwrite(file.get(), "body", 4, 0));
  const std::string large(300'000, 'v');
  const std::string part = first_part(file_frame(0, 4) + frame(FrameType::kBodyEnd), wire::kBodyFile, large);
  std::thread client([&] {
    const ssize_t sent = base::send_with_fd(child.get(), base::as_bytes(part), file.get(), 0);
    if (sent > 0) say(std::string_view(part).substr(static_cast<std::size_t>(sent)));
  });
  serve([&](const gatehouse_request& request, gatehouse_outcome*) {
    Host{request}.enter();
    STRCMP_EQUAL("body", Host{request}.read_all().c_str());
  });
  client.join();
}

TEST(Session, AFileOfTheBodyForWhichNoDescriptorIsFreeIsAnError) {
  UniqueFd file(open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  CHECK_EQUAL(4, pwrite(file.get(), "body", 4, 0));
  say_with(file.get(), first_part(file_frame(0, 4) + frame(FrameType::kBodyEnd), wire::kBodyFile));
  serve([&](const gatehouse_request& request, gatehouse_outcome*) {
    rlimit before{};
    getrlimit(RLIMIT_NOFILE, &before);
    const rlimit none{3, before.rlim_max};
    setrlimit(RLIMIT_NOFILE, &none);
    Host{request}.enter();
    setrlimit(RLIMIT_NOFILE, &before);
    STRCMP_EQUAL("!no descriptor was free for the file that holds it", Host{request}.read(10).c_str());
    Host{request}.head();
  });
  STRCMP_CONTAINS("had none for the file that holds the body", lines.c_str());
  heard_is("HEAD 200; END 0 200; eof");
}

TEST(Session, AFileOfTheBodyWithoutItsDescriptorIsGarbage) {
  say(first_part(file_frame(0, 4) + frame(FrameType::kBodyEnd), wire::kBodyFile));
  serve([&](const gatehouse_request& request, gatehouse_outcome*) {
    Host{request}.enter();
    STRCMP_EQUAL("!httpd sent a malformed request body", Host{request}.read(10).c_str());
  });
  STRCMP_CONTAINS("GH0002", lines.c_str());
}

TEST(Session, ABodyThatComesByteByByteIsWhole) {
  say(first_part("", wire::kMoreBody));
  std::thread client([&] {
    for (const char byte : frame(FrameType::kBody, "ab") + frame(FrameType::kBody, "c") + frame(FrameType::kBodyEnd)) {
      say({&byte, 1});
      std::this_thread::sleep_for(std::chrono::microseconds(100));
    }
  });
  serve([&](const gatehouse_request& request, gatehouse_outcome*) {
    Host{request}.enter();
    STRCMP_EQUAL("abc", Host{request}.read_all().c_str());
  });
  client.join();
}

TEST(Session, ABodyThatEndsEarlyIsAnError) {
  say(first_part(frame(FrameType::kBody, "abc"), wire::kMoreBody));
  CHECK_EQUAL(0, shutdown(child.get(), SHUT_WR));
  serve([&](const gatehouse_request& request, gatehouse_outcome*) {
    Host{request}.enter();
    STRCMP_EQUAL("abc", Host{request}.read(10).c_str());
    STRCMP_EQUAL("!the client did not send all of it", Host{request}.read(10).c_str());
  });
}

TEST(Session, ABodyThatDoesNotComeIsAnErrorAfterSocketTimeout) {
  launch.spec.socket_timeout = 20'000;
  say(first_part("", wire::kMoreBody));
  serve([&](const gatehouse_request& request, gatehouse_outcome*) {
    Host{request}.enter();
    STRCMP_EQUAL("!nothing of it arrived within socket-timeout", Host{request}.read(10).c_str());
    Host{request}.head(408);
  });
  heard_is("STARTED; HEAD 408; END 0 200; eof");
}

TEST(Session, AnUnsentResponseGoesOutBeforeTheBodyIsAwaited) {
  say(first_part("", wire::kMoreBody));
  std::string before;
  std::thread client([&] {
    char bytes[200];
    std::size_t size = 0;
    while (size < wire::kFrameHeaderSize * 3 + 20 + 5) {
      const ssize_t count = recv(child.get(), bytes + size, sizeof bytes - size, 0);
      if (count <= 0) return;
      size += static_cast<std::size_t>(count);
    }
    before = "seen";
    say(frame(FrameType::kBodyEnd));
  });
  serve([&](const gatehouse_request& request, gatehouse_outcome*) {
    const Host host{request};
    host.enter();
    host.head();
    host.body("hello");
    STRCMP_EQUAL("", host.read(10).c_str());
  });
  client.join();
  STRCMP_EQUAL("seen", before.c_str());
}

TEST(Session, AFirstPartLargerThanTheSocketLeavesItsLastByte) {
  const std::string large(2'000'000, 'v');
  const std::string part = first_part(frame(FrameType::kBodyEnd), 0, large);
  std::thread client([&] { say(part); });
  serve([&](const gatehouse_request& request, gatehouse_outcome*) {
    LONGS_EQUAL(large.size(), request.environ[0].value.size);
    client.join();
    CHECK_TRUE(is_unread());
    Host{request}.enter();
    CHECK_FALSE(is_unread());
  });
  LONGS_EQUAL(1, calls);
  CHECK_TRUE(buffers->input_capacity() < large.size());
}

TEST(Session, MemoryIsKeptForUsualEnvironsOnly) {
  buffers->pairs().reserve(100);
  buffers->shrink();
  CHECK_TRUE(buffers->pairs().capacity() >= 100);
  buffers->pairs().reserve(5'000);
  buffers->environ().reserve(5'000);
  buffers->shrink();
  LONGS_EQUAL(0, buffers->pairs().capacity() + buffers->environ().capacity());
}

TEST(Session, AFirstPartThatComesByteByByteIsWhole) {
  const std::string part = first_part(frame(FrameType::kBody, "abc") + frame(FrameType::kBodyEnd));
  std::thread client([&] {
    for (const char& byte : part) {
      say({&byte, 1});
      std::this_thread::sleep_for(std::chrono::microseconds(20));
    }
  });
  serve([&](const gatehouse_request& request, gatehouse_outcome*) {
    Host{request}.enter();
    STRCMP_EQUAL("abc", Host{request}.read_all().c_str());
  });
  client.join();
  LONGS_EQUAL(1, calls);
}

TEST(Session, TheNextRequestUsesTheSameBuffers) {
  for (int i = 0; i < 3; ++i) {
    open_channel();
    say(first_part(frame(FrameType::kBodyEnd)));
    serve([&](const gatehouse_request& request, gatehouse_outcome*) {
      Host{request}.enter();
      Host{request}.head();
    });
    heard_is("HEAD 200; END 0 200; eof");
  }
}

TEST(Session, GarbageInsteadOfAHeadIsLoggedAndNotServed) {
  say("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  serve([](const gatehouse_request&, gatehouse_outcome*) {});
  LONGS_EQUAL(0, calls);
  STRCMP_EQUAL("GH0002: group 'shop': a channel from httpd is closed: no request head\n", lines.c_str());
}

TEST(Session, AHeadOfAnotherRequestIsGarbage) {
  ticket.request = kRequest + 1;
  say(first_part(frame(FrameType::kBodyEnd)));
  serve([](const gatehouse_request&, gatehouse_outcome*) {});
  LONGS_EQUAL(0, calls);
  STRCMP_CONTAINS("a frame of another request", lines.c_str());
}

TEST(Session, AMalformedHeadIsGarbage) {
  std::string part = first_part(frame(FrameType::kBodyEnd));
  part[wire::kFrameHeaderSize + 52] = '\x7f';  // the length of the script's name
  say(part);
  serve([](const gatehouse_request&, gatehouse_outcome*) {});
  LONGS_EQUAL(0, calls);
  STRCMP_CONTAINS("a malformed request head", lines.c_str());
}

TEST(Session, GarbageInTheBodyEndsTheChannelAndTellsTheApplication) {
  say(first_part(frame(FrameType::kBody, "a") + frame(FrameType::kLog, "x")));
  serve([&](const gatehouse_request& request, gatehouse_outcome* outcome) {
    const Host host{request};
    host.enter();
    STRCMP_EQUAL("a", host.read(10).c_str());
    STRCMP_EQUAL("!httpd sent a malformed request body", host.read(10).c_str());
    LONGS_EQUAL(GATEHOUSE_GONE, host.head());
    outcome->result = GATEHOUSE_ABORTED;
  });
  STRCMP_CONTAINS("a frame out of place: GET /path", lines.c_str());
  heard_is("eof");
}

TEST(Session, BufferTakesUpTo64KilobytesAndThenAsksForAFlush) {
  say(first_part(frame(FrameType::kBodyEnd)));
  serve([&](const gatehouse_request& request, gatehouse_outcome*) {
    const Host host{request};
    host.enter();
    host.head();
    const std::string half(40'000, 'x');
    LONGS_EQUAL(GATEHOUSE_OK, host.body(half));
    LONGS_EQUAL(GATEHOUSE_AGAIN, host.body(half));
    LONGS_EQUAL(GATEHOUSE_OK, host.body(half, GATEHOUSE_FLUSH));
    LONGS_EQUAL(GATEHOUSE_AGAIN, host.body(std::string(65'536, 'x')));
    LONGS_EQUAL(GATEHOUSE_OK, host.body(""));
  });
  heard_is("HEAD 200; BODY 40000; BODY 40000; END 0 200; eof");
}

TEST(Session, PiecesRightBehindEachOtherAreOnTheirWaySoon) {
  stop_clock();
  say(first_part(frame(FrameType::kBodyEnd)));
  serve([&](const gatehouse_request& request, gatehouse_outcome*) {
    const Host host{request};
    host.enter();
    host.head();
    for (int i = 0; i < gatehoused::Gathering::kRow; ++i) {
      LONGS_EQUAL(GATEHOUSE_AGAIN, host.body("a", GATEHOUSE_SOON));
      LONGS_EQUAL(GATEHOUSE_OK, host.body("a", GATEHOUSE_FLUSH));
    }
    LONGS_EQUAL(GATEHOUSE_OK, host.body("b", GATEHOUSE_SOON));
    host.log("printed meanwhile");
    const int before = unread();
    stopped_at = stopped_at.load() + gatehoused::Outbox::kMoment;
    for (int i = 0; i < 5000 && unread() == before; ++i) usleep(1000);
    LONGS_EQUAL(before + 12 + 1, unread());
  });
  heard_is("HEAD 200; BODY a; BODY a; LOG printed meanwhile; BODY b; END 0 200; eof");
}

TEST(Session, WhatIsHeldIsNotBuffered) {
  stop_clock();
  say(first_part(frame(FrameType::kBodyEnd)));
  serve([&](const gatehouse_request& request, gatehouse_outcome*) {
    const Host host{request};
    host.enter();
    host.head();
    while (host.body("a", GATEHOUSE_SOON) != GATEHOUSE_OK) LONGS_EQUAL(GATEHOUSE_OK, host.body("a", GATEHOUSE_FLUSH));
    LONGS_EQUAL(GATEHOUSE_AGAIN, host.body("b"));
    LONGS_EQUAL(GATEHOUSE_OK, host.body("b", GATEHOUSE_FLUSH));
  });
  heard_is("HEAD 200; BODY a; BODY a; BODY a; BODY b; END 0 200; eof");
}

TEST(Session, AFlushSendsWhatWaits) {
  say(first_part(frame(FrameType::kBodyEnd)));
  serve([&](const gatehouse_request& request, gatehouse_outcome*) {
    const Host host{request};
    host.enter();
    host.head();
    host.body("a");
    LONGS_EQUAL(GATEHOUSE_OK, host.pieces({}));
    char bytes[100];
    LONGS_EQUAL(12 + 20 + 12 + 1, recv(child.get(), bytes, sizeof bytes, MSG_DONTWAIT | MSG_PEEK));
  });
  heard_is("HEAD 200; BODY a; END 0 200; eof");
}

TEST(Session, ManyPiecesAndLargeOnesArriveInOrder) {
  std::string expected;
  std::vector<std::string> texts;
  for (int i = 0; i < 200; ++i) texts.push_back(std::to_string(i) + (i % 7 == 0 ? "" : ","));
  texts.push_back(std::string(3'000'000, 'L'));
  texts.push_back("");
  texts.push_back("end");
  std::vector<gatehouse_text> pieces;
  for (const std::string& piece : texts) {
    expected += piece;
    pieces.push_back(text(piece));
  }
  say(first_part(frame(FrameType::kBodyEnd)));
  std::string got;
  std::thread client([&] {
    FrameDecoder decoder(wire::Sender::kWorker, kRequest);
    std::string bytes(50'000, '\0');
    for (;;) {
      const ssize_t size = recv(child.get(), bytes.data(), bytes.size(), 0);
      if (size <= 0) return;
      std::span<const std::byte> input = base::as_bytes(std::string_view(bytes.data(), static_cast<std::size_t>(size)));
      FrameDecoder::Step step;
      while ((step = decoder.next(&input)) != FrameDecoder::Step::kMore) {
        if (step == FrameDecoder::Step::kGarbage) return;
        if (step == FrameDecoder::Step::kBody)
          got.append(reinterpret_cast<const char*>(decoder.payload().data()), decoder.payload().size());
      }
    }
  });
  serve([&](const gatehouse_request& request, gatehouse_outcome*) {
    const Host host{request};
    host.enter();
    host.head();
    LONGS_EQUAL(GATEHOUSE_OK, host.pieces(pieces));
  });
  client.join();
  CHECK_TRUE(got == expected);
}

TEST(Session, AnInterimResponseIsSentAtOnce) {
  say(first_part(frame(FrameType::kBodyEnd)));
  serve([&](const gatehouse_request& request, gatehouse_outcome*) {
    const Host host{request};
    host.enter();
    const gatehouse_pair link{text("Link"), text("</a>")};
    LONGS_EQUAL(GATEHOUSE_OK, request.calls->send_interim(request.context, 103, &link, 1));
    char byte;
    LONGS_EQUAL(1, recv(child.get(), &byte, 1, MSG_PEEK));
    host.head();
  });
  STRCMP_EQUAL("INTERIM; HEAD 200; END 0 200; eof", heard().c_str());
}

TEST(Session, AClientThatTheChildHasLostIsGoneAndStillAnswered) {
  say(first_part(frame(FrameType::kBodyEnd)));
  serve([&](const gatehouse_request& request, gatehouse_outcome*) {
    const Host host{request};
    host.enter();
    LONGS_EQUAL(0, request.calls->client_gone(request.context));
    shutdown(child.get(), SHUT_WR);
    LONGS_EQUAL(1, request.calls->client_gone(request.context));
    host.head();
  });
  STRCMP_EQUAL("HEAD 200; END 0 200; eof", heard().c_str());
}

TEST(Session, TheEngineIsToldTheNotesOfTheRequest) {
  std::string part = first_part(frame(FrameType::kBodyEnd));
  wire::set_request_flags(&part, 0, wire::with_notes(GATEHOUSE_HTTPS, {7, 3, 2}));
  say(part);
  serve([&](const gatehouse_request& request, gatehouse_outcome*) {
    LONGS_EQUAL(GATEHOUSE_HTTPS, request.flags & GATEHOUSE_HTTPS);
    LONGS_EQUAL(7, request.log_level);
    LONGS_EQUAL(3, request.daemon_connects);
    LONGS_EQUAL(2, request.daemon_restarts);
  });
}

TEST(Session, AChildThatHasGoneIsGone) {
  say(first_part(frame(FrameType::kBodyEnd)));
  serve([&](const gatehouse_request& request, gatehouse_outcome* outcome) {
    const Host host{request};
    host.enter();
    child.reset();
    LONGS_EQUAL(GATEHOUSE_OK, host.head());
    LONGS_EQUAL(GATEHOUSE_OK, host.body("a"));
    LONGS_EQUAL(GATEHOUSE_GONE, host.body("b", GATEHOUSE_FLUSH));
    LONGS_EQUAL(GATEHOUSE_GONE, host.body("c"));
    LONGS_EQUAL(GATEHOUSE_GONE, host.head());
    outcome->result = GATEHOUSE_ABORTED;
  });
  STRCMP_EQUAL("", lines.c_str());
}

TEST(Session, AChildThatTakesNothingIsGoneAfterSocketTimeout) {
  launch.spec.socket_timeout = 20'000;
  say(first_part(frame(FrameType::kBodyEnd)));
  serve([&](const gatehouse_request& request, gatehouse_outcome* outcome) {
    const Host host{request};
    host.enter();
    host.head();
    LONGS_EQUAL(GATEHOUSE_GONE, host.body(std::string(2'000'000, 'x'), GATEHOUSE_FLUSH));
    outcome->result = GATEHOUSE_ABORTED;
  });
  STRCMP_CONTAINS("httpd took nothing of the response", lines.c_str());
}

TEST(Session, AnAbortedResponseHasNoEnd) {
  say(first_part(frame(FrameType::kBodyEnd)));
  serve([&](const gatehouse_request& request, gatehouse_outcome* outcome) {
    Host{request}.enter();
    Host{request}.head();
    Host{request}.body("a", GATEHOUSE_FLUSH);
    outcome->result = GATEHOUSE_ABORTED;
  });
  heard_is("HEAD 200; BODY a; eof");
}

TEST(Session, ATruncatedResponseSaysSo) {
  say(first_part(frame(FrameType::kBodyEnd)));
  serve([&](const gatehouse_request& request, gatehouse_outcome* outcome) {
    Host{request}.enter();
    Host{request}.head();
    Host{request}.body("a");
    outcome->result = GATEHOUSE_TRUNCATED;
  });
  heard_is("HEAD 200; BODY a; END 2 200; eof");
}

TEST(Session, HeadersBeyondTheLimitBecomeAFailure) {
  say(first_part(frame(FrameType::kBodyEnd)));
  serve([&](const gatehouse_request& request, gatehouse_outcome* outcome) {
    const Host host{request};
    host.enter();
    const std::string huge(wire::kMaxResponseHead, 'x');
    LONGS_EQUAL(GATEHOUSE_GONE, host.head(200, {{text("X"), text(huge)}}));
    outcome->result = GATEHOUSE_ABORTED;
  });
  heard_is("LOG GH0416: the response has too many or too large headers: 1 of; END 1 500; eof");
}

TEST(Session, ALineIsSentAtOnceAheadOfTheResponse) {
  say(first_part(frame(FrameType::kBodyEnd)));
  serve([&](const gatehouse_request& request, gatehouse_outcome*) {
    const Host host{request};
    host.log("early");
    CHECK_TRUE(is_unread());
    host.enter();
    host.head();
    host.log("late");
    char bytes[200];
    CHECK_TRUE(recv(child.get(), bytes, sizeof bytes, MSG_DONTWAIT | MSG_PEEK) == 12 + 14 + 12 + 13);
  });
  heard_is("LOG early; LOG late; HEAD 200; END 0 200; eof");
}

TEST(Session, ALineTellsItsPlace) {
  say(first_part(frame(FrameType::kBodyEnd)));
  serve([&](const gatehouse_request& request, gatehouse_outcome*) {
    const Host host{request};
    const gatehouse_place place = {text("/srv/a.py"), 7};
    host.enter();
    host.log("placed", &place);
    host.head();
  });
  heard_is("LOG placed of /srv/a.py:7; HEAD 200; END 0 200; eof");
}

TEST(Session, ALineThatTheChannelDoesNotTakeGoesToTheErrorLog) {
  int ends[2];
  CHECK_EQUAL(0, pipe2(ends, O_CLOEXEC));
  UniqueFd reader(ends[0]), writer(ends[1]);
  const UniqueFd saved(dup(STDERR_FILENO));
  launch.spec.socket_timeout = 1'000;
  say(first_part(frame(FrameType::kBodyEnd)));
  dup2(writer.get(), STDERR_FILENO);
  serve([&](const gatehouse_request& request, gatehouse_outcome* outcome) {
    const Host host{request};
    host.enter();
    host.head();
    child.reset();
    host.log("nobody listens");
    outcome->result = GATEHOUSE_ABORTED;
  });
  dup2(saved.get(), STDERR_FILENO);
  char line[300] = {};
  CHECK_TRUE(read(reader.get(), line, sizeof line - 1) > 0);
  STRCMP_CONTAINS("nobody listens", line);
}

TEST(Session, AFileGoesAsADescriptor) {
  const UniqueFd file(::open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
  say(first_part(frame(FrameType::kBodyEnd)));
  serve([&](const gatehouse_request& request, gatehouse_outcome*) {
    const Host host{request};
    host.enter();
    host.head();
    LONGS_EQUAL(GATEHOUSE_OK, request.calls->send_file(request.context, file.get(), 3, 9));
  });
  std::byte bytes[200];
  UniqueFd arrived;
  const ssize_t size = base::receive_with_fd(child.get(), bytes, &arrived, 0);
  LONGS_EQUAL(12 + 20 + 12 + 16, size);
  CHECK_TRUE(arrived.valid());
  wire::FileRange range;
  CHECK_TRUE(wire::decode_file(std::span(bytes).subspan(44, 16), &range));
  LONGS_EQUAL(3, range.offset);
  LONGS_EQUAL(9, range.length);
  heard_is("END 0 200; eof");
}

TEST(Session, AFileAfterMuchThatWaitsArrivesWithItsFrame) {
  const UniqueFd file(::open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
  say(first_part(frame(FrameType::kBodyEnd)));
  serve([&](const gatehouse_request& request, gatehouse_outcome*) {
    const Host host{request};
    host.enter();
    host.head();
    host.body(std::string(40'000, 'x'));
    LONGS_EQUAL(GATEHOUSE_OK, request.calls->send_file(request.context, file.get(), 0, 1));
  });
  heard_is("HEAD 200; BODY 40000; FILE; END 0 200; eof");
}

TEST_GROUP_BASE(KeptSession, TEST_GROUP_CppUTestGroupSession) {
  UniqueFd queue_end, queue;
  std::unique_ptr<gatehoused::Intake> intake;
  int number = -1;  // of the worker's end

  void setup() override {
    TEST_GROUP_CppUTestGroupSession::setup();
    auto ends = base::socket_pair(SOCK_SEQPACKET).value();
    queue_end = std::move(ends.first);
    queue = std::move(ends.second);
    intake = gatehoused::Intake::create({queue.get(), -1}).value();
    number = worker.release();
  }
  void teardown() override {
    intake->kept().stop();
    intake.reset();
    TEST_GROUP_CppUTestGroupSession::teardown();
  }
  // The ticket's request, or, with next, what has come on the kept channel.
  Served serve_kept(bool next, Application behaviour) {
    Application counted = [&](const gatehouse_request& request, gatehouse_outcome* outcome) {
      ++calls;
      *outcome = {sizeof *outcome, GATEHOUSE_COMPLETE, 200};
      behaviour(request, outcome);
    };
    application = &counted;
    const gatehoused::SessionContext context{&engine, &launch, &slot, 3, intake.get(), 7};
    const Served served = next ? gatehoused::serve_next(context, number, buffers)
                               : gatehoused::serve_ticket(context, ticket, number, buffers);
    if (served != Served::kKept) intake->kept().close(number);
    return served;
  }
  Served ticket_is_served() {
    say(first_part(frame(FrameType::kBodyEnd)));
    return serve_kept(false, hello);
  }
  static void hello(const gatehouse_request& request, gatehouse_outcome*) {
    const Host host{request};
    host.enter();
    host.head();
    host.body("hello");
  }
  // What has come up to now.
  std::string heard_now() {
    FrameDecoder decoder(wire::Sender::kWorker, kRequest);
    std::string out, bytes(1000, '\0');
    const ssize_t size = recv(child.get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
    if (size <= 0) return size == 0 ? "eof" : strerrorname_np(errno);
    std::span<const std::byte> input = base::as_bytes(std::string_view(bytes.data(), static_cast<std::size_t>(size)));
    render(&decoder, &input, &out);
    if ((decoder.header().flags & wire::kKept) != 0) out += "kept";
    return out;
  }
};

TEST(KeptSession, AnAnsweredTicketsChannelIsKept) {
  CHECK_TRUE(ticket_is_served() == Served::kKept);
  STRCMP_EQUAL("HEAD 200; BODY hello; END 0 200; kept", heard_now().c_str());
}

TEST(KeptSession, TheNextRequestIsServedOnIt) {
  ticket_is_served();
  heard_now();
  say(first_part(frame(FrameType::kBodyEnd)));
  CHECK_TRUE(serve_kept(true, hello) == Served::kKept);
  STRCMP_EQUAL("HEAD 200; BODY hello; END 0 200; kept", heard_now().c_str());
  LONGS_EQUAL(2, calls);
}

TEST(KeptSession, NothingThatHasComeIsNoRequest) {
  ticket_is_served();
  CHECK_TRUE(serve_kept(true, hello) == Served::kKept);
  LONGS_EQUAL(1, calls);
}

TEST(KeptSession, TheChildsEndOfTheChannelEndsIt) {
  ticket_is_served();
  child.reset();
  CHECK_TRUE(serve_kept(true, hello) == Served::kDone);
}

TEST(KeptSession, AKeptRequestIsNotConsumedBeforeTheApplicationIsEntered) {
  ticket_is_served();
  say(first_part(frame(FrameType::kBodyEnd)));
  serve_kept(true, [&](const gatehouse_request& request, gatehouse_outcome*) {
    CHECK_TRUE(is_unread());
    LONGS_EQUAL(GATEHOUSE_OK, Host{request}.enter());
    CHECK_FALSE(is_unread());
  });
}

TEST(KeptSession, ABodyInAFileComesOnAKeptChannelToo) {
  ticket_is_served();
  heard_now();
  for (const char* const content : {"first body", "other body"}) {
    UniqueFd file(open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
    CHECK_EQUAL(10, pwrite(file.get(), content, 10, 0));
    say_with(file.get(), first_part(file_frame(0, 10) + frame(FrameType::kBodyEnd), wire::kBodyFile));
    const Served served = serve_kept(true, [&](const gatehouse_request& request, gatehouse_outcome*) {
      Host{request}.enter();
      STRCMP_EQUAL(content, Host{request}.read_all().c_str());
    });
    CHECK_TRUE(served == Served::kKept);
    STRCMP_EQUAL("END 0 200; kept", heard_now().c_str());
  }
}

TEST(KeptSession, ARequestForWhoseFileNoDescriptorIsFreeIsGivenBack) {
  ticket_is_served();
  heard_now();
  UniqueFd file(open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  say_with(file.get(), first_part(file_frame(0, 4) + frame(FrameType::kBodyEnd), wire::kBodyFile));
  serve_kept(true, [&](const gatehouse_request& request, gatehouse_outcome* outcome) {
    rlimit before{};
    getrlimit(RLIMIT_NOFILE, &before);
    const rlimit none{3, before.rlim_max};
    setrlimit(RLIMIT_NOFILE, &none);
    LONGS_EQUAL(GATEHOUSE_GONE, Host{request}.enter());
    setrlimit(RLIMIT_NOFILE, &before);
    outcome->result = GATEHOUSE_ABORTED;
  });
  STRCMP_EQUAL("DECLINED; ", heard_now().c_str());
}

TEST(KeptSession, AChannelWithMoreBodyToComeIsNotKept) {
  say(first_part("", wire::kMoreBody));
  CHECK_TRUE(serve_kept(false, hello) == Served::kDone);
  STRCMP_EQUAL("STARTED; HEAD 200; BODY hello; END 0 200; ", heard_now().c_str());
}

TEST(KeptSession, ATruncatedResponseIsStillACleanEnd) {
  say(first_part(frame(FrameType::kBodyEnd)));
  const Served served = serve_kept(false, [](const gatehouse_request& request, gatehouse_outcome* outcome) {
    hello(request, outcome);
    outcome->result = GATEHOUSE_TRUNCATED;
  });
  CHECK_TRUE(served == Served::kKept);
}

TEST(KeptSession, AnAbortedResponseEndsTheChannel) {
  say(first_part(frame(FrameType::kBodyEnd)));
  const Served served = serve_kept(
      false, [](const gatehouse_request&, gatehouse_outcome* outcome) { outcome->result = GATEHOUSE_ABORTED; });
  CHECK_TRUE(served == Served::kDone);
}

TEST(KeptSession, AnOldRequestThatTheChildHasWithdrawnIsNotEntered) {
  ticket_is_served();
  heard_now();
  say(first_part(frame(FrameType::kBodyEnd), 0, "value", wire::kWithdrawAfter));
  shutdown(child.get(), SHUT_WR);
  serve_kept(true, [](const gatehouse_request& request, gatehouse_outcome* outcome) {
    LONGS_EQUAL(GATEHOUSE_GONE, Host{request}.enter());
    outcome->result = GATEHOUSE_ABORTED;
  });
  STRCMP_EQUAL("DECLINED; ", heard_now().c_str());
}

TEST(KeptSession, AnOldRequestThatIsNotWithdrawnIsEntered) {
  ticket_is_served();
  heard_now();
  say(first_part(frame(FrameType::kBodyEnd), 0, "value", wire::kWithdrawAfter));
  CHECK_TRUE(serve_kept(true, hello) == Served::kKept);
  STRCMP_EQUAL("HEAD 200; BODY hello; END 0 200; kept", heard_now().c_str());
}

TEST(KeptSession, AWorkerThatLeavesKeepsNothing) {
  intake->close();
  CHECK_TRUE(ticket_is_served() == Served::kDone);
  STRCMP_EQUAL("HEAD 200; BODY hello; END 0 200; ", heard_now().c_str());
}

namespace {

using Functions = std::function<void(const gatehouse_call&, gatehouse_outcome*)>;
Functions* functions = nullptr;

void on_call(const gatehouse_call* call, gatehouse_outcome* outcome) { (*functions)(*call, outcome); }

std::string call_part() {
  wire::RequestHead head;
  head.script = "/srv/auth.py";
  head.call = wire::Call{GATEHOUSE_CALL_SSL, {"f", "g"}, {"bob"}, {{"SSL_PROTOCOL", "TLSv1.3"}}};
  std::string out;
  wire::append_request_head(head, kRequest, 0, &out);
  out.append(frame(FrameType::kBodyEnd));
  wire::set_first_part_size(&out, 0, static_cast<std::uint32_t>(out.size()));
  return out;
}

void give(const gatehouse_call& call, std::size_t function, gatehouse_answer kind, std::string_view value) {
  const gatehouse_text one = text(value);
  call.answer(call.request->context, function, kind, &one, 1);
}

}  // namespace

TEST_GROUP_BASE(FunctionCall, TEST_GROUP_CppUTestGroupSession){Served call(Functions behaviour){engine.call = on_call;
functions = &behaviour;
say(call_part());
const gatehoused::SessionContext context{&engine, &launch, &slot, 3};
const Served served = gatehoused::serve_ticket(context, ticket, worker.get(), buffers);
worker.reset();
return served;
}
}
;

TEST(FunctionCall, AnswersTakeThePlaceOfAResponse) {
  call([](const gatehouse_call& call, gatehouse_outcome* outcome) {
    call.request->calls->entered(call.request->context);
    give(call, 0, GATEHOUSE_ANSWER_TEXT, "bob");
    *outcome = {sizeof *outcome, GATEHOUSE_COMPLETE, 0};
  });
  heard_is("ANSWERS 5 bob, 0; END 0 0; eof");
}

TEST(FunctionCall, FunctionsAndArgumentsReachTheEngine) {
  call([](const gatehouse_call& call, gatehouse_outcome*) {
    LONGS_EQUAL(GATEHOUSE_CALL_SSL, call.flags);
    LONGS_EQUAL(2, call.function_count);
    STRNCMP_EQUAL("g", call.functions[1].data, 1);
    LONGS_EQUAL(1, call.argument_count);
    STRNCMP_EQUAL("bob", call.arguments[0].data, 3);
    STRNCMP_EQUAL("/srv/auth.py", call.request->target->script.data, 12);
    const gatehouse_text known = call.ssl_variable(call.request->context, text("SSL_PROTOCOL"));
    STRNCMP_EQUAL("TLSv1.3", known.data, known.size);
    POINTERS_EQUAL(nullptr, call.ssl_variable(call.request->context, text("OTHER")).data);
  });
}

TEST(FunctionCall, AScriptThatFailsIsAFailure) {
  call([](const gatehouse_call&, gatehouse_outcome* outcome) { *outcome = {sizeof *outcome, GATEHOUSE_FAILED, 403}; });
  heard_is("END 1 403; eof");
}

TEST(FunctionCall, StaleCodeIsGivenBackUnstarted) {
  const Served served =
      call([](const gatehouse_call&, gatehouse_outcome* outcome) { outcome->result = GATEHOUSE_DECLINED; });
  CHECK_TRUE(served == Served::kStale);
  heard_is("DECLINED; ECONNRESET");
}

TEST(FunctionCall, AnswersThatAreTooLargeAreAFailure) {
  std::thread reader([&] { heard_is("LOG GH0450: script /srv/auth.py gave more than 1048576 bytes; END 1 500; eof"); });
  call([](const gatehouse_call& call, gatehouse_outcome* outcome) {
    give(call, 0, GATEHOUSE_ANSWER_TEXT, std::string(2u << 20, 'x'));
    *outcome = {sizeof *outcome, GATEHOUSE_COMPLETE, 0};
  });
  reader.join();
}
