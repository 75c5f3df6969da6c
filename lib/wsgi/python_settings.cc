// SPDX-License-Identifier: Apache-2.0
#include "wsgi/python_settings.h"

#include "base/bytes.h"

namespace wsgi {
namespace {

using base::ByteReader;
using base::ByteWriter;

constexpr std::uint32_t kMagic = 0x53504847;  // "GHPS"

void put_text(ByteWriter& writer, const std::string& text) {
  writer.u32(static_cast<std::uint32_t>(text.size()));
  writer.text(text);
}

std::string get_text(ByteReader& reader) { return std::string(reader.text(reader.u32())); }

void put_group(ByteWriter& writer, const std::optional<std::string>& group) {
  writer.u8(group.has_value() ? 1 : 0);
  if (group) put_text(writer, *group);
}

std::optional<std::string> get_group(ByteReader& reader) {
  return reader.u8() == 1 ? std::optional(get_text(reader)) : std::nullopt;
}

const char* string_or_null(const std::optional<std::string>& text) { return text ? text->c_str() : nullptr; }

std::optional<std::string> optional_text(const char* string) {
  return string != nullptr ? std::optional<std::string>(string) : std::nullopt;
}

}  // namespace

std::string encode(const PythonSettings& settings) {
  std::string bytes;
  ByteWriter writer(&bytes);
  writer.u32(kMagic);
  writer.u16(GATEHOUSE_ENGINE_ABI);
  writer.i64(settings.optimize);
  writer.u8(settings.write_bytecode ? 1 : 0);
  writer.u8(settings.runs_exit_functions ? 1 : 0);
  put_text(writer, settings.hash_seed);
  writer.u32(static_cast<std::uint32_t>(settings.warnings.size()));
  for (const std::string& warning : settings.warnings) put_text(writer, warning);
  writer.u32(static_cast<std::uint32_t>(settings.rules.size()));
  for (const InterpreterRule& rule : settings.rules) {
    writer.u32(rule.setting);
    writer.i64(rule.number);
    put_text(writer, rule.text);
    put_group(writer, rule.process_group);
    put_group(writer, rule.application_group);
  }
  put_text(writer, settings.telemetry.socket);
  writer.i64(settings.telemetry.interval_us);
  writer.i64(settings.telemetry.slow_us);
  writer.u8(settings.telemetry.user_agent ? 1 : 0);
  writer.i64(settings.telemetry.httpd_pid);
  return bytes;
}

base::Result<PythonSettings> decode_python_settings(std::span<const std::byte> bytes) {
  ByteReader reader(bytes);
  PythonSettings settings;
  const bool ours = reader.u32() == kMagic && reader.u16() == GATEHOUSE_ENGINE_ABI;
  settings.optimize = static_cast<std::int32_t>(reader.i64());
  settings.write_bytecode = reader.u8() == 1;
  settings.runs_exit_functions = reader.u8() == 1;
  settings.hash_seed = get_text(reader);
  for (std::uint32_t left = reader.u32(); reader.ok() && left > 0; --left)
    settings.warnings.push_back(get_text(reader));
  for (std::uint32_t left = reader.u32(); reader.ok() && left > 0; --left) {
    InterpreterRule rule;
    rule.setting = static_cast<gatehouse_setting>(reader.u32());
    rule.number = reader.i64();
    rule.text = get_text(reader);
    rule.process_group = get_group(reader);
    rule.application_group = get_group(reader);
    settings.rules.push_back(std::move(rule));
  }
  settings.telemetry.socket = get_text(reader);
  settings.telemetry.interval_us = reader.i64();
  settings.telemetry.slow_us = reader.i64();
  settings.telemetry.user_agent = reader.u8() == 1;
  settings.telemetry.httpd_pid = reader.i64();
  if (ours && reader.ok() && reader.remaining() == 0) return settings;
  return base::Error{base::Message::kDaemonStart, 0,
                     "the settings of Python are malformed: module and gatehoused are of two versions"};
}

PythonSettingsView::PythonSettingsView(const PythonSettings& settings, bool forks)
    : settings_(settings),
      telemetry_{sizeof telemetry_,
                 forks ? 1 : 0,
                 settings.telemetry.socket.c_str(),
                 settings.telemetry.interval_us,
                 settings.telemetry.slow_us,
                 settings.telemetry.user_agent ? 1 : 0,
                 settings.telemetry.httpd_pid} {
  for (const std::string& warning : settings.warnings) warnings_.push_back(warning.c_str());
  for (const InterpreterRule& rule : settings.rules)
    rules_.push_back({static_cast<std::uint32_t>(rule.setting), rule.number, rule.text.c_str(),
                      string_or_null(rule.process_group), string_or_null(rule.application_group)});
}

void PythonSettingsView::fill(gatehouse_python* python) const {
  python->optimize = settings_.optimize;
  python->write_bytecode = settings_.write_bytecode ? 1 : 0;
  python->hash_seed = settings_.hash_seed.empty() ? nullptr : settings_.hash_seed.c_str();
  python->warnings = warnings_.data();
  python->warnings_count = warnings_.size();
  python->rules = rules_.data();
  python->rules_count = rules_.size();
  python->skip_exit_functions = settings_.runs_exit_functions ? 0 : 1;
  python->telemetry = settings_.telemetry.socket.empty() ? nullptr : &telemetry_;
}

std::vector<InterpreterRule> rules_of(const gatehouse_python& python) {
  std::vector<InterpreterRule> rules;
  for (std::size_t i = 0; i < python.rules_count; ++i) {
    const gatehouse_rule& rule = python.rules[i];
    rules.push_back({static_cast<gatehouse_setting>(rule.setting), rule.number, rule.text != nullptr ? rule.text : "",
                     optional_text(rule.process_group), optional_text(rule.application_group)});
  }
  return rules;
}

TelemetrySettings telemetry_of(const gatehouse_python& python) {
  TelemetrySettings settings;
  const gatehouse_telemetry* telemetry = python.telemetry;
  if (telemetry == nullptr) return settings;
  settings.socket = telemetry->socket;
  settings.interval_us = telemetry->interval_us;
  settings.slow_us = telemetry->slow_us;
  settings.user_agent = telemetry->user_agent != 0;
  settings.httpd_pid = telemetry->httpd_pid;
  return settings;
}

}  // namespace wsgi
