// SPDX-License-Identifier: Apache-2.0
#include "daemon/response_output.h"

#include "session_fixture.h"

using namespace session_test;

TEST_GROUP_BASE(ResponseOutput, SessionFixture){};

TEST(ResponseOutput, BufferTakesUpTo64KilobytesAndThenAsksForAFlush) {
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

TEST(ResponseOutput, PiecesRightBehindEachOtherAreOnTheirWaySoon) {
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

TEST(ResponseOutput, WhatIsHeldIsNotBuffered) {
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

TEST(ResponseOutput, AFlushSendsWhatWaits) {
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

TEST(ResponseOutput, ManyPiecesAndLargeOnesArriveInOrder) {
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
    shutdown(child.get(), SHUT_WR);  // so that it lends no memory
    LONGS_EQUAL(GATEHOUSE_OK, host.pieces(pieces));
  });
  client.join();
  CHECK_TRUE(got == expected);
}

TEST(ResponseOutput, AnInterimResponseIsSentAtOnce) {
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

TEST(ResponseOutput, AClientThatTheChildHasLostIsGoneAndStillAnswered) {
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

TEST(ResponseOutput, AChildThatTakesNothingIsGoneAfterSocketTimeout) {
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

TEST(ResponseOutput, AnAbortedResponseHasNoEnd) {
  say(first_part(frame(FrameType::kBodyEnd)));
  serve([&](const gatehouse_request& request, gatehouse_outcome* outcome) {
    Host{request}.enter();
    Host{request}.head();
    Host{request}.body("a", GATEHOUSE_FLUSH);
    outcome->result = GATEHOUSE_ABORTED;
  });
  heard_is("HEAD 200; BODY a; eof");
}

TEST(ResponseOutput, ATruncatedResponseSaysSo) {
  say(first_part(frame(FrameType::kBodyEnd)));
  serve([&](const gatehouse_request& request, gatehouse_outcome* outcome) {
    Host{request}.enter();
    Host{request}.head();
    Host{request}.body("a");
    outcome->result = GATEHOUSE_TRUNCATED;
  });
  heard_is("HEAD 200; BODY a; END 2 200; eof");
}

TEST(ResponseOutput, HeadersBeyondTheLimitBecomeAFailure) {
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

TEST(ResponseOutput, ALineIsSentAtOnceAheadOfTheResponse) {
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

TEST(ResponseOutput, ALineTellsItsPlace) {
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

TEST(ResponseOutput, ALineThatTheChannelDoesNotTakeGoesToTheErrorLog) {
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

TEST(ResponseOutput, AFileGoesAsADescriptor) {
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

TEST(ResponseOutput, AFileAfterMuchThatWaitsArrivesWithItsFrame) {
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
