// SPDX-License-Identifier: Apache-2.0
#include "wsgi/server_page.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <new>
#include <string>

namespace wsgi {

// As httpd's scoreboard has them.
struct ServerPage::Thread {
  std::int32_t number;
  std::int32_t generation;
  std::int32_t status;
  std::uint64_t access_count, bytes_served;
  std::int64_t start_us, stop_us, last_used_us;
  char client[64], request[64], vhost[32];
};

struct ServerPage::Process {
  std::int32_t number, pid, generation, quiescing;
};

// Before the two pictures. Each is a gatehouse_server_state, then for each process a Process and its Threads.
struct ServerPage::Header {
  std::int32_t processes, threads;
  std::atomic<std::int64_t> written_us;  // the last picture; 0: none
  std::atomic<std::int64_t> writing_us;  // somebody has begun to write then; 0: nobody
  std::atomic<std::uint32_t> turn;       // its last bit: which picture is shown
};
static_assert(std::atomic<std::int64_t>::is_always_lock_free && std::atomic<std::uint32_t>::is_always_lock_free);

namespace {

// A writer that was killed meanwhile does not keep the others from it.
constexpr std::int64_t kLongestWriting = 1'000'000;

template <std::size_t size>
void put(char (&field)[size], gatehouse_text text) {
  const std::size_t length = std::min(text.size, size);
  if (length > 0) std::memcpy(field, text.data, length);
  if (length < size) field[length] = '\0';
}

template <std::size_t size>
gatehouse_text text_in(const char (&field)[size]) {
  return {field, strnlen(field, size)};
}

}  // namespace

std::size_t ServerPage::size_for(int processes, int threads) {
  const std::size_t process = sizeof(Process) + static_cast<std::size_t>(threads) * sizeof(Thread);
  return sizeof(Header) + 2 * (sizeof(gatehouse_server_state) + static_cast<std::size_t>(processes) * process);
}

ServerPage::ServerPage(void* memory, int processes, int threads)
    : header_(static_cast<Header*>(memory)), picture_size_((size_for(processes, threads) - sizeof(Header)) / 2) {
  header_->processes = processes;
  header_->threads = threads;
}

// Writes one after the other what it is told, as far as there is room.
struct ServerPage::Painter {
  char* next;
  char* end;
  int threads_left = 0;
  int threads;

  template <typename Item>
  void append(const Item& item) {
    if (static_cast<std::size_t>(end - next) < sizeof item) return;
    std::memcpy(next, &item, sizeof item);
    next += sizeof item;
  }
  // A process with fewer threads than there is room for.
  void fill() {
    for (; threads_left > 0; --threads_left) append(Thread{});
  }

  static void on_server(void* context, const gatehouse_server_state* state) noexcept {
    static_cast<Painter*>(context)->append(*state);
  }
  static void on_process(void* context, const gatehouse_server_process* process) noexcept {
    auto* painter = static_cast<Painter*>(context);
    painter->fill();
    painter->append(Process{process->number, process->pid, process->generation, process->quiescing});
    painter->threads_left = painter->threads;
  }
  static void on_thread(void* context, const gatehouse_server_thread* thread) noexcept {
    auto* painter = static_cast<Painter*>(context);
    if (painter->threads_left == 0) return;
    --painter->threads_left;
    Thread made{};
    made.number = thread->number;
    made.generation = thread->generation;
    made.status = thread->status;
    made.access_count = thread->access_count;
    made.bytes_served = thread->bytes_served;
    made.start_us = thread->start_us;
    made.stop_us = thread->stop_us;
    made.last_used_us = thread->last_used_us;
    put(made.client, thread->client);
    put(made.request, thread->request);
    put(made.vhost, thread->vhost);
    painter->append(made);
  }
};

void ServerPage::refresh(void (*tell)(void*, const gatehouse_server_visitor*), std::int64_t now_us) {
  const std::int64_t written = header_->written_us.load(std::memory_order_relaxed);
  std::int64_t writing = header_->writing_us.load(std::memory_order_relaxed);
  if (written != 0 && now_us - written < kFresh) return;
  if (writing != 0 && now_us - writing < kLongestWriting) return;
  if (!header_->writing_us.compare_exchange_strong(writing, now_us)) return;
  const std::uint32_t turn = header_->turn.load() + 1;
  char* const picture = reinterpret_cast<char*>(header_ + 1) + (turn & 1) * picture_size_;
  std::memset(picture, 0, picture_size_);
  Painter painter{picture, picture + picture_size_, 0, header_->threads};
  const gatehouse_server_visitor visitor = {sizeof visitor, &painter, Painter::on_server, Painter::on_process,
                                            Painter::on_thread};
  tell(nullptr, &visitor);
  painter.fill();
  header_->turn.store(turn, std::memory_order_release);
  header_->written_us.store(now_us);
  header_->writing_us.store(0);
}

bool ServerPage::visit(const void* memory, std::size_t size, const gatehouse_server_visitor& visitor) {
  const auto* header = static_cast<const Header*>(memory);
  const int processes = header->processes, threads = header->threads;
  if (processes <= 0 || threads <= 0 || size_for(processes, threads) != size) return false;
  const std::size_t picture_size = (size - sizeof(Header)) / 2;
  std::string copy(picture_size, '\0');
  constexpr int kAttempts = 5;
  std::uint32_t turn = 0;
  for (int attempt = 0;; ++attempt) {
    if (attempt == kAttempts || header->written_us.load(std::memory_order_acquire) == 0) return false;
    turn = header->turn.load(std::memory_order_acquire);
    std::memcpy(copy.data(), static_cast<const char*>(memory) + sizeof(Header) + (turn & 1) * picture_size,
                picture_size);
    std::atomic_thread_fence(std::memory_order_acquire);
    if (header->turn.load(std::memory_order_relaxed) == turn) break;
  }
  const char* next = copy.data();
  const auto take = [&next](auto* item) {
    std::memcpy(item, next, sizeof *item);
    next += sizeof *item;
  };
  gatehouse_server_state state{};
  take(&state);
  state.size = sizeof state;
  visitor.server(visitor.context, &state);
  for (int i = 0; i < processes; ++i) {
    Process process{};
    take(&process);
    const gatehouse_server_process told = {sizeof told, process.number, process.pid, process.generation,
                                           process.quiescing};
    visitor.process(visitor.context, &told);
    for (int j = 0; j < threads; ++j) {
      Thread thread{};
      take(&thread);
      const gatehouse_server_thread one = {
          sizeof one,          thread.number,          thread.generation,       thread.status,
          thread.access_count, thread.bytes_served,    thread.start_us,         thread.stop_us,
          thread.last_used_us, text_in(thread.client), text_in(thread.request), text_in(thread.vhost)};
      visitor.thread(visitor.context, &one);
    }
  }
  return true;
}

}  // namespace wsgi
