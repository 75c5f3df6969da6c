// SPDX-License-Identifier: Apache-2.0
#include "daemon/deaths.h"

#include <array>
#include <cstdio>
#include <ctime>

namespace gatehoused {
namespace {

constexpr double kMebibyte = 1 << 20;

std::string time_text(std::int64_t wall_clock_us) {
  const auto seconds = static_cast<std::time_t>(wall_clock_us / 1'000'000);
  std::tm parts{};
  std::array<char, 32> text{};
  const std::size_t size = std::strftime(text.data(), text.size(), "%F %T", gmtime_r(&seconds, &parts));
  return {text.data(), size};
}

}  // namespace

std::string text_of(const Death& death, const std::string& group) {
  std::array<char, 96> figures{};
  const double lived = static_cast<double>(death.lived.count()) / 1e6;
  int size = std::snprintf(figures.data(), figures.size(), " after %.1f s", lived);
  if (death.peak_memory > 0)
    size += std::snprintf(figures.data() + size, figures.size() - static_cast<std::size_t>(size),
                          ", with %.1f MiB of memory at most", static_cast<double>(death.peak_memory) / kMebibyte);
  return "worker " + std::to_string(death.pid) + " of group '" + group + "' " + death.how +
         std::string(figures.data(), static_cast<std::size_t>(size)) + "; it held " + death.held;
}

void Deaths::add(std::string text, std::int64_t wall_clock_us) {
  Entry entry{wall_clock_us, std::move(text)};
  if (entries_.size() < kMost)
    entries_.push_back(std::move(entry));
  else
    entries_[next_] = std::move(entry);
  next_ = (next_ + 1) % kMost;
}

std::vector<std::string> Deaths::list() const {
  std::vector<std::string> lines;
  const std::size_t first = entries_.size() < kMost ? 0 : next_;
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    const Entry& entry = entries_[(first + i) % entries_.size()];
    lines.push_back(time_text(entry.when_us) + " " + entry.text);
  }
  return lines;
}

}  // namespace gatehoused
