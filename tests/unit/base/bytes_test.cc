// SPDX-License-Identifier: Apache-2.0
#include "base/bytes.h"

#include <CppUTest/TestHarness.h>

using base::ByteReader;
using base::ByteWriter;

TEST_GROUP(Bytes) {
  std::string bytes;

  void write_one_of_each() {
    ByteWriter writer(&bytes);
    write_one_of_each(writer);
  }
  void write_one_of_each(auto& writer) {
    writer.u8(0x01);
    writer.u16(0x0203);
    writer.u32(0x04050607);
    writer.u64(0x08090a0b0c0d0e0f);
    writer.i64(-2);
    writer.text("tail");
  }
};

TEST(Bytes, AreReadAsTheyWereWritten) {
  write_one_of_each();
  ByteReader reader(base::as_bytes(bytes));
  CHECK_EQUAL(0x01u, static_cast<unsigned>(reader.u8()));
  CHECK_EQUAL(0x0203u, static_cast<unsigned>(reader.u16()));
  CHECK_EQUAL(0x04050607u, reader.u32());
  CHECK_TRUE(reader.u64() == 0x08090a0b0c0d0e0f);
  CHECK_TRUE(reader.i64() == -2);
  CHECK_TRUE(reader.text(4) == "tail");
  CHECK_TRUE(reader.ok());
  CHECK_EQUAL(0u, reader.remaining());
}

TEST(Bytes, AreCountedAndFilledInAsTheyAreAppended) {
  write_one_of_each();
  base::ByteCounter counter;
  write_one_of_each(counter);
  LONGS_EQUAL(bytes.size(), counter.size());
  std::string filled(counter.size(), '?');
  base::ByteFiller filler(filled.data());
  write_one_of_each(filler);
  CHECK_EQUAL(bytes, filled);
}

TEST(Bytes, AreLittleEndian) {
  ByteWriter(&bytes).u32(0x04030201);
  CHECK_EQUAL(std::string("\x01\x02\x03\x04"), bytes);
}

TEST(Bytes, EveryStrictPrefixFailsTheReader) {
  write_one_of_each();
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    ByteReader reader(base::as_bytes(std::string_view(bytes).substr(0, size)));
    reader.u8();
    reader.u16();
    reader.u32();
    reader.u64();
    reader.i64();
    reader.text(4);
    CHECK_FALSE(reader.ok());
  }
}

TEST(Bytes, AFailedReaderStaysFailedAndEmpty) {
  ByteReader reader(base::as_bytes("abc"));
  reader.u32();
  CHECK_FALSE(reader.ok());
  CHECK_EQUAL(0u, static_cast<unsigned>(reader.u8()));
  CHECK_EQUAL(0u, reader.remaining());
  CHECK_FALSE(reader.ok());
}

TEST(Bytes, ATextLongerThanTheBufferIsRefusedWhateverItsSize) {
  ByteReader reader(base::as_bytes("abc"));
  CHECK_TRUE(reader.text(static_cast<std::size_t>(-1)).empty());
  CHECK_FALSE(reader.ok());
}

TEST(Bytes, ATextOfNoBytesIsReadFromAnEmptyBuffer) {
  ByteReader reader(std::span<const std::byte>{});
  CHECK_TRUE(reader.text(0).empty());
  CHECK_TRUE(reader.ok());
}
