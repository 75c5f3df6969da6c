// SPDX-License-Identifier: Apache-2.0
#include "wire/group_spec.h"

#include <climits>
#include <cstring>
#include <memory>
#include <string>

#include "base/bytes.h"

#include <CppUTest/TestHarness.h>

using wire::GroupSpec;
using wire::Launch;

namespace {

// "" when the value is accepted, else the sentence.
std::string set(GroupSpec* spec, std::string_view name, std::string_view value) {
  const base::Status status = wire::set_option(spec, name, value);
  return status ? "" : status.error().what;
}

std::string refusal(std::string_view name, std::string_view value) {
  GroupSpec spec;
  std::string what = set(&spec, name, value);
  CHECK_TRUE_TEXT(wire::same_options(spec, GroupSpec()) || what.empty(), "a refused value changed something");
  return what;
}

void accepts(const char* name, const char* value) { STRCMP_EQUAL_TEXT("", refusal(name, value).c_str(), name); }
void refuses(const char* name, const char* value, const char* sentence) {
  STRCMP_EQUAL(sentence, refusal(name, value).c_str());
}

Launch full_launch() {
  Launch launch;
  launch.spec.name = "shop";
  CHECK_TRUE(set(&launch.spec, "processes", "2").empty());
  CHECK_TRUE(set(&launch.spec, "umask", "027").empty());
  CHECK_TRUE(set(&launch.spec, "queue-timeout", "1.5").empty());
  CHECK_TRUE(set(&launch.spec, "home", "/srv").empty());
  CHECK_TRUE(set(&launch.spec, "server-metrics", "On").empty());
  launch.uid = 33;
  launch.gid = 34;
  launch.groups = {34, 100};
  launch.user_name = "www-data";
  launch.user_home = "/var/www";
  launch.engine = "/usr/libexec/engine-cpython-3.11.so";
  launch.python_settings = std::string("\1\0x", 3);
  launch.environment = {"PATH=/bin", "TZ=UTC"};
  launch.log_level = 6;
  launch.generation = 3;
  CHECK_TRUE(set(&launch.spec, "processes", "2-5").empty());
  launch.imports = {{wire::Import::Kind::kScript, "/srv/warm.wsgi", "blog", "blog"},
                    {wire::Import::Kind::kApplication, "/srv/shop.wsgi", "", "example.org|/shop"}};
  launch.has_elders = true;
  return launch;
}

}  // namespace

TEST_GROUP(GroupOptions){};

TEST(GroupOptions, AreSortedByName) {
  const auto options = wire::group_options();
  for (std::size_t i = 1; i < options.size(); ++i) CHECK_TRUE(options[i - 1].name < options[i].name);
}

TEST(GroupOptions, EachHasOneMemberAndAMeaning) {
  for (const wire::GroupOption& option : wire::group_options()) {
    LONGS_EQUAL(1, (option.text != nullptr) + (option.number != nullptr) + (option.flag != nullptr));
    CHECK_TRUE(option.meaning.ends_with('.'));
  }
}

// listen-backlog is queue-size's old name.
TEST(GroupOptions, NoTwoShareAMemberButForAnOldName) {
  std::vector<wire::GroupOption> options(wire::group_options().begin(), wire::group_options().end());
  std::erase_if(options, [](const wire::GroupOption& option) { return option.name == "listen-backlog"; });
  for (std::size_t i = 0; i < options.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      CHECK_FALSE(options[i].text != nullptr && options[i].text == options[j].text);
      CHECK_FALSE(options[i].number != nullptr && options[i].number == options[j].number);
    }
  }
}

TEST(GroupOptions, NumbersAcceptTheirBoundsAndNothingBeyond) {
  using wire::OptionKind;
  for (const wire::GroupOption& option : wire::group_options()) {
    if (option.number == nullptr || option.kind == OptionKind::kOctal) continue;
    if (option.kind != OptionKind::kPositiveSeconds)
      accepts(option.name.data(), std::to_string(option.minimum).c_str());
    accepts(option.name.data(), std::to_string(option.maximum).c_str());
    CHECK_FALSE(refusal(option.name, std::to_string(option.minimum - 1)).empty());
    if (option.maximum < INT64_MAX) CHECK_FALSE(refusal(option.name, std::to_string(option.maximum + 1)).empty());
    CHECK_FALSE(refusal(option.name, "").empty());
    CHECK_FALSE(refusal(option.name, "99999999999999999999").empty());
  }
}

