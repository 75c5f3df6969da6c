// SPDX-License-Identifier: Apache-2.0
#include "daemon/log_filter.h"

#include <unistd.h>

#include <string>

#include "base/log.h"
#include "base/posix.h"

#include <CppUTest/TestHarness.h>

TEST_GROUP(LogFilter){// What is written to descriptor 2 meanwhile.
                      template <typename Action> std::string written_by(Action action){int ends[2];
CHECK_EQUAL(0, pipe(ends));
const base::UniqueFd read_end(ends[0]);
base::UniqueFd write_end(ends[1]);
const base::UniqueFd kept(dup(STDERR_FILENO));
dup2(write_end.get(), STDERR_FILENO);
action();
dup2(kept.get(), STDERR_FILENO);
write_end.reset();
std::string text(4096, '\0');
const ssize_t got = base::read_some(read_end.get(), text.data(), text.size());
text.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
return text;
}
void teardown() override {
  gatehoused::set_log_level(base::Level::kTrace);
  base::set_log_sink(nullptr, nullptr);
}
}
;

TEST(LogFilter, LetsThroughWhatIsAsSevereAsTheLevel) {
  gatehoused::set_log_level(base::Level::kWarning);
  const std::string text = written_by([] {
    base::log(base::Message::kWorkerDied, "an error");
    base::log(base::Message::kWorkerCutOff, "a warning");
    base::log(base::Message::kWorkerLeft, "an information");
  });
  STRCMP_CONTAINS("GH0406: an error\n", text.c_str());
  STRCMP_CONTAINS("GH0407: a warning\n", text.c_str());
  CHECK(text.find("information") == std::string::npos);
}

TEST(LogFilter, TreatsTheEnginesLinesAlike) {
  gatehoused::set_log_level(base::Level::kWarning);
  const std::string text = written_by([] {
    gatehoused::on_engine_log(nullptr, GATEHOUSE_LOG_ERROR, {"shown", 5}, nullptr);
    gatehoused::on_engine_log(nullptr, GATEHOUSE_LOG_INFO, {"hidden", 6}, nullptr);
  });
  STRCMP_CONTAINS("shown\n", text.c_str());
  CHECK(text.find("hidden") == std::string::npos);
}
