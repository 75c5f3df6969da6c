// SPDX-License-Identifier: Apache-2.0
#include "wsgi/telemetry_format.h"

#include <string>
#include <vector>

#include <CppUTest/TestHarness.h>

using wsgi::Datagram;
using wsgi::TelemetryField;
using wsgi::TelemetryKind;

namespace {

std::string hex(std::string_view bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (const char byte : bytes) {
    text.push_back(kDigits[static_cast<unsigned char>(byte) >> 4]);
    text.push_back(kDigits[static_cast<unsigned char>(byte) & 15]);
  }
  return text;
}

}  // namespace

TEST_GROUP(TelemetryFormat) {
  Datagram datagram{TelemetryKind::kStarted, 0x01020304, 7, 2'500'000};

  std::string fields() const { return hex(datagram.bytes().substr(24)); }
};

TEST(TelemetryFormat, TheHeaderIs24BytesLittleEndian) {
  STRCMP_EQUAL(
      "57534749"
      "01"
      "05"
      "0000"
      "04030201"
      "07000000"
      "0000000000000440",
      hex(datagram.bytes()).c_str());
}

TEST(TelemetryFormat, AFieldIsNumberTypeAndValue) {
  datagram.put_count(TelemetryField::kRequestCount, 258);
  datagram.put_seconds(TelemetryField::kSamplePeriod, 500'000);
  datagram.put_text(TelemetryField::kHostname, "ab");
  STRCMP_EQUAL(
      "1400"
      "01"
      "0201000000000000"
      "0a00"
      "02"
      "000000000000e03f"
      "0500"
      "04"
      "0200"
      "6162",
      fields().c_str());
}

TEST(TelemetryFormat, ListsBeginWithTheirLength) {
  datagram.put_counts(TelemetryField::kThreadCompleted, std::vector<std::uint32_t>{1, 0xffffffffu});
  datagram.put_seconds_list(TelemetryField::kThreadBusyTime, std::vector<std::int64_t>{2'000'000});
  STRCMP_EQUAL(
      "6e00"
      "05"
      "0200"
      "01000000"
      "ffffff7f"
      "6f00"
      "06"
      "0100"
      "0000000000000040",
      fields().c_str());
}

TEST(TelemetryFormat, AnEmptyTextIsLeftOutAndALongOneCut) {
  datagram.put_text(TelemetryField::kHostname, "");
  datagram.put_text(TelemetryField::kHostname, "abcdef", 3);
  STRCMP_EQUAL(
      "0500"
      "04"
      "0300"
      "616263",
      fields().c_str());
}

TEST(TelemetryFormat, WhatDoesNotFitIsLeftOutWhole) {
  const std::vector<std::uint32_t> many(1500);
  datagram.put_counts(TelemetryField::kPhaseBuckets, many);
  const std::size_t size = datagram.bytes().size();
  datagram.put_counts(TelemetryField::kPhaseBuckets, many);
  UNSIGNED_LONGS_EQUAL(size, datagram.bytes().size());
  datagram.put_count(TelemetryField::kRequestCount, 1);
  CHECK_TRUE(datagram.bytes().size() > size && datagram.bytes().size() <= Datagram::kLongest);
}
