// SPDX-License-Identifier: Apache-2.0
#include "module/spool.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <string>

#include "base/messages.h"

#include <CppUTest/TestHarness.h>

using httpd::Spool;
using httpd::SpoolLimits;

namespace {

constexpr std::size_t kPiece = Spool::kPiece;

std::string pattern(std::size_t size, char first = 0) {
  std::string text(size, '\0');
  for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>(first + static_cast<char>(i % 251));
  return text;
}

std::string content(int fd, std::int64_t offset, std::int64_t length) {
  std::string text(static_cast<std::size_t>(length), '\0');
  LONGS_EQUAL(length, pread(fd, text.data(), text.size(), offset));
  return text;
}

std::string content(const Spool::Piece& piece) {
  if (piece.data != nullptr) return {piece.data.get(), piece.size};
  return content(piece.fd.get(), piece.offset, piece.length);
}

std::size_t entries(const char* directory) {
  DIR* open = opendir(directory);
  std::size_t count = 0;
  while (readdir(open) != nullptr) ++count;
  closedir(open);
  return count;
}

}  // namespace

TEST_GROUP(Spool) {
  char directory[32] = "/tmp/gatehouse-spool-XXXXXX";
  SpoolLimits limits;

  void setup() override {
    CHECK(mkdtemp(directory) != nullptr);
    limits = {100, 1000, directory};
  }
  void teardown() override { rmdir(directory); }

  void add(Spool & spool, std::string_view bytes) {
    httpd::Block block = httpd::new_block(bytes.size());
    std::memcpy(block.get(), bytes.data(), bytes.size());
    spool.add(std::move(block), bytes.size());
  }
  std::string take(Spool & spool) {
    auto piece = spool.take();
    CHECK(static_cast<bool>(piece));
    return content(piece.value());
  }
  std::string take_all(Spool & spool) {
    std::string all;
    while (!spool.is_empty()) all += take(spool);
    return all;
  }
  std::string take_all_finally(Spool & spool) {
    std::string all;
    while (!spool.is_empty()) all += content(spool.take_finally().value());
    return all;
  }
};

TEST(Spool, GivesBackInOrderWhatWasAdded) {
  Spool spool(limits);
  std::string all;
  for (int i = 0; i < 20; ++i) {
    const std::string block = pattern(40, static_cast<char>(i));
    add(spool, block);
    all += block;
  }
  CHECK(take_all(spool) == all);
}

TEST(Spool, UsesMemoryFirstAndThenTheFile) {
  Spool spool(limits);
  add(spool, pattern(60));
  LONGS_EQUAL(60, spool.in_memory());
  add(spool, pattern(60));
  LONGS_EQUAL(60, spool.in_memory());
  LONGS_EQUAL(60, spool.in_file());
}

TEST(Spool, TheFileHasNoName) {
  Spool spool(limits);
  add(spool, pattern(400));
  LONGS_EQUAL(400, spool.in_file());
  LONGS_EQUAL(2, entries(directory));  // . and ..
}

TEST(Spool, HasNoRoomOnceMemoryAndFileAreFull) {
  Spool spool(limits);
  CHECK(spool.has_room(500));
  add(spool, pattern(100));
  add(spool, pattern(700));
  CHECK(spool.has_room(300));
  CHECK(!spool.has_room(301));
  add(spool, pattern(300));
  CHECK(!spool.has_room(1));
  take(spool);  // what is in memory
  CHECK(spool.has_room(100));
}

TEST(Spool, KeepsWhatIsAddedWithoutRoom) {
  Spool spool(limits);
  const std::string large = pattern(1500);
  add(spool, large);
  LONGS_EQUAL(1000, spool.in_file());
  LONGS_EQUAL(500, spool.in_memory());
  CHECK(!spool.has_room(1));
  CHECK(take_all(spool) == large);
  CHECK(!spool.take_trouble().has_value());
}

