// SPDX-License-Identifier: Apache-2.0
#include "daemon/memory_maps.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <fstream>
#include <string>

#include "base/posix.h"

// After the C++ headers.
#include "CppUTest/TestHarness.h"

using gatehoused::MemoryMaps;

namespace {

constexpr std::size_t kSize = 64u << 10;

base::UniqueFd new_memory() {
  base::UniqueFd memory(memfd_create("maps-test", MFD_CLOEXEC));
  CHECK_EQUAL(0, ftruncate(memory.get(), kSize));
  return memory;
}

int mapped() {
  int count = 0;
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) count += line.find("maps-test") != std::string::npos;
  return count;
}

}  // namespace

TEST_GROUP(MemoryMaps) {
  MemoryMaps maps;
  base::UniqueFd memory = new_memory();
};

TEST(MemoryMaps, WhatIsWrittenIsInTheMemory) {
  const MemoryMaps::Map map = maps.take(memory.get(), kSize);
  CHECK_TRUE(map.is_open());
  map.data()[kSize - 1] = 'x';
  char last = 0;
  LONGS_EQUAL(1, pread(memory.get(), &last, 1, kSize - 1));
  BYTES_EQUAL('x', last);
}

TEST(MemoryMaps, TheSameMemoryHasTheSameMapAgain) {
  MemoryMaps::Map map = maps.take(memory.get(), kSize);
  const char* const data = map.data();
  maps.put(std::move(map));
  const base::UniqueFd other = new_memory();
  const base::UniqueFd same(dup(memory.get()));
  CHECK_FALSE(maps.take(other.get(), kSize).data() == data);
  POINTERS_EQUAL(data, maps.take(same.get(), kSize).data());
}

TEST(MemoryMaps, AMapIsOneRequestsAtATime) {
  const MemoryMaps::Map one = maps.take(memory.get(), kSize);
  const MemoryMaps::Map two = maps.take(memory.get(), kSize);
  CHECK_TRUE(one.is_open() && two.is_open());
  CHECK_FALSE(one.data() == two.data());
}

TEST(MemoryMaps, OneThatIsNotGivenBackIsUnmapped) {
  maps.take(memory.get(), kSize);
  LONGS_EQUAL(0, mapped());
}

TEST(MemoryMaps, WhatIsNotUsedBetweenTwoLooksIsUnmapped) {
  maps.put(maps.take(memory.get(), kSize));
  maps.close_unused();
  LONGS_EQUAL(1, mapped());
  maps.put(maps.take(memory.get(), kSize));
  maps.close_unused();
  LONGS_EQUAL(1, mapped());
  maps.close_unused();
  LONGS_EQUAL(0, mapped());
}

TEST(MemoryMaps, NoMoreThanKMostAreKept) {
  std::vector<MemoryMaps::Map> all;
  for (std::size_t i = 0; i <= MemoryMaps::kMost; ++i) all.push_back(maps.take(new_memory().get(), kSize));
  for (MemoryMaps::Map& map : all) maps.put(std::move(map));
  LONGS_EQUAL(MemoryMaps::kMost, mapped());
}

TEST(MemoryMaps, WhatCannotBeMappedIsNotOpen) {
  const base::UniqueFd null(open("/dev/null", O_RDWR | O_CLOEXEC));
  CHECK_FALSE(maps.take(-1, kSize).is_open());
  CHECK_FALSE(maps.take(null.get(), kSize).is_open());
}

TEST(MemoryMaps, AnApplicationsChildHasNoneAndUnmapsNothing) {
  MemoryMaps::Map map = maps.take(memory.get(), kSize);
  void* const place = map.data();
  maps.forget();
  maps.put(std::move(map));
  LONGS_EQUAL(1, mapped());
  munmap(place, kSize);
}
