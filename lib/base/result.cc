// SPDX-License-Identifier: Apache-2.0
#include "base/result.h"

#include <cerrno>

namespace base {

Error os_error(Message message, std::string what) {
  const int code = errno;
  return {message, code, std::move(what)};
}

}  // namespace base
