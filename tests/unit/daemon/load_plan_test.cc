// SPDX-License-Identifier: Apache-2.0
#include "daemon/load_plan.h"

#include <CppUTest/TestHarness.h>

using gatehoused::Changes;
using gatehoused::LoadPlan;
using gatehoused::ScriptVersion;
using wire::Import;
using Answer = gatehoused::Changes::Answer;

TEST_GROUP(Changes) {
  Changes changes;
  std::vector<Import> configured = {{Import::Kind::kApplication, "/a.wsgi", "", "g"},
                                    {Import::Kind::kScript, "/warm.py", "", ""}};
  std::vector<ScriptVersion> loaded = {{"/a.wsgi", 1}};

  Answer notice(std::int64_t mtime, const char* script = "/a.wsgi", const char* interpreter = "") {
    return changes.notice({script, mtime, "application", interpreter, "g"});
  }
  LoadPlan plan() { return changes.plan(configured, loaded, true, true); }
  LoadPlan first_plan() { return changes.plan(configured, {}, true, false); }
};

TEST(Changes, AreNewsOnce) {
  CHECK(notice(2) == Answer::kNews);
  CHECK(notice(2) == Answer::kWait);
  CHECK(notice(3) == Answer::kNews);
}

TEST(Changes, AreUntriedUntilAnAttemptIsMade) {
  CHECK_FALSE(changes.any_untried());
  notice(2);
  CHECK(changes.any_untried());
  plan();
  CHECK_FALSE(changes.any_untried());
}

TEST(Changes, ThatFailedAreServedByOldCodeUntilTheyChangeAgain) {
  notice(2);
  plan();
  changes.attempt_failed();
  CHECK(notice(2) == Answer::kServeOld);
  LONGS_EQUAL(2, changes.failed().front().mtime_us);
  CHECK(notice(3) == Answer::kNews);
  CHECK(changes.failed().empty());
}

TEST(Changes, ThatWereLoadedAreForgotten) {
  notice(2);
  plan();
  changes.attempt_succeeded({});
  CHECK_FALSE(changes.any());
}

TEST(Changes, NoticedDuringAnAttemptAreLeftForTheNext) {
  notice(2);
  plan();
  notice(3);
  changes.attempt_failed();
  CHECK(changes.any_untried());
  CHECK(changes.failed().empty());
  plan();
  notice(4);
  changes.attempt_succeeded({});
  CHECK(changes.any_untried());
}

TEST(Changes, NoticedDuringAnAttemptThatHasLoadedThemAreForgotten) {
  notice(2);
  plan();
  notice(3);
  changes.attempt_succeeded({{"/a.wsgi", 3}});
  CHECK_FALSE(changes.any());
}

TEST(Changes, MakeTheirScriptRequiredWithItsCallable) {
  notice(2);
  const LoadPlan made = plan();
  LONGS_EQUAL(2, made.imports.size());
  CHECK(made.imports[0].required);
  STRCMP_EQUAL("application", made.imports[0].callable.c_str());
  CHECK_FALSE(made.imports[1].required);
  CHECK_FALSE(made.is_first);
}

TEST(Changes, OfScriptsThatTheConfigurationDoesNotNameAreAdded) {
  notice(2, "/b.wsgi", "blog");
  const LoadPlan made = plan();
  LONGS_EQUAL(3, made.imports.size());
  STRCMP_EQUAL("blog", made.imports[2].import.interpreter.c_str());
  CHECK(made.imports[2].required);
}

TEST(Changes, WhatServesMustLoadAgain) {
  const LoadPlan made = plan();
  CHECK(made.imports[0].required);
  loaded.clear();
  CHECK_FALSE(plan().imports[0].required);
}

TEST(Changes, TheFirstPlanRequiresNothingButNeedsOneApplication) {
  const LoadPlan made = first_plan();
  CHECK(made.is_first && made.needs_one && made.before_fork && !made.is_retry);
  CHECK_FALSE(made.imports[0].required);
}

TEST(Changes, WithoutPreloadOnlyImportScriptsAreLoadedAhead) {
  const LoadPlan made = changes.plan(configured, {}, false, false);
  LONGS_EQUAL(1, made.imports.size());
  CHECK(made.imports[0].import.kind == Import::Kind::kScript);
  CHECK_FALSE(made.before_fork || made.needs_one);
}

TEST(Changes, ARetryWatchesWhatFailed) {
  first_plan();
  changes.add_culprit({"/a.wsgi", 7});
  changes.attempt_failed();
  LONGS_EQUAL(1, changes.failures());
  const LoadPlan made = first_plan();
  CHECK(made.is_retry);
  LONGS_EQUAL(1, made.watched.size());
  LONGS_EQUAL(7, made.watched[0].mtime_us);
}

TEST(Changes, ACulpritThatIsFoundIsNoRequestsScript) {
  first_plan();
  changes.add_culprit({"/warm.py", 7});
  changes.attempt_failed();
  const LoadPlan made = plan();
  LONGS_EQUAL(2, made.imports.size());
  CHECK(made.imports[1].import.kind == Import::Kind::kScript);
}

TEST(Changes, TheCulpritsOwnTimeCountsUnlessANewerOneIsKnown) {
  notice(2);
  plan();
  changes.add_culprit({"/a.wsgi", 3});
  changes.attempt_failed();
  CHECK(notice(3) == Answer::kServeOld);
  plan();
  notice(4);
  changes.add_culprit({"/a.wsgi", 3});
  changes.attempt_failed();
  CHECK(changes.any_untried());
}

TEST(Changes, FailuresAreCountedPerVersion) {
  notice(2);
  for (int i = 1; i <= 3; ++i) {
    plan();
    changes.attempt_failed();
    LONGS_EQUAL(i, changes.failures());
  }
  notice(3);
  LONGS_EQUAL(0, changes.failures());
}

TEST(Changes, AreBounded) {
  for (int i = 0; i < 1000; ++i) notice(i, ("/" + std::to_string(i)).c_str());
  LONGS_EQUAL(64, changes.latest().size());
}

TEST_GROUP(LoadPlan) {
  LoadPlan plan;
  void add(const char* interpreter, bool required) {
    plan.imports.push_back({{Import::Kind::kApplication, "/a", interpreter, ""}, "", required});
  }
};

TEST(LoadPlan, OnlyTheMainInterpreterIsForked) {
  add("", true);
  add("blog", false);
  CHECK(plan.is_loaded_ahead(plan.imports[0]));
  CHECK_FALSE(plan.is_loaded_ahead(plan.imports[1]));
  plan.before_fork = false;
  CHECK_FALSE(plan.is_loaded_ahead(plan.imports[0]));
}

TEST(LoadPlan, APilotShowsWhetherWorkersCanLoadWhatTheyMust) {
  add("", true);
  add("blog", false);
  CHECK_FALSE(plan.needs_pilot());
  add("blog", true);
  CHECK(plan.needs_pilot());
}
