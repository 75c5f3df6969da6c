// SPDX-License-Identifier: Apache-2.0
#include "daemon/request_input.h"

#include "session_fixture.h"

using namespace session_test;

TEST_GROUP_BASE(RequestInput, SessionFixture){};

TEST(RequestInput, ABodyInTheFirstPartIsReadInAnyPieces) {
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

TEST(RequestInput, TheRestOfABodyFollowsAfterStarted) {
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

TEST(RequestInput, ABodyOnDemandIsAskedForWhenTheApplicationReads) {
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

TEST(RequestInput, ABodyOnDemandThatNobodyReadsIsNotAskedFor) {
  say(first_part("", wire::kMoreBody | wire::kOnDemand));
  serve([&](const gatehouse_request& request, gatehouse_outcome*) {
    const Host host{request};
    host.enter();
    host.head();
    host.body("x");
  });
  heard_is("HEAD 200; BODY x; END 0 200; eof");
}

TEST(RequestInput, ABufferedBodyIsReadFromItsFile) {
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

TEST(RequestInput, ABufferedBodyIsReadFromItsPipe) {
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

TEST(RequestInput, AFileOfTheBodyThatIsShorterThanAnnouncedIsAnError) {
  UniqueFd file(open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  CHECK_EQUAL(3, pwrite(file.get(), "abc", 3, 0));
  say_with(file.get(), first_part(file_frame(0, 4) + frame(FrameType::kBodyEnd), wire::kBodyFile));
  serve([&](const gatehouse_request& request, gatehouse_outcome*) {
    Host{request}.enter();
    STRCMP_EQUAL("abc!httpd's temporary file cannot be read", Host{request}.read_all().c_str());
  });
}

TEST(RequestInput, AFileOfTheBodyComesWithAHeadThatIsLargerThanTheBuffer) {
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

TEST(RequestInput, AFileOfTheBodyForWhichNoDescriptorIsFreeIsAnError) {
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

TEST(RequestInput, AFileOfTheBodyWithoutItsDescriptorIsGarbage) {
  say(first_part(file_frame(0, 4) + frame(FrameType::kBodyEnd), wire::kBodyFile));
  serve([&](const gatehouse_request& request, gatehouse_outcome*) {
    Host{request}.enter();
    STRCMP_EQUAL("!httpd sent a malformed request body", Host{request}.read(10).c_str());
  });
  STRCMP_CONTAINS("GH0002", lines.c_str());
}

TEST(RequestInput, ABodyThatComesByteByByteIsWhole) {
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

TEST(RequestInput, ABodyThatEndsEarlyIsAnError) {
  say(first_part(frame(FrameType::kBody, "abc"), wire::kMoreBody));
  CHECK_EQUAL(0, shutdown(child.get(), SHUT_WR));
  serve([&](const gatehouse_request& request, gatehouse_outcome*) {
    Host{request}.enter();
    STRCMP_EQUAL("abc", Host{request}.read(10).c_str());
    STRCMP_EQUAL("!the client did not send all of it", Host{request}.read(10).c_str());
  });
}

TEST(RequestInput, ABodyThatDoesNotComeIsAnErrorAfterSocketTimeout) {
  launch.spec.socket_timeout = 20'000;
  say(first_part("", wire::kMoreBody));
  serve([&](const gatehouse_request& request, gatehouse_outcome*) {
    Host{request}.enter();
    STRCMP_EQUAL("!nothing of it arrived within socket-timeout", Host{request}.read(10).c_str());
    Host{request}.head(408);
  });
  heard_is("STARTED; HEAD 408; END 0 200; eof");
}

TEST(RequestInput, AnUnsentResponseGoesOutBeforeTheBodyIsAwaited) {
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

TEST(RequestInput, AFirstPartLargerThanTheSocketLeavesItsLastByte) {
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
  CHECK_TRUE(buffers->input().capacity() < large.size());
}

TEST(RequestInput, MemoryIsKeptForUsualEnvironsOnly) {
  buffers->pairs().reserve(100);
  buffers->shrink();
  CHECK_TRUE(buffers->pairs().capacity() >= 100);
  buffers->pairs().reserve(5'000);
  buffers->environ().reserve(5'000);
  buffers->shrink();
  LONGS_EQUAL(0, buffers->pairs().capacity() + buffers->environ().capacity());
}

TEST(RequestInput, AFirstPartThatComesByteByByteIsWhole) {
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

TEST(RequestInput, TheNextRequestUsesTheSameBuffers) {
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

TEST(RequestInput, GarbageInsteadOfAHeadIsLoggedAndNotServed) {
  say("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  serve([](const gatehouse_request&, gatehouse_outcome*) {});
  LONGS_EQUAL(0, calls);
  STRCMP_EQUAL("GH0002: group 'shop': a channel from httpd is closed: no request head\n", lines.c_str());
}

TEST(RequestInput, AHeadOfAnotherRequestIsGarbage) {
  ticket.request = kRequest + 1;
  say(first_part(frame(FrameType::kBodyEnd)));
  serve([](const gatehouse_request&, gatehouse_outcome*) {});
  LONGS_EQUAL(0, calls);
  STRCMP_CONTAINS("a frame of another request", lines.c_str());
}

TEST(RequestInput, AMalformedHeadIsGarbage) {
  std::string part = first_part(frame(FrameType::kBodyEnd));
  part[wire::kFrameHeaderSize + 52] = '\x7f';  // the length of the script's name
  say(part);
  serve([](const gatehouse_request&, gatehouse_outcome*) {});
  LONGS_EQUAL(0, calls);
  STRCMP_CONTAINS("a malformed request head", lines.c_str());
}

TEST(RequestInput, GarbageInTheBodyEndsTheChannelAndTellsTheApplication) {
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
