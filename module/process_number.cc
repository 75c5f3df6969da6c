// SPDX-License-Identifier: Apache-2.0
#include "module/process_number.h"

#include <pthread.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <cstddef>

namespace httpd {
namespace {

struct Number {
  std::array<char, 11> digits;
  std::size_t size;  // 0: not kept yet
};
constinit Number number{};

void write_down() noexcept {
  char* const begin = number.digits.data();
  number.size = static_cast<std::size_t>(std::to_chars(begin, begin + number.digits.size(), getpid()).ptr - begin);
}

}  // namespace

void keep_process_number() {
  if (number.size != 0) return;  // httpd -X has one process for all its generations
  write_down();
  pthread_atfork(nullptr, nullptr, write_down);
}

std::string_view process_number() { return {number.digits.data(), number.size}; }

}  // namespace httpd