TEST(Spool, TheFileIsUsedAgainAndNeverLargerThanItsCap) {
  limits.memory = 0;
  Spool spool(limits);
  std::string added, taken;
  for (int i = 0; i < 50; ++i) {
    while (spool.has_room(90)) {
      added += pattern(90, static_cast<char>(i));
      add(spool, std::string_view(added).substr(added.size() - 90));
    }
    taken += take(spool);
    CHECK(spool.in_file() <= 1000);
  }
  add(spool, pattern(10));
  added += pattern(10);
  while (!spool.is_empty()) {
    const auto piece = spool.take_finally();
    struct stat facts {};
    fstat(piece.value().fd.get(), &facts);
    CHECK(facts.st_size <= 1000);
    taken += content(piece.value());
  }
  CHECK(taken == added);
}

TEST(Spool, ReadsTheFileBackInBoundedPieces) {
  limits = {0, 1 << 20, directory};
  Spool spool(limits);
  const std::string large = pattern(3 * kPiece + 1);
  add(spool, large);
  std::string first = take(spool);
  LONGS_EQUAL(kPiece, first.size());
  CHECK(first + take_all(spool) == large);
}

TEST(Spool, GivesTheFileItselfWhenNothingIsAddedAnyMore) {
  Spool spool(limits);
  const std::string in_memory = pattern(100, 1), in_file = pattern(500, 2);
  add(spool, in_memory);
  add(spool, in_file);
  const Spool::Piece memory = spool.take_finally().value();
  CHECK(memory.data != nullptr);
  const Spool::Piece file = spool.take_finally().value();
  CHECK(file.fd.valid());
  LONGS_EQUAL(500, file.length);
  CHECK(content(file) == in_file);
  CHECK(spool.is_empty());
}

TEST(Spool, WhatIsInTheFileMayBeLookedAtBeforeItIsTaken) {
  Spool spool(limits);
  add(spool, pattern(50));
  LONGS_EQUAL(0, spool.first_in_file().length);
  add(spool, pattern(200));
  take(spool);
  const Spool::Range range = spool.first_in_file();
  LONGS_EQUAL(200, range.length);
  CHECK(content(range.fd, range.offset, range.length) == pattern(200));
  LONGS_EQUAL(200, spool.in_file());
  spool.drop_first();
  CHECK(spool.is_empty());
  LONGS_EQUAL(0, spool.in_file());
}

TEST(Spool, AFileOfSomebodyElseStandsWhereItWasAdded) {
  Spool spool(limits);
  base::UniqueFd other(open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  LONGS_EQUAL(9, pwrite(other.get(), "other one", 9, 0));
  add(spool, "before ");
  spool.add_file(std::move(other), 0, 5);
  add(spool, " behind");
  LONGS_EQUAL(14, spool.in_memory());
  STRCMP_EQUAL("before other behind", take_all_finally(spool).c_str());
}

TEST(Spool, MemoryThatCameFreeIsUsedAgainBehindTheFile) {
  Spool spool(limits);
  add(spool, std::string(100, 'a'));
  add(spool, std::string(50, 'b'));
  std::string taken = take(spool);
  add(spool, std::string(30, 'c'));
  LONGS_EQUAL(30, spool.in_memory());
  taken += take_all(spool);
  CHECK(taken == std::string(100, 'a') + std::string(50, 'b') + std::string(30, 'c'));
}

TEST(Spool, ADirectoryThatIsMissingIsToldOnceAndLosesNothing) {
  limits.directory = "/nonexistent/directory";
  Spool spool(limits);
  add(spool, pattern(100));
  add(spool, pattern(100, 5));
  const auto trouble = spool.take_trouble();
  CHECK(trouble.has_value());
  STRCMP_CONTAINS("/nonexistent/directory", trouble->what.c_str());
  CHECK(!spool.has_room(1));
  add(spool, pattern(100, 9));
  CHECK(!spool.take_trouble().has_value());
  CHECK(take_all(spool) == pattern(100) + pattern(100, 5) + pattern(100, 9));
  CHECK(spool.has_room(100));
}

TEST(Spool, WithoutAFileThereIsOnlyMemory) {
  limits.file = 0;
  Spool spool(limits);
  add(spool, pattern(100));
  CHECK(!spool.has_room(1));
  add(spool, pattern(50));
  LONGS_EQUAL(150, spool.in_memory());
  CHECK(!spool.take_trouble().has_value());
}
