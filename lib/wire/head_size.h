// SPDX-License-Identifier: Apache-2.0
#pragma once

// What makes a request's variables or a response's headers too large. Pure.

#include <span>
#include <string>

#include "wire/message.h"

namespace wire {

// "3 of 1200040 bytes, the largest is X-Big of 1200000 bytes": how many pairs, of how many bytes, and the largest.
std::string text_of_sizes(std::span<const Pair> pairs);

}  // namespace wire
