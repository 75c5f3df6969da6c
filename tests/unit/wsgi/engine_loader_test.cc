// SPDX-License-Identifier: Apache-2.0
#include "wsgi/engine_loader.h"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <CppUTest/TestHarness.h>

namespace {

// A directory for one test, gone with it.
class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    const char* made = mkdtemp(path_.data());
    if (made == nullptr) std::abort();
  }
  ~TemporaryDirectory() { std::filesystem::remove_all(path_); }
  const std::string& path() const { return path_; }
  void write(const std::string& name, std::string_view text) const {
    const std::filesystem::path file = path_ + "/" + name;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << text;
  }

 private:
  std::string path_ = (std::filesystem::temp_directory_path() / "gatehouse-test-XXXXXX").string();
};

bool contains(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

std::string joined(const std::vector<std::string>& texts) {
  std::string line;
  for (const std::string& text : texts) line += (line.empty() ? "" : " ") + text;
  return line;
}

}  // namespace

TEST_GROUP(EngineLoader) {
  TemporaryDirectory first;
  TemporaryDirectory second;

  std::vector<std::string> both() { return {first.path(), second.path()}; }
  std::string refusal(const std::string& file) {
    const auto table = wsgi::open_engine(file);
    return table ? "" : table.error().what;
  }
};

TEST(EngineLoader, ListsVersionsByNumberAndOnce) {
  first.write("engine-cpython-3.9.so", "");
  first.write("engine-cpython-3.12.so", "");
  second.write("engine-cpython-3.10.so", "");
  second.write("engine-cpython-3.12.so", "");
  CHECK_EQUAL(std::string("3.9 3.10 3.12"), joined(wsgi::engine_versions(both())));
}

TEST(EngineLoader, AFreeThreadedBuildIsAVersionOfItsOwn) {
  first.write("engine-cpython-3.13t.so", "");
  second.write("engine-cpython-3.13.so", "");
  second.write("engine-cpython-3.14.so", "");
  CHECK_EQUAL(std::string("3.13 3.13t 3.14"), joined(wsgi::engine_versions(both())));
  CHECK_EQUAL(first.path() + "/engine-cpython-3.13t.so", wsgi::find_engine("3.13t", both()).value());
  CHECK_EQUAL(second.path() + "/engine-cpython-3.13.so", wsgi::find_engine("3.13", both()).value());
  CHECK_FALSE(static_cast<bool>(wsgi::find_engine("3.14t", both())));
}

TEST(EngineLoader, OtherFilesAreNoEngines) {
  for (const char* name :
       {"engine-cpython-.so", "engine-cpython-3.so", "engine-cpython-3.12", "engine-cpython-3.12.so.1",
        "engine-cpython-3.12.1.so", "engine-cpython-3.x.so", "xengine-cpython-3.12.so", "engine-cpython-3.012.so",
        "engine-cpython--3.1.so", "engine-cpython-3.99999999999.so"})
    first.write(name, "");
  CHECK_EQUAL(std::string(), joined(wsgi::engine_versions(both())));
}

TEST(EngineLoader, ADirectoryThatIsMissingHasNoEngines) {
  const std::vector<std::string> directories = {first.path() + "/missing"};
  CHECK_TRUE(wsgi::engine_versions(directories).empty());
}

TEST(EngineLoader, FindsTheEngineInTheFirstDirectoryThatHasIt) {
  second.write("engine-cpython-3.11.so", "");
  CHECK_EQUAL(second.path() + "/engine-cpython-3.11.so", wsgi::find_engine("3.11", both()).value());
  first.write("engine-cpython-3.11.so", "");
  CHECK_EQUAL(first.path() + "/engine-cpython-3.11.so", wsgi::find_engine("3.11", both()).value());
}

