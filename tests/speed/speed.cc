// SPDX-License-Identifier: Apache-2.0

// Fixed work for scripts/check-speed, which counts its instructions: what lies between mark_begin and mark_end, for
// each name that is printed. The engine is driven by the fake host of tests/engine, whose share is the same before and
// after a change.

#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "tests/engine/fake_host.h"
#include "wire/frame_codec.h"
#include "wire/message.h"

namespace {

constexpr int kRounds = 200;

fake_host::Site* site = nullptr;

void require(bool condition, const char* what) {
  if (condition) return;
  std::fprintf(stderr, "speed: %s\n", what);
  std::exit(1);
}

std::vector<std::pair<std::string, std::string>> usual_environ() {
  std::vector<std::pair<std::string, std::string>> environ;
  for (const char* name : {"REQUEST_METHOD",
                           "SCRIPT_NAME",
                           "PATH_INFO",
                           "QUERY_STRING",
                           "SERVER_NAME",
                           "SERVER_PORT",
                           "SERVER_PROTOCOL",
                           "SERVER_SOFTWARE",
                           "SERVER_ADDR",
                           "REMOTE_ADDR",
                           "REMOTE_PORT",
                           "DOCUMENT_ROOT",
                           "REQUEST_SCHEME",
                           "REQUEST_URI",
                           "SCRIPT_FILENAME",
                           "GATEWAY_INTERFACE",
                           "HTTP_HOST",
                           "HTTP_USER_AGENT",
                           "HTTP_ACCEPT",
                           "HTTP_ACCEPT_LANGUAGE",
                           "HTTP_ACCEPT_ENCODING",
                           "HTTP_COOKIE",
                           "mod_wsgi.process_group",
                           "mod_wsgi.application_group",
                           "mod_wsgi.callable_object",
                           "mod_wsgi.script_name"})
    environ.emplace_back(name, "a value of thirty characters..");
  return environ;
}

std::string request_bytes() {
  wire::RequestHead head;
  head.script = "/srv/site/app.wsgi";
  head.callable = "application";
  head.application_group = "example.org|/";
  head.summary = "GET /path [id]";
  static const std::vector<std::pair<std::string, std::string>> environ = usual_environ();
  std::vector<wire::Pair> pairs;
  for (const auto& [name, value] : environ) pairs.push_back({name, value});
  head.environ = pairs;
  std::string bytes;
  wire::append_request_head(head, 7, 0, &bytes);
  wire::append_frame_header({wire::FrameType::kBodyEnd, 0, 0, 7}, &bytes);
  wire::set_first_part_size(&bytes, 0, static_cast<std::uint32_t>(bytes.size()));
  return bytes;
}

std::string response_bytes() {
  std::string bytes;
  wire::append_response_head({200, 5, "OK", {{"Content-Type", "text/plain"}, {"Content-Length", "5"}}}, 7, &bytes);
  wire::append_frame_header({wire::FrameType::kBody, 0, 5, 7}, &bytes);
  bytes.append("Hello");
  wire::append_end({0, 200, 1, 2, 3}, 7, wire::kKept, &bytes);
  return bytes;
}

}  // namespace

// callgrind knows these two by name.
extern "C" __attribute__((noinline, visibility("default"))) void mark_begin() { asm volatile(""); }
extern "C" __attribute__((noinline, visibility("default"))) void mark_end() { asm volatile(""); }

namespace {

template <typename Work>
void measure(const char* name, Work work) {
  std::printf("%s\n", name);
  mark_begin();
  for (int i = 0; i < kRounds; ++i) work();
  mark_end();
}

void request_frames() {
  const std::string bytes = request_bytes();
  std::span<const std::byte> input = base::as_bytes(bytes);
  wire::FrameDecoder decoder(wire::Sender::kChild, 7);
  static std::vector<wire::Pair> pairs;  // as a worker's thread keeps it
  wire::RequestHead head;
  require(decoder.next(&input) == wire::FrameDecoder::Step::kFrame, "no head");
  require(wire::decode_request_head(decoder.payload(), &pairs, &head), "a malformed head");
  require(decoder.next(&input) == wire::FrameDecoder::Step::kFrame && decoder.is_over(), "no end of the body");
}

void response_frames() {
  const std::string bytes = response_bytes();
  std::span<const std::byte> input = base::as_bytes(bytes);
  wire::FrameDecoder decoder(wire::Sender::kWorker, 7);
  wire::ResponseHead head;
  require(decoder.next(&input) == wire::FrameDecoder::Step::kFrame, "no head");
  require(wire::decode_response_head(decoder.payload(), &head), "a malformed head");
  require(decoder.next(&input) == wire::FrameDecoder::Step::kBody, "no body");
  require(decoder.next(&input) == wire::FrameDecoder::Step::kFrame && decoder.is_over(), "no END");
}

// The application is loaded, and has answered once, before it is measured.
void measure_application(const char* name, std::string_view application, std::string_view end_of_body) {
  site->application(application);
  const auto work = [&] { require(site->get().body.ends_with(end_of_body), "another answer than expected"); };
  work();
  measure(name, work);
}

}  // namespace

int main() {
  fake_host::open_engine(GATEHOUSE_ENGINE, GATEHOUSE_PYTHON);
  fake_host::start_python();
  fake_host::Site only;
  site = &only;
  only.environ = usual_environ();

  request_frames();
  response_frames();
  measure("request_frames", request_frames);
  measure("response_frames", response_frames);
  measure_application("hello",
                      "start_response('200 OK', [('Content-Type', 'text/plain'), ('Content-Length', '14')])\n"
                      "return [b'Hello, world!\\n']",
                      "Hello, world!\n");
  measure_application("page",
                      "start_response('200 OK', [('X-Header-%d' % i, 'value') for i in range(11)])\n"
                      "return [b'x' * 20479 + b'x\\n']",
                      "x\n");
  measure_application("stream",
                      "start_response('200 OK', [])\n"
                      "return (b'piece' for _ in range(100))",
                      "piece");
  only.content_length = 1'048'576;
  only.body_pieces.assign(16, std::string(65536, 'b'));
  measure_application("upload",
                      "size = 0\n"
                      "while block := environ['wsgi.input'].read(65536): size += len(block)\n"
                      "start_response('200 OK', [])\n"
                      "return [b'%d' % size]",
                      "1048576");
  return 0;
}