TEST(GroupOptions, ARefusalNamesOptionValueAndRange) {
  refuses("threads", "abc", "threads=abc: a whole number from 0 to 65533 is needed");
  refuses("processes", "0", "processes=0: a whole number, or MIN-MAX, from 1 to 2147483647 is needed");
  refuses("processes", "2x", "processes=2x: a whole number, or MIN-MAX, from 1 to 2147483647 is needed");
  refuses("queue-timeout", "-1", "queue-timeout=-1: a number of seconds from 0 to 2147483647 is needed");
  refuses("umask", "8", "umask=8: an octal number from 0 to 777 is needed");
  refuses("home", "srv", "home=srv: the absolute path of a directory is needed");
  refuses("chroot", "", "chroot=: the absolute path of a directory is needed");
  refuses("python", "2.7", "python=2.7: a Python version like 3.12 is needed");
  refuses("server-metrics", "yes", "server-metrics=yes: On or Off is needed");
  refuses("send-buffer-size", "511",
          "send-buffer-size=511: 0 or a whole number of bytes from 512 to 2147483647 is needed");
  refuses("switch-interval", "0", "switch-interval=0: a number of seconds above 0 and up to 2147483647 is needed");
  refuses("response-flush-delay", "1.5",
          "response-flush-delay=1.5: a whole number of milliseconds from 0 to 2147483647 is needed");
  refuses("user", "#x", "user=#x: a name, or # and a number, is needed");
}

TEST(GroupOptions, ABufferSizeOfZeroMeansTheDefault) {
  accepts("send-buffer-size", "0");
  accepts("response-buffer-size", "0");
  accepts("header-buffer-size", "0");
}

