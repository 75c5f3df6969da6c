// SPDX-License-Identifier: Apache-2.0
#include "module/body_buffers.h"

#include <fcntl.h>
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

  static ino_t file_of(const BodyBuffers::Buffer& buffer) {
    struct stat facts {};
    fstat(buffer.descriptor(), &facts);
    return facts.st_ino;
  }
};

TEST(BodyBuffers, WhatIsWrittenIsReadByTheDescriptor) {
  const BodyBuffers::Buffer buffer = buffers.take();
  CHECK_TRUE(buffer.valid());
  std::memcpy(buffer.data() + BodyBuffers::kSize - 5, "body", 5);
  char read[5] = "";
  LONGS_EQUAL(5, pread(buffer.descriptor(), read, 5, BodyBuffers::kSize - 5));
  STRCMP_EQUAL("body", read);
}

TEST(BodyBuffers, NobodyCanChangeItsSize) {
  const BodyBuffers::Buffer buffer = buffers.take();
  LONGS_EQUAL(-1, ftruncate(buffer.descriptor(), 0));
  LONGS_EQUAL(EPERM, errno);
  LONGS_EQUAL(-1, ftruncate(buffer.descriptor(), 2 * BodyBuffers::kSize));
  CHECK_TRUE((fcntl(buffer.descriptor(), F_GETFD) & FD_CLOEXEC) != 0);
}

TEST(BodyBuffers, OneThatIsGivenBackIsUsedAgain) {
  BodyBuffers::Buffer buffer = buffers.take();
  const ino_t file = file_of(buffer);
  const BodyBuffers::Buffer other = buffers.take();
  CHECK_TRUE(file_of(other) != file);
  buffers.put(std::move(buffer), now);
  CHECK_TRUE(file_of(buffers.take()) == file);
}

TEST(BodyBuffers, OneThatIsNotGivenBackIsGone) {
  { const BodyBuffers::Buffer buffer = buffers.take(); }
  CHECK_FALSE(buffers.close_rested(now));
}

TEST(BodyBuffers, ClosingWhatRestsIsDueUntilNothingIsKept) {
  CHECK_TRUE(buffers.put(buffers.take(), now));
  CHECK_FALSE(buffers.put(buffers.take(), now));
  now += BodyBuffers::kLongestRest;
  CHECK_TRUE(buffers.close_rested(now));
  CHECK_FALSE(buffers.close_rested(now + Micros(1)));
  CHECK_TRUE(buffers.put(buffers.take(), now));
  buffers.give_watch_up();
  CHECK_TRUE(buffers.put(buffers.take(), now));
}

TEST(BodyBuffers, NoMoreAreKeptThanTheMost) {
  std::vector<BodyBuffers::Buffer> many(BodyBuffers::kMost + 1);
  for (auto& buffer : many) buffer = buffers.take();
  const ino_t last = file_of(many.back());
  for (auto& buffer : many) buffers.put(std::move(buffer), now);
  for (std::size_t i = 0; i < BodyBuffers::kMost; ++i) CHECK_TRUE(file_of(buffers.take()) != last);
}
