// SPDX-License-Identifier: Apache-2.0
#include "daemon/service.h"

#include <signal.h>

#include "running_group_test.h"

// What a script does, and what signals do to it, is shown by tests/httpd/test_services.py: the fake engine loads at
// once.
TEST_GROUP_BASE(RunningService,
                RunningGroupTest){void start_service(std::vector<wire::Import> imports){group->launch.spec.threads = 0;
group->launch.imports = std::move(imports);
group->start();
}
}
;

TEST(RunningService, WhoseScriptsHaveReturnedLeavesAndIsReplaced) {
  start_service({{wire::Import::Kind::kScript, group->script_file("hello"), "", ""}});
  const std::string ends = "takes no more requests: service_ended";
  CHECK(eventually([&] {
    const std::string log = group->log();
    const std::size_t first = log.find(ends);
    return first != std::string::npos && log.find(ends, first + 1) != std::string::npos;
  }));
  group->close_control();
  ends_in_order();
}

TEST(RunningService, WithoutScriptsWaitsForItsEnd) {
  start_service({});
  CHECK(eventually([&] { return group->workers().size() == 1; }));
  const pid_t service = group->workers().front();
  group->close_control();
  ends_in_order();
  CHECK(kill(service, 0) != 0);
}
