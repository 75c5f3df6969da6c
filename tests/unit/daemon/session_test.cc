// SPDX-License-Identifier: Apache-2.0
#include "daemon/session.h"

#include "session_fixture.h"

using namespace session_test;

TEST_GROUP_BASE(Session, SessionFixture){};

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

TEST(Session, ATicketThatIsWithdrawnWhileItsScriptIsLoadedIsNotEntered) {
  say(first_part(frame(FrameType::kBodyEnd), 0, "value", wire::kWithdrawAfter));
  serve([&](const gatehouse_request& request, gatehouse_outcome* outcome) {
    shutdown(child.get(), SHUT_WR);
    LONGS_EQUAL(GATEHOUSE_GONE, Host{request}.enter());
    outcome->result = GATEHOUSE_ABORTED;
  });
  heard_is("DECLINED; eof");
}

TEST(Session, AChildThatHasGoneBeforeItSaidAnythingIsDropped) {
  child.reset();
  serve([](const gatehouse_request&, gatehouse_outcome*) {});
  LONGS_EQUAL(0, calls);
  STRCMP_EQUAL("", lines.c_str());
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

TEST_GROUP_BASE(KeptSession, SessionFixture) {
  UniqueFd queue_end, queue;
  std::unique_ptr<gatehoused::Intake> intake;
  int number = -1;  // of the worker's end

  void setup() override {
    SessionFixture::setup();
    auto ends = base::socket_pair(SOCK_SEQPACKET).value();
    queue_end = std::move(ends.first);
    queue = std::move(ends.second);
    intake = gatehoused::Intake::create({queue.get(), -1}).value();
    number = worker.release();
  }
  void teardown() override {
    intake->kept().stop();
    intake.reset();
    SessionFixture::teardown();
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

TEST_GROUP_BASE(FunctionCall, SessionFixture){Served call(Functions behaviour){engine.call = on_call;
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
