// SPDX-License-Identifier: Apache-2.0
#include "module/body_buffers.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include <CppUTest/TestHarness.h>

using base::Micros;
using httpd::BodyBuffers;

TEST_GROUP(BodyBuffers) {
  BodyBuffers buffers;
  Micros now = std::chrono::hours(1);

  static ino_t inode_of(int fd) {
    struct stat facts {};
    fstat(fd, &facts);
    return facts.st_ino;
  }
  BodyBuffers::Buffer with_memory() {
    BodyBuffers::Buffer buffer = buffers.take();
    CHECK_TRUE(buffer.open_memory());
    return buffer;
  }
  BodyBuffers::Buffer with_pipe() {
    BodyBuffers::Buffer buffer = buffers.take();
    CHECK_TRUE(buffer.open_pipe());
    return buffer;
  }
};

TEST(BodyBuffers, WhatIsWrittenToMemoryIsReadByTheDescriptor) {
  const BodyBuffers::Buffer buffer = with_memory();
  std::memcpy(buffer.data() + BodyBuffers::kSize - 5, "body", 5);
  char read[5] = "";
  LONGS_EQUAL(5, pread(buffer.memory(), read, 5, BodyBuffers::kSize - 5));
  STRCMP_EQUAL("body", read);
}

TEST(BodyBuffers, NobodyCanChangeTheSizeOfMemory) {
  const BodyBuffers::Buffer buffer = with_memory();
  LONGS_EQUAL(-1, ftruncate(buffer.memory(), 0));
  LONGS_EQUAL(EPERM, errno);
  LONGS_EQUAL(-1, ftruncate(buffer.memory(), 2 * BodyBuffers::kSize));
  CHECK_TRUE((fcntl(buffer.memory(), F_GETFD) & FD_CLOEXEC) != 0);
}

TEST(BodyBuffers, NeitherEndOfAPipeWaits) {
  const BodyBuffers::Buffer buffer = with_pipe();
  char byte = 'x';
  LONGS_EQUAL(-1, read(buffer.pipe_to_read(), &byte, 1));
  LONGS_EQUAL(EAGAIN, errno);
  const std::vector<char> much(2 * BodyBuffers::kSize);
  LONGS_EQUAL(BodyBuffers::kSlots * sysconf(_SC_PAGESIZE), write(buffer.pipe_to_write(), much.data(), much.size()));
  CHECK_TRUE((fcntl(buffer.pipe_to_read(), F_GETFD) & FD_CLOEXEC) != 0);
  CHECK_TRUE((fcntl(buffer.pipe_to_write(), F_GETFD) & FD_CLOEXEC) != 0);
}

TEST(BodyBuffers, OneThatIsGivenBackIsUsedAgain) {
  BodyBuffers::Buffer buffer = with_memory();
  const ino_t file = inode_of(buffer.memory());
  CHECK_TRUE(inode_of(with_memory().memory()) != file);
  CHECK_TRUE(buffer.open_pipe());
  const ino_t pipe = inode_of(buffer.pipe_to_read());
  buffers.put(std::move(buffer), now);
  buffer = buffers.take();
  CHECK_TRUE(buffer.open_memory());
  CHECK_TRUE(buffer.open_pipe());
  CHECK_TRUE(inode_of(buffer.memory()) == file);
  CHECK_TRUE(inode_of(buffer.pipe_to_read()) == pipe);
}

TEST(BodyBuffers, APipeWithSomethingInItIsNotUsedAgain) {
  BodyBuffers::Buffer buffer = with_pipe();
  LONGS_EQUAL(4, write(buffer.pipe_to_write(), "left", 4));
  CHECK_FALSE(buffers.put(std::move(buffer), now));
  CHECK_FALSE(buffers.take().is_open());

  buffer = with_memory();
  CHECK_TRUE(buffer.open_pipe());
  LONGS_EQUAL(4, write(buffer.pipe_to_write(), "left", 4));
  CHECK_TRUE(buffers.put(std::move(buffer), now));
  buffer = buffers.take();
  CHECK_TRUE(buffer.data() != nullptr);
  LONGS_EQUAL(-1, buffer.pipe_to_read());
}

TEST(BodyBuffers, OneThatIsNotGivenBackIsGone) {
  { const BodyBuffers::Buffer buffer = with_memory(); }
  CHECK_FALSE(buffers.put(BodyBuffers::Buffer(), now));
  CHECK_FALSE(buffers.close_rested(now));
}

TEST(BodyBuffers, WithoutDescriptorsThereIsNone) {
  rlimit before{};
  getrlimit(RLIMIT_NOFILE, &before);
  const rlimit none{3, before.rlim_max};
  setrlimit(RLIMIT_NOFILE, &none);
  BodyBuffers::Buffer buffer = buffers.take();
  const bool has_pipe = buffer.open_pipe(), has_memory = buffer.open_memory();
  setrlimit(RLIMIT_NOFILE, &before);
  CHECK_FALSE(has_pipe);
  CHECK_FALSE(has_memory);
  CHECK_FALSE(buffer.is_open());
}

TEST(BodyBuffers, ClosingWhatRestsIsDueUntilNothingIsKept) {
  CHECK_TRUE(buffers.put(with_memory(), now));
  CHECK_FALSE(buffers.put(with_pipe(), now));
  now += BodyBuffers::kLongestRest;
  CHECK_TRUE(buffers.close_rested(now));
  CHECK_FALSE(buffers.close_rested(now + Micros(1)));
  CHECK_TRUE(buffers.put(with_memory(), now));
  buffers.give_watch_up();
  CHECK_TRUE(buffers.put(with_memory(), now));
}

TEST(BodyBuffers, NoMoreAreKeptThanTheMost) {
  std::vector<BodyBuffers::Buffer> many(BodyBuffers::kMost + 1);
  for (auto& buffer : many) buffer = with_memory();
  const ino_t last = inode_of(many.back().memory());
  for (auto& buffer : many) buffers.put(std::move(buffer), now);
  for (std::size_t i = 0; i < BodyBuffers::kMost; ++i) CHECK_TRUE(inode_of(buffers.take().memory()) != last);
  CHECK_FALSE(buffers.take().is_open());
}
