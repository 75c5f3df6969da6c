// SPDX-License-Identifier: Apache-2.0
#pragma once

// What the handlers of directives have in common: how they refuse a line, read On and Off, and tell where it stands.
// Thread: the one that reads the configuration, or, for .htaccess files, a request's.

#include <string>

#include "base/result.h"
#include "module/config.h"

namespace httpd {

// The text of an error for httpd to show: "GHnnnn: DIRECTIVE text".
const char* refusal(cmd_parms* cmd, base::Message message, const std::string& text);
[[gnu::format(printf, 3, 4)]] const char* refuse(cmd_parms* cmd, base::Message message, const char* format, ...);
const char* refuse(cmd_parms* cmd, const std::string& subject, const base::Error& error);

// False: neither On nor Off, in any case of letters.
bool parse_switch(const char* text, Switch* out);
const char* refuse_switch(cmd_parms* cmd, const char* value);

// "FILE:LINE"
std::string place_of(const ap_directive_t& line);
std::string place_of(const cmd_parms* cmd);

// A .htaccess file is read for a request, by its thread: what is kept for all of the configuration is closed to it.
bool is_htaccess(const cmd_parms* cmd);

}  // namespace httpd
