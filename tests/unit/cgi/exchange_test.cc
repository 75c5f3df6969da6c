// SPDX-License-Identifier: Apache-2.0
#include "cgi/exchange.h"

#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <vector>

#include "base/log.h"

#include <CppUTest/TestHarness.h>

namespace {

constinit std::string* lines = nullptr;

void keep_line(void*, base::Level, std::string_view line) { lines->append(line).append("\n"); }

gatehouse_text text(std::string_view view) { return {view.data(), view.size()}; }

}  // namespace

TEST_GROUP(CgiExchange) {
  base::UniqueFd body_in, body, reply, reply_out;
  std::unique_ptr<cgi::Exchange> exchange;
  const gatehouse_request_calls* calls = &cgi::Exchange::calls();
  std::string logged;

  void setup() override {
    lines = &logged;
    base::set_log_sink(keep_line, nullptr);
    int ends[2];
    CHECK_EQUAL(0, pipe(ends));
    body = base::UniqueFd(ends[0]);
    body_in = base::UniqueFd(ends[1]);
    CHECK_EQUAL(0, socketpair(AF_UNIX, SOCK_STREAM, 0, ends));
    reply = base::UniqueFd(ends[0]);
    reply_out = base::UniqueFd(ends[1]);
    expect_body(0);
  }
  void teardown() override {
    base::set_log_sink(nullptr, nullptr);
    exchange.reset();
  }

  void expect_body(std::int64_t length) { exchange = std::make_unique<cgi::Exchange>(body.get(), reply.get(), length); }
  void client_sends(std::string_view data) { CHECK(base::write_all(body_in.get(), data.data(), data.size())); }
  void client_is_done() { body_in.reset(); }
  std::string read_some(std::size_t size) {
    std::string into(size, '\0');
    const std::int64_t got = calls->read_body(exchange.get(), into.data(), size);
    if (got < 0) return std::string("error: ") + calls->read_error(exchange.get());
    into.resize(static_cast<std::size_t>(got));
    return into;
  }
  void send_head(std::uint32_t status, std::string_view reason, std::vector<gatehouse_pair> headers,
                 std::int64_t length) {
    const gatehouse_response_head head{sizeof head, status, text(reason), headers.data(), headers.size(), length};
    CHECK_EQUAL(GATEHOUSE_OK, calls->send_head(exchange.get(), &head));
  }
  gatehouse_io send_body(std::string_view data, gatehouse_send how) {
    const gatehouse_text piece = text(data);
    return calls->send_body(exchange.get(), &piece, 1, how);
  }
  std::string arrived() {
    std::string all;
    char piece[4096];
    ssize_t got;
    while ((got = recv(reply_out.get(), piece, sizeof piece, MSG_DONTWAIT)) > 0)
      all.append(piece, static_cast<std::size_t>(got));
    return all;
  }
};

TEST(CgiExchange, BodyIsReadUpToItsLength) {
  expect_body(5);
  client_sends("abcdefgh");
  STRCMP_EQUAL("abc", read_some(3).c_str());
  STRCMP_EQUAL("de", read_some(100).c_str());
  STRCMP_EQUAL("", read_some(100).c_str());
}

TEST(CgiExchange, NoBodyIsEmptyAndDoesNotWait) { STRCMP_EQUAL("", read_some(100).c_str()); }

TEST(CgiExchange, BodyThatEndsEarlyIsAnError) {
  expect_body(5);
  client_sends("abc");
  client_is_done();
  STRCMP_EQUAL("abc", read_some(100).c_str());
  STRCMP_EQUAL("error: the request body ended before its Content-Length", read_some(100).c_str());
}

TEST(CgiExchange, BodyOfUnknownLengthEndsWithTheFile) {
  expect_body(-1);
  client_sends("abc");
  client_is_done();
  STRCMP_EQUAL("abc", read_some(100).c_str());
  STRCMP_EQUAL("", read_some(100).c_str());
}

TEST(CgiExchange, WhatTheApplicationDidNotReadIsDiscarded) {
  expect_body(5);
  client_sends("abcdefgh");
  exchange->discard_body();
  STRCMP_EQUAL("", read_some(100).c_str());
  char next;
  LONGS_EQUAL(1, base::read_some(body.get(), &next, 1));
  BYTES_EQUAL('f', next);
}