TEST(EngineLoader, AMissingEngineNamesThoseThereAre) {
  first.write("engine-cpython-3.12.so", "");
  second.write("engine-cpython-3.11.so", "");
  const auto found = wsgi::find_engine("3.14", both());
  CHECK_FALSE(static_cast<bool>(found));
  CHECK_TRUE(found.error().message == base::Message::kEngineMissing);
  CHECK_TRUE(contains(found.error().what, "Python 3.14"));
  CHECK_TRUE(contains(found.error().what, "3.11, 3.12"));
  CHECK_TRUE(contains(found.error().what, first.path()));
  CHECK_TRUE(contains(found.error().what, "make engine"));
}

TEST(EngineLoader, WithoutAnyEngineTheErrorSaysSo) {
  CHECK_TRUE(contains(wsgi::find_engine("3.11", both()).error().what, "there is none at all"));
}

TEST(EngineLoader, AVersionCannotLeaveTheDirectory) {
  first.write("engine-cpython-3.11.so", "");
  first.write("engine-cpython-3/x", "");
  for (const char* version :
       {"", "3", "3.", ".11", "3.11.2", "3.11\n", "/../3.11", "3/../../x/3.11", "3.11/", "+3.11", " 3.11"})
    CHECK_FALSE(static_cast<bool>(wsgi::find_engine(version, both())));
}

TEST(EngineLoader, AFileThatIsMissingIsRefusedByName) {
  const std::string why = refusal(first.path() + "/engine-cpython-3.11.so");
  CHECK_TRUE(contains(why, first.path() + "/engine-cpython-3.11.so cannot be loaded"));
  CHECK_TRUE(contains(why, "No such file"));
}

TEST(EngineLoader, AFileThatIsNoLibraryIsRefusedWithTheLoadersWords) {
  first.write("engine-cpython-3.11.so", "this is no library, but long enough to be read as the head of one: ........");
  CHECK_TRUE(contains(refusal(first.path() + "/engine-cpython-3.11.so"), "invalid ELF header"));
}

TEST(EngineLoader, ALibraryThatIsNoEngineIsRefused) { CHECK_TRUE(contains(refusal("libm.so.6"), "is not an engine")); }

TEST(EngineLoader, ARefusalHasItsMessage) {
  CHECK_TRUE(wsgi::open_engine("libm.so.6").error().message == base::Message::kEngineRefused);
}

TEST(EngineLoader, AnEngineGivesItsTable) {
  const auto table = wsgi::open_engine(GATEHOUSE_BUILD_DIR "/tests/engine-cpython-3.99.so");
  CHECK_TRUE(static_cast<bool>(table));
  CHECK_EQUAL(GATEHOUSE_ENGINE_ABI, table.value()->abi);
  CHECK_TRUE(table.value()->size >= sizeof(gatehouse_engine_table));
  CHECK_EQUAL(std::string("3.99.0"), table.value()->python_version);
}

TEST(EngineLoader, AnEnvironmentTellsItsVersion) {
  first.write("pyvenv.cfg", "home = /usr/bin\ninclude-system-site-packages = false\nversion = 3.11.2\n");
  CHECK_EQUAL(std::string("3.11"), wsgi::version_of_environment(first.path()));
}

TEST(EngineLoader, AnEnvironmentOfVirtualenvTellsItsVersion) {
  first.write("pyvenv.cfg", "home = /usr/bin\r\nimplementation = CPython\r\nversion_info = 3.13.0.final.0\r\n");
  CHECK_EQUAL(std::string("3.13"), wsgi::version_of_environment(first.path()));
}

TEST(EngineLoader, AnEnvironmentIsReadWhateverItsLayout) {
  first.write("pyvenv.cfg", "\n# version\nversion_infos = 2.7\n\tVersion=3.12.1");
  CHECK_EQUAL(std::string("3.12"), wsgi::version_of_environment(first.path()));
}

TEST(EngineLoader, AnEnvironmentOfAFreeThreadedBuildIsToldByItsLibrary) {
  first.write("pyvenv.cfg", "home = /usr/bin\nversion = 3.13.5\nexecutable = /usr/bin/python3.13\n");
  first.write("lib/python3.13t/site-packages/x.py", "");
  CHECK_EQUAL(std::string("3.13t"), wsgi::version_of_environment(first.path()));
}

