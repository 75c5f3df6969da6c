// SPDX-License-Identifier: Apache-2.0
#include "wsgi/server_page.h"

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include <CppUTest/TestHarness.h>

using wsgi::ServerPage;

namespace {

int visits = 0;
std::string request = "GET /";

// A server of two processes; the second has a thread less than there is room for.
void visit(void* /*context*/, const gatehouse_server_visitor* visitor) {
  ++visits;
  const gatehouse_server_state state = {sizeof state, 2, 2, 7, 1234};
  visitor->server(visitor->context, &state);
  for (int i = 0; i < 2; ++i) {
    const gatehouse_server_process process = {sizeof process, i, 100 + i, 7, 0};
    visitor->process(visitor->context, &process);
    for (int j = 0; j < 2 - i; ++j) {
      gatehouse_server_thread thread{};
      thread.size = sizeof thread;
      thread.number = j;
      thread.status = 'W';
      thread.access_count = 5;
      thread.request = {request.data(), request.size()};
      visitor->thread(visitor->context, &thread);
    }
  }
}

std::string told;
void on_server(void*, const gatehouse_server_state* state) noexcept {
  told = "generation " + std::to_string(state->running_generation);
}
void on_process(void*, const gatehouse_server_process* process) noexcept {
  told += "; " + std::to_string(process->pid) + ":";
}
void on_thread(void*, const gatehouse_server_thread* thread) noexcept {
  told += " ";
  if (thread->status != 0) told.push_back(static_cast<char>(thread->status));
  told += std::to_string(thread->access_count) + std::string(thread->request.data, thread->request.size);
}

}  // namespace

TEST_GROUP(ServerPage) {
  std::vector<std::uint64_t> memory = std::vector<std::uint64_t>(ServerPage::size_for(2, 2) / 8);
  std::size_t size = ServerPage::size_for(2, 2);
  ServerPage page{memory.data(), 2, 2};

  void setup() override {
    visits = 0;
    request = "GET /";
  }
  void teardown() override {
    std::string().swap(told);
    std::string().swap(request);
  }
  std::string read() {
    told.clear();
    const gatehouse_server_visitor visitor = {sizeof visitor, nullptr, on_server, on_process, on_thread};
    return ServerPage::visit(memory.data(), size, visitor) ? told : "nothing";
  }
};

TEST(ServerPage, ShowsNothingBeforeItWasWritten) { STRCMP_EQUAL("nothing", read().c_str()); }

TEST(ServerPage, ShowsWhatTheVisitorWasTold) {
  page.refresh(visit, 1'000'000);
  STRCMP_EQUAL("generation 7; 100: W5GET / W5GET /; 101: W5GET / 0", read().c_str());
}

TEST(ServerPage, IsWrittenAgainOnceItIsOld) {
  page.refresh(visit, 1'000'000);
  request = "GET /new";
  page.refresh(visit, 1'000'000 + ServerPage::kFresh - 1);
  LONGS_EQUAL(1, visits);
  page.refresh(visit, 1'000'000 + ServerPage::kFresh);
  STRCMP_EQUAL("generation 7; 100: W5GET /new W5GET /new; 101: W5GET /new 0", read().c_str());
}

TEST(ServerPage, CutsTextsThatAreLongerThanTheirField) {
  request = std::string(200, 'x');
  page.refresh(visit, 1);
  CHECK_TRUE(read().find("W5" + std::string(64, 'x') + " ") != std::string::npos);
}

TEST(ServerPage, AWriterThatDiedKeepsTheOthersFromItForASecondOnly) {
  // As refresh() has left the memory when its process was killed: the second number of the header.
  const std::int64_t began = 5'000'000;
  std::memcpy(reinterpret_cast<char*>(memory.data()) + 16, &began, sizeof began);
  page.refresh(visit, began + 999'999);
  LONGS_EQUAL(0, visits);
  page.refresh(visit, began + 1'000'000);
  LONGS_EQUAL(1, visits);
}

TEST(ServerPage, AReaderWithAnotherSizeSeesNothing) {
  page.refresh(visit, 1);
  size -= 8;
  STRCMP_EQUAL("nothing", read().c_str());
}
