// SPDX-License-Identifier: Apache-2.0
#include "daemon/load_plan.h"

#include <algorithm>

namespace gatehoused {
namespace {

// More scripts than this in one group are loaded by their requests.
constexpr std::size_t kMostChanges = 64;

bool has(const std::vector<ScriptVersion>& versions, std::string_view script) {
  return std::any_of(versions.begin(), versions.end(),
                     [&](const ScriptVersion& version) { return version.script == script; });
}

}  // namespace

bool LoadPlan::needs_pilot() const {
  return std::any_of(imports.begin(), imports.end(),
                     [&](const PlannedImport& planned) { return planned.required && !is_loaded_ahead(planned); });
}

Changes::Entry* Changes::find(std::string_view script) {
  const auto found =
      std::find_if(entries_.begin(), entries_.end(), [&](const Entry& entry) { return entry.change.script == script; });
  return found == entries_.end() ? nullptr : &*found;
}

Changes::Answer Changes::notice(const ScriptChange& change) {
  Entry* entry = find(change.script);
  if (entry != nullptr && entry->change.mtime_us == change.mtime_us)
    return entry->failed ? Answer::kServeOld : Answer::kWait;
  if (entry == nullptr) {
    if (entries_.size() >= kMostChanges) entries_.erase(entries_.begin());
    entry = &entries_.emplace_back();
  }
  entry->change = change;
  entry->failed = false;
  entry->noticed = true;
  failures_ = 0;
  return Answer::kNews;
}

bool Changes::any_untried() const {
  return std::any_of(entries_.begin(), entries_.end(),
                     [](const Entry& entry) { return entry.attempted_us != entry.change.mtime_us && !entry.failed; });
}

LoadPlan Changes::plan(const std::vector<wire::Import>& configured, const std::vector<ScriptVersion>& loaded,
                       bool preload, bool serving) {
  LoadPlan plan;
  plan.before_fork = preload;
  plan.is_first = !serving;
  plan.needs_one = preload && !serving;
  plan.is_retry = failures_ > 0;
  for (const wire::Import& import : configured) {
    const bool is_script = import.kind == wire::Import::Kind::kScript;
    if (!preload && !is_script) continue;
    plan.imports.push_back({import, "", serving && !is_script && has(loaded, import.script)});
  }
  for (Entry& entry : entries_) {
    entry.attempted_us = entry.change.mtime_us;
    if (entry.failed) plan.watched.push_back({entry.change.script, entry.change.mtime_us});
    if (!serving || !entry.noticed) continue;
    const ScriptChange& change = entry.change;
    const auto known = std::find_if(plan.imports.begin(), plan.imports.end(), [&](const PlannedImport& planned) {
      return planned.import.script == change.script && planned.import.interpreter == change.interpreter;
    });
    PlannedImport& planned = known != plan.imports.end() ? *known : plan.imports.emplace_back();
    planned.import = {wire::Import::Kind::kApplication, change.script, change.interpreter, change.application_group};
    planned.callable = change.callable;
    planned.required = true;
  }
  return plan;
}

void Changes::add_culprit(const ScriptVersion& version) {
  Entry* entry = find(version.script);
  if (entry == nullptr) {
    entry = &entries_.emplace_back();
    entry->change.script = version.script;
    entry->change.mtime_us = version.mtime_us;
  }
  // A version that was noticed meanwhile is to be tried.
  if (entry->change.mtime_us != version.mtime_us && entry->change.mtime_us != entry->attempted_us) return;
  entry->change.mtime_us = entry->attempted_us = version.mtime_us;
}

void Changes::attempt_failed() {
  for (Entry& entry : entries_) entry.failed = entry.attempted_us == entry.change.mtime_us;
  ++failures_;
}

void Changes::attempt_succeeded(const std::vector<ScriptVersion>& loaded) {
  std::erase_if(entries_, [&](const Entry& entry) {
    const auto same = [&](const ScriptVersion& version) {
      return version.script == entry.change.script && version.mtime_us == entry.change.mtime_us;
    };
    return entry.attempted_us == entry.change.mtime_us || std::any_of(loaded.begin(), loaded.end(), same);
  });
  failures_ = 0;
}

std::vector<ScriptVersion> Changes::failed() const {
  std::vector<ScriptVersion> versions;
  for (const Entry& entry : entries_)
    if (entry.failed) versions.push_back({entry.change.script, entry.change.mtime_us});
  return versions;
}

std::vector<ScriptVersion> Changes::latest() const {
  std::vector<ScriptVersion> versions;
  for (const Entry& entry : entries_) versions.push_back({entry.change.script, entry.change.mtime_us});
  return versions;
}

}  // namespace gatehoused
