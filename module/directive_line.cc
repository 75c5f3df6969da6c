// SPDX-License-Identifier: Apache-2.0
#include "module/directive_line.h"

#include <strings.h>

#include <cstdarg>

namespace httpd {

const char* refusal(cmd_parms* cmd, base::Message message, const std::string& text) {
  const std::string line = std::string(base::entry_of(message).code) + ": " + cmd->cmd->name + " " + text;
  return pool_copy(cmd->pool, line);
}

const char* refuse(cmd_parms* cmd, base::Message message, const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  const char* text = apr_pvsprintf(cmd->pool, format, arguments);
  va_end(arguments);
  return refusal(cmd, message, text);
}

const char* refuse(cmd_parms* cmd, const std::string& subject, const base::Error& error) {
  return refusal(cmd, error.message, subject + ": " + error.what);
}

bool parse_switch(const char* text, Switch* out) {
  if (strcasecmp(text, "on") == 0) {
    *out = Switch::kOn;
  } else if (strcasecmp(text, "off") == 0) {
    *out = Switch::kOff;
  } else {
    return false;
  }
  return true;
}

const char* refuse_switch(cmd_parms* cmd, const char* value) {
  return refuse(cmd, base::Message::kDirectiveValue, "must be one of: Off | On, not \"%s\"", value);
}

std::string place_of(const ap_directive_t& line) {
  return std::string(line.filename) + ":" + std::to_string(line.line_num);
}

std::string place_of(const cmd_parms* cmd) { return place_of(*cmd->directive); }

bool is_htaccess(const cmd_parms* cmd) { return cmd->pool == cmd->temp_pool; }

}  // namespace httpd