TEST(GroupOptions, SecondsHaveFractions) {
  GroupSpec spec;
  const auto micros = [&](const char* value) {
    STRCMP_EQUAL("", set(&spec, "queue-timeout", value).c_str());
    return spec.queue_timeout;
  };
  LONGS_EQUAL(1'500'000, micros("1.5"));
  LONGS_EQUAL(250'000, micros(".25"));
  LONGS_EQUAL(3'000'000, micros("3."));
  LONGS_EQUAL(1, micros("0.0000019"));
  LONGS_EQUAL(2147483647'000000, micros("2147483647.000"));
}

TEST(GroupOptions, WhatIsNoNumberOfSecondsIsRefused) {
  for (const char* value : {"", ".", "1.5s", "1,5", "1e3", "+1", " 1", "0x10", "1.5.5", "2147483647.1", "inf"})
    CHECK_FALSE(refusal("queue-timeout", value).empty());
}

TEST(GroupOptions, TheUmaskIsOctal) {
  GroupSpec spec;
  STRCMP_EQUAL("", set(&spec, "umask", "0027").c_str());
  LONGS_EQUAL(027, spec.umask);
}

TEST(GroupOptions, MillisecondsAreKeptAsMicroseconds) {
  GroupSpec spec;
  STRCMP_EQUAL("", set(&spec, "response-flush-delay", "7").c_str());
  LONGS_EQUAL(7'000, spec.response_flush_delay);
}

TEST(GroupOptions, GivingProcessesAtAllIsRemembered) {
  GroupSpec spec;
  CHECK_FALSE(spec.processes_given);
  STRCMP_EQUAL("", set(&spec, "processes", "1").c_str());
  CHECK_TRUE(spec.processes_given);
}

TEST(GroupOptions, ProcessesMayBeARange) {
  GroupSpec spec;
  STRCMP_EQUAL("", set(&spec, "processes", "2-8").c_str());
  LONGS_EQUAL(2, spec.processes);
  LONGS_EQUAL(8, spec.max_processes());
  CHECK_TRUE(spec.processes_given);
  CHECK_FALSE(wire::same_options(spec, GroupSpec()));
  STRCMP_EQUAL("", set(&spec, "processes", "3").c_str());
  LONGS_EQUAL(3, spec.max_processes());
}

TEST(GroupOptions, ARangeOfProcessesGoesUpwards) {
  accepts("processes", "4-4");
  for (const char* value : {"8-2", "0-2", "2-", "-2", "2-8-9", "2-x", "2 - 8"})
    CHECK_FALSE(refusal("processes", value).empty());
}

TEST(GroupOptions, ReloadIsStrictOrRolling) {
  accepts("reload", "strict");
  accepts("reload", "rolling");
  refuses("reload", "never", "reload=never: strict or rolling is needed");
}

TEST(GroupOptions, SwitchesIgnoreCase) {
  GroupSpec spec;
  STRCMP_EQUAL("", set(&spec, "server-metrics", "oN").c_str());
  CHECK_TRUE(spec.server_metrics);
  STRCMP_EQUAL("", set(&spec, "server-metrics", "OFF").c_str());
  CHECK_FALSE(spec.server_metrics);
}

TEST(GroupOptions, PythonIsAVersion) {
  accepts("python", "3.9");
  accepts("python", "3.12");
  accepts("python", "3.13t");
  for (const char* value : {"", "3", "3.", "3.t", "3.123", "3.1x", "3.13tt", "t", "python3.11"})
    CHECK_FALSE(refusal("python", value).empty());
}

TEST(GroupOptions, AnUnknownOneSuggestsTheNearest) {
  refuses("root", "/", "there is no option root; did you mean chroot?");
  refuses("thread", "1", "there is no option thread; did you mean threads?");
  refuses("queue_timeout", "1", "there is no option queue_timeout; did you mean queue-timeout?");
  refuses("virtual-memry-limit", "1", "there is no option virtual-memry-limit; did you mean virtual-memory-limit?");
  refuses("Processes", "1", "there is no option Processes; did you mean processes?");
}

TEST(GroupOptions, AnUnknownOneThatIsNearNothingSuggestsNothing) {
  refuses("x", "1", "there is no option x");
  STRCMP_EQUAL(("there is no option " + std::string(64, 'q')).c_str(), refusal(std::string(5000, 'q'), "1").c_str());
}

TEST(GroupOptions, OnlyScriptUserOrScriptGroup) {
  GroupSpec spec;
  CHECK_TRUE(static_cast<bool>(wire::validate(spec)));
  spec.script_user = "a";
  CHECK_TRUE(static_cast<bool>(wire::validate(spec)));
  spec.script_group = "b";
  STRCMP_CONTAINS("exclude each other", wire::validate(spec).error().what.c_str());
}

TEST(GroupOptions, VariablesAddUp) {
  GroupSpec spec;
  for (const char* variable : {"A=1", "B=", "A=2=3"}) STRCMP_EQUAL("", set(&spec, "setenv", variable).c_str());
  STRCMP_EQUAL("A=1\nB=\nA=2=3", spec.setenv.c_str());
  refuses("setenv", "A", "setenv=A: NAME=VALUE is needed");
  refuses("setenv", "=1", "setenv==1: NAME=VALUE is needed");
  refuses("env-file", "secrets.env", "env-file=secrets.env: the absolute path of a file is needed");
}

TEST(GroupOptions, EachInterpreterNeedsAThread) {
  GroupSpec spec;
  spec.threads = spec.interpreters = 4;
  CHECK_TRUE(static_cast<bool>(wire::validate(spec)));
  spec.interpreters = 5;
  STRCMP_CONTAINS("interpreters=5 with threads=4", wire::validate(spec).error().what.c_str());
}

TEST(GroupOptions, AGroupWithoutThreadsIsAService) {
  GroupSpec spec;
  CHECK_FALSE(spec.is_service());
  STRCMP_EQUAL("", set(&spec, "threads", "0").c_str());
  CHECK_TRUE(static_cast<bool>(wire::validate(spec)));
  CHECK_TRUE(spec.is_service());
}

TEST(GroupOptions, WhatIsGivenIsRememberedAlsoWithItsDefault) {
  GroupSpec spec;
  CHECK_FALSE(wire::is_given(spec, "graceful-timeout"));
  STRCMP_EQUAL("", set(&spec, "graceful-timeout", "15").c_str());
  CHECK_TRUE(wire::is_given(spec, "graceful-timeout"));
  CHECK_FALSE(wire::is_given(spec, "shutdown-timeout"));
  CHECK_FALSE(wire::same_options(spec, GroupSpec()));
}

TEST(GroupOptions, BothNamesOfTheQueuesSizeAreOneValue) {
  GroupSpec spec;
  STRCMP_EQUAL("", set(&spec, "listen-backlog", "7").c_str());
  LONGS_EQUAL(7, spec.queue_size);
  STRCMP_EQUAL("", set(&spec, "queue-size", "9").c_str());
  LONGS_EQUAL(9, spec.queue_size);
}

TEST(GroupOptions, EqualInEveryOption) {
  for (const wire::GroupOption& option : wire::group_options()) {
    GroupSpec a, b;
    if (option.text != nullptr) b.*option.text = "other";
    if (option.number != nullptr) b.*option.number += 1;
    if (option.flag != nullptr) b.*option.flag = !(a.*option.flag);
    CHECK_TRUE(wire::same_options(a, a));
    CHECK_FALSE(wire::same_options(a, b));
  }
}

TEST(GroupOptions, EveryExampleOfThePageIsAccepted) {
#define GH_EXAMPLE(option, value) accepts(option, value);
#include "wire/group_examples.def"
#undef GH_EXAMPLE
}

TEST_GROUP(LaunchRecord){};

TEST(LaunchRecord, ComesBack) {
  const std::string bytes = wire::encode(full_launch());
  const base::Result<Launch> back = wire::decode_launch(base::as_bytes(bytes));
  CHECK_TRUE(static_cast<bool>(back));
  const Launch& launch = back.value();
  CHECK_TRUE(wire::same_options(full_launch().spec, launch.spec));
  STRCMP_EQUAL("shop", launch.spec.name.c_str());
  LONGS_EQUAL(33, launch.uid);
  LONGS_EQUAL(34, launch.gid);
  LONGS_EQUAL(2, launch.groups.size());
  LONGS_EQUAL(100, launch.groups[1]);
  STRCMP_EQUAL("/var/www", launch.user_home.c_str());
  STRCMP_EQUAL("TZ=UTC", launch.environment[1].c_str());
  LONGS_EQUAL(6, launch.log_level);
  LONGS_EQUAL(3, launch.generation);
  LONGS_EQUAL(60'000'000, launch.default_timeout);
  LONGS_EQUAL(5, launch.spec.max_processes());
  LONGS_EQUAL(2, launch.imports.size());
  CHECK_TRUE(launch.imports[0].kind == wire::Import::Kind::kScript);
  STRCMP_EQUAL("/srv/shop.wsgi", launch.imports[1].script.c_str());
  CHECK_TRUE(wire::encode(launch) == bytes);
}

TEST(LaunchRecord, TellsWhatWasGiven) {
  Launch launch;
  STRCMP_EQUAL("", set(&launch.spec, "graceful-timeout", "15").c_str());
  const base::Result<Launch> back = wire::decode_launch(base::as_bytes(wire::encode(launch)));
  CHECK_TRUE(wire::is_given(back->spec, "graceful-timeout"));
  CHECK_FALSE(wire::is_given(back->spec, "eviction-timeout"));
}

TEST(LaunchRecord, OneOfDefaultsComesBack) {
  const std::string bytes = wire::encode(Launch());
  CHECK_TRUE(static_cast<bool>(wire::decode_launch(base::as_bytes(bytes))));
}

TEST(LaunchRecord, NoPrefixDecodes) {
  const std::string whole = wire::encode(full_launch());
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const auto exact = std::make_unique<std::byte[]>(size);
    std::memcpy(exact.get(), whole.data(), size);
    CHECK_FALSE(static_cast<bool>(wire::decode_launch({exact.get(), size})));
  }
}

TEST(LaunchRecord, BytesAfterItsEndAreRefused) {
  const std::string bytes = wire::encode(full_launch()) + '\0';
  CHECK_FALSE(static_cast<bool>(wire::decode_launch(base::as_bytes(bytes))));
}

TEST(LaunchRecord, AnotherVersionIsRefused) {
  std::string bytes = wire::encode(full_launch());
  bytes[4] = static_cast<char>(bytes[4] + 1);
  STRCMP_CONTAINS("two versions", wire::decode_launch(base::as_bytes(bytes)).error().what.c_str());
}

TEST(LaunchRecord, AnOptionOutOfItsRangeIsRefused) {
  Launch launch = full_launch();
  launch.spec.threads = 65534;
  CHECK_FALSE(static_cast<bool>(wire::decode_launch(base::as_bytes(wire::encode(launch)))));
}
