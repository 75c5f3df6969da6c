// SPDX-License-Identifier: Apache-2.0
#include "daemon/log_filter.h"

#include "base/log.h"

namespace gatehoused {
namespace {

constinit base::Level most_verbose = base::Level::kTrace;

void write_filtered(void* context, base::Level level, std::string_view line) {
  if (level <= most_verbose) base::write_to_stderr(context, level, line);
}

}  // namespace

void set_log_level(base::Level level) {
  most_verbose = level;
  base::set_log_sink(write_filtered, nullptr);
}

void on_engine_log(void* /*context*/, gatehouse_level level, gatehouse_text line, const gatehouse_place* /*place*/) {
  write_filtered(nullptr, static_cast<base::Level>(level), std::string_view(line.data, line.size));
}

void on_repeated_engine_log(void* context, gatehouse_level /*level*/, gatehouse_text line,
                            const gatehouse_place* place) {
  on_engine_log(context, GATEHOUSE_LOG_DEBUG, line, place);
}

}  // namespace gatehoused
