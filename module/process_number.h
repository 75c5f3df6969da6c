// SPDX-License-Identifier: Apache-2.0
#pragma once

// The number of this process as a text, so that no request asks the kernel for it.

#include <string_view>

namespace httpd {

// Once the process is there, before its threads. A process that is forked from it later has its own number.
void keep_process_number();

// In decimal. Lives as long as the process. After keep_process_number(): any thread.
std::string_view process_number();

}  // namespace httpd
