// SPDX-License-Identifier: Apache-2.0
//
// The options of WSGIDaemonProcess, and the launch record. The input's first byte chooses: '=' lines of NAME=VALUE,
// anything else a launch record. What is accepted must survive encoding; a finding aborts.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "wire/group_spec.h"

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

void try_record(std::span<const std::byte> bytes) {
  const base::Result<wire::Launch> launch = wire::decode_launch(bytes);
  if (!launch) {
    require(!launch.error().what.empty());
    return;
  }
  const std::string again = wire::encode(launch.value());
  require(again == std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
}

void try_options(std::string_view text) {
  wire::Launch launch;
  for (int lines = 0; lines < 12 && !text.empty(); ++lines) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    const std::string_view name = line.substr(0, line.find('='));
    const std::string_view value = name.size() < line.size() ? line.substr(name.size() + 1) : std::string_view();
    const wire::GroupSpec before = launch.spec;
    const base::Status status = wire::set_option(&launch.spec, name, value);
    if (!status) require(wire::same_options(before, launch.spec) && !status.error().what.empty());
  }
  const std::string bytes = wire::encode(launch);
  const base::Result<wire::Launch> back = wire::decode_launch(base::as_bytes(bytes));
  require(back && wire::same_options(launch.spec, back.value().spec));
}

}  // namespace

extern "C" __attribute__((visibility("default"))) int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                                                             std::size_t size) {
  if (size < 1) return 0;
  const std::string_view rest(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (data[0] == '=') {
    try_options(rest);
  } else {
    try_record(base::as_bytes(rest));
  }
  return 0;
}