TEST(CgiExchange, HeadAndBodyAreBufferedUntilAFlush) {
  send_head(200, "OK", {{text("X-A"), text("1")}}, 2);
  CHECK_EQUAL(GATEHOUSE_OK, send_body("hi", GATEHOUSE_BUFFER));
  STRCMP_EQUAL("", arrived().c_str());
  CHECK(exchange->flush());
  STRCMP_EQUAL("Status: 200 OK\r\nX-A: 1\r\nContent-Length: 2\r\n\r\nhi", arrived().c_str());
}

TEST(CgiExchange, TheApplicationsContentLengthStandsOnce) {
  send_head(200, "OK", {{text("content-length"), text("2")}}, 2);
  CHECK(exchange->flush());
  STRCMP_EQUAL("Status: 200 OK\r\ncontent-length: 2\r\n\r\n", arrived().c_str());
}

TEST(CgiExchange, AnEmptyReasonLeavesNoBlank) {
  send_head(204, "", {}, -1);
  CHECK(exchange->flush());
  STRCMP_EQUAL("Status: 204\r\n\r\n", arrived().c_str());
}

TEST(CgiExchange, FlushSendsWhatWaitedFirst) {
  send_head(200, "OK", {}, -1);
  CHECK_EQUAL(GATEHOUSE_OK, send_body("a", GATEHOUSE_BUFFER));
  CHECK_EQUAL(GATEHOUSE_OK, send_body("b", GATEHOUSE_FLUSH));
  STRCMP_EQUAL("Status: 200 OK\r\n\r\nab", arrived().c_str());
}

TEST(CgiExchange, AFullBufferTakesNothing) {
  const std::string large(64 << 10, 'x');
  CHECK_EQUAL(GATEHOUSE_OK, send_body(large, GATEHOUSE_BUFFER));
  CHECK_EQUAL(GATEHOUSE_AGAIN, send_body("y", GATEHOUSE_BUFFER));
}

TEST(CgiExchange, AServerThatStoppedListeningIsGone) {
  signal(SIGPIPE, SIG_IGN);
  reply_out.reset();
  send_head(200, "OK", {}, -1);
  CHECK_EQUAL(GATEHOUSE_GONE, send_body("a", GATEHOUSE_FLUSH));
  signal(SIGPIPE, SIG_DFL);
}

TEST(CgiExchange, ALocalRedirectIsTheServersToMake) {
  send_head(200, "OK", {{text("Location"), text("/there?a=b")}, {text("Content-Type"), text("text/x-own")}}, -1);
  CHECK(exchange->flush());
  STRCMP_EQUAL("Status: 200 OK\r\nLocation: /there?a=b\r\n\r\n", arrived().c_str());
  CHECK(logged.empty());
}

TEST(CgiExchange, LocationOfAnotherServerBesideStatus200IsLeftOutAndLogged) {
  send_head(200, "OK", {{text("Location"), text("http://other/")}, {text("X-A"), text("1")}}, -1);
  CHECK(exchange->flush());
  STRCMP_EQUAL("Status: 200 OK\r\nX-A: 1\r\n\r\n", arrived().c_str());
  STRCMP_CONTAINS("GH0703: ", logged.c_str());
}

TEST(CgiExchange, LocationOfARedirectStays) {
  send_head(302, "Found", {{text("Location"), text("/there")}}, -1);
  CHECK(exchange->flush());
  STRCMP_EQUAL("Status: 302 Found\r\nLocation: /there\r\n\r\n", arrived().c_str());
}

TEST(CgiExchange, AFailureIsAWholeResponse) {
  exchange->send_failure(504);
  const std::string response = arrived();
  STRCMP_CONTAINS("Status: 504\r\n", response.c_str());
  STRCMP_CONTAINS("error log", response.c_str());
}

TEST(CgiExchange, ContentLengthIsANumberOrAbsent) {
  bool valid = false;
  LONGS_EQUAL(12, cgi::parse_content_length("12", &valid));
  CHECK(valid);
  LONGS_EQUAL(0, cgi::parse_content_length("", &valid));
  CHECK(valid);
  for (const char* text : {"-1", "1x", "+1", "99999999999999999999"}) {
    cgi::parse_content_length(text, &valid);
    CHECK_TEXT(!valid, text);
  }
}