TEST(EngineLoader, AnEnvironmentThatWasOfBothBuildsIsOfTheOneThatMadeItLast) {
  for (const char* build : {"3.13", "3.13t"})
    first.write(std::string("lib/python") + build + "/site-packages/x.py", "");
  for (const char* key : {"executable", "base-executable"}) {
    for (const char* build : {"3.13", "3.13t"}) {
      const std::string version = key[0] == 'e' ? "version = 3.13.5\n" : "version_info = 3.13.5.final.0\n";
      first.write("pyvenv.cfg", "home = /usr/bin\n" + version + key + " = /usr/bin/python" + build + "\n");
      CHECK_EQUAL(std::string(build), wsgi::version_of_environment(first.path()));
    }
  }
}

TEST(EngineLoader, AnInstallationOfAFreeThreadedBuildIsToldByItsLibrary) {
  first.write("lib/python3.13t/os.py", "");
  CHECK_EQUAL(std::string("3.13t"), wsgi::version_of_environment(first.path()));
}

TEST(EngineLoader, AnEnvironmentWithoutVersionIsJudgedByItsLibrary) {
  first.write("pyvenv.cfg", "home = /usr/bin\nversion = unknown\n");
  first.write("lib/python3.12/site-packages/x.py", "");
  CHECK_EQUAL(std::string("3.12"), wsgi::version_of_environment(first.path()));
}

TEST(EngineLoader, AnInstallationIsJudgedByItsLibrary) {
  first.write("lib/python3/dist-packages/x.py", "");
  first.write("lib/python3.11/os.py", "");
  CHECK_EQUAL(std::string("3.11"), wsgi::version_of_environment(first.path()));
}

TEST(EngineLoader, OfSeveralLibrariesTheOneWithAStandardLibraryCounts) {
  first.write("lib/python3.10/site-packages/left-over.py", "");
  first.write("lib/python3.12/os.py", "");
  CHECK_EQUAL(std::string("3.12"), wsgi::version_of_environment(first.path()));
}

TEST(EngineLoader, TwoStandardLibrariesTellNoVersion) {
  first.write("lib/python3.11/os.py", "");
  first.write("lib/python3.12/os.py", "");
  CHECK_EQUAL(std::string(), wsgi::version_of_environment(first.path()));
}

TEST(EngineLoader, AnEmptyDirectoryTellsNoVersion) {
  CHECK_EQUAL(std::string(), wsgi::version_of_environment(first.path()));
  CHECK_EQUAL(std::string(), wsgi::version_of_environment(first.path() + "/missing"));
}

TEST(EngineLoader, AnEnvironmentHasAnInterpreterOfItsOwn) {
  first.write("pyvenv.cfg", "home = /usr/bin\n");
  CHECK_EQUAL(first.path() + "/bin/python", wsgi::executable_of_environment(first.path()));
}

TEST(EngineLoader, AnInstallationHasNone) { CHECK_EQUAL(std::string(), wsgi::executable_of_environment(first.path())); }

TEST(EngineLoader, TheInterpreterOfAnInstallationIsItsPython) {
  CHECK_EQUAL(std::string(), wsgi::executable_of_installation(first.path(), "3.12"));
  std::filesystem::create_directories(first.path() + "/bin");
  std::filesystem::create_symlink("/bin/sh", first.path() + "/bin/python3.12");
  CHECK_EQUAL(first.path() + "/bin/python3.12", wsgi::executable_of_installation(first.path(), "3.12"));
  std::filesystem::create_symlink("python3.12", first.path() + "/bin/python");
  CHECK_EQUAL(first.path() + "/bin/python", wsgi::executable_of_installation(first.path(), "3.12"));
}

TEST(EngineLoader, EnginesAreSoughtBesideTheProgramFirst) {
  const std::vector<std::string> directories = wsgi::engine_directories();
  CHECK_EQUAL(std::filesystem::canonical("/proc/self/exe").parent_path().string(), directories.front());
}

TEST(EngineLoader, EnginesAreSoughtWhereTheyAreInstalled) {
  CHECK_EQUAL(std::string(GATEHOUSE_LIBEXECDIR), wsgi::engine_directories().back());
}
