// SPDX-License-Identifier: Apache-2.0
#include "wsgi/engine_loader.h"

#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <link.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <climits>
#include <cstdlib>
#include <memory>
#include <optional>

#include "base/posix.h"
#include "wsgi/header_rules.h"

namespace wsgi {
namespace {

constexpr std::string_view kFilePrefix = "engine-cpython-";
constexpr std::string_view kFileSuffix = ".so";
constexpr std::size_t kConfigurationLimit = 65536;  // of a pyvenv.cfg; real ones have some 200 bytes
// Any function of libpython's stable ABI: where it lives is libpython.
constexpr const char* kPythonFunction = "Py_IsInitialized";

struct Version {
  unsigned major_number;
  unsigned minor_number;
  bool is_free_threaded = false;
  auto operator<=>(const Version&) const = default;
  std::string text() const {
    return std::to_string(major_number) + "." + std::to_string(minor_number) + (is_free_threaded ? "t" : "");
  }
};

// "3.12", and with more to come, "3.12.1". Nothing but digits and the t of "3.13t" can get into a file name.
std::optional<Version> leading_version(std::string_view text, std::string_view* rest) {
  Version version{};
  const char* const end = text.data() + text.size();
  const auto major_end = std::from_chars(text.data(), end, version.major_number);
  if (major_end.ec != std::errc() || major_end.ptr == end || *major_end.ptr != '.') return std::nullopt;
  const auto minor_end = std::from_chars(major_end.ptr + 1, end, version.minor_number);
  if (minor_end.ec != std::errc()) return std::nullopt;
  *rest = {minor_end.ptr, static_cast<std::size_t>(end - minor_end.ptr)};
  return version;
}

std::optional<Version> whole_version(std::string_view text) {
  std::string_view rest;
  std::optional<Version> version = leading_version(text, &rest);
  if (version && rest == "t") {
    version->is_free_threaded = true;
    rest = {};
  }
  // The spelling must be the canonical one: "3.012" names no file.
  return version && rest.empty() && version->text() == text ? version : std::nullopt;
}

std::string engine_file(const std::string& directory, const Version& version) {
  return directory + "/" + std::string(kFilePrefix) + version.text() + std::string(kFileSuffix);
}

// The versions in the names of a directory that begin and end so.
std::vector<Version> versions_in(const std::string& directory, std::string_view prefix, std::string_view suffix) {
  std::vector<Version> found;
  const std::unique_ptr<DIR, int (*)(DIR*)> names(opendir(directory.c_str()), closedir);
  if (names == nullptr) return found;
  // NOLINTNEXTLINE(concurrency-mt-unsafe): the stream is ours alone
  while (const dirent* entry = readdir(names.get())) {
    std::string_view name = entry->d_name;
    if (name.size() <= prefix.size() + suffix.size() || !name.starts_with(prefix) || !name.ends_with(suffix)) continue;
    name.remove_prefix(prefix.size());
    name.remove_suffix(suffix.size());
    if (const std::optional<Version> version = whole_version(name)) found.push_back(*version);
  }
  std::sort(found.begin(), found.end());
  return found;
}

std::string joined(std::span<const std::string> texts) {
  std::string line;
  for (const std::string& text : texts) line.append(line.empty() ? "" : ", ").append(text);
  return line;
}

base::Error refused(const std::string& file, std::string_view why) {
  return {base::Message::kEngineRefused, 0, "engine " + file + " " + std::string(why)};
}

std::string loader_error() {
  const char* text = dlerror();  // NOLINT(concurrency-mt-unsafe): one thread opens engines
  return text != nullptr ? text : "the loader does not say why";
}

// Extension modules do not link libpython, so what the engine brought in for itself becomes global. An engine
// without libpython (a test's) has nothing to share.
base::Status share_python(void* engine, const std::string& file) {
  void* const function = dlsym(engine, kPythonFunction);
  Dl_info python{};
  if (function == nullptr || dladdr(function, &python) == 0) return base::ok();
  void* const already_global = dlsym(RTLD_DEFAULT, kPythonFunction);
  Dl_info other{};
  if (already_global != nullptr && already_global != function && dladdr(already_global, &other) != 0)
    return refused(file, std::string("cannot be used: another part of this process has loaded the Python ") +
                             other.dli_fname + "; remove it, or use daemon mode");
  if (dlopen(python.dli_fname, RTLD_NOW | RTLD_NOLOAD | RTLD_GLOBAL) == nullptr)
    return refused(file, "cannot share its Python: " + loader_error());
  return base::ok();
}

// A whole small file, or nothing when it cannot be read.
std::optional<std::string> contents_of(const std::string& file) {
  const base::UniqueFd fd(open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd.valid()) return std::nullopt;
  std::string text(kConfigurationLimit, '\0');
  std::size_t size = 0;
  while (size < text.size()) {
    const ssize_t count = base::read_some(fd.get(), text.data() + size, text.size() - size);
    if (count < 0) return std::nullopt;
    if (count == 0) break;
    size += static_cast<std::size_t>(count);
  }
  text.resize(size);
  return text;
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r";
  const std::size_t first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

std::string configuration_file(const std::string& home) { return home + "/pyvenv.cfg"; }

// The value of a key in pyvenv.cfg; empty without it.
std::string_view setting(std::string_view text, std::string_view key) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const std::size_t equals = line.find('=');
    if (equals != std::string_view::npos && equal_ignoring_case(trimmed(line.substr(0, equals)), key))
      return trimmed(line.substr(equals + 1));
  }
  return {};
}

bool has_library(const std::string& home, const Version& version) {
  return access((home + "/lib/python" + version.text()).c_str(), F_OK) == 0;
}

// Of the version that pyvenv.cfg tells it does not say which build it is of; their libraries have names of their own.
// An environment that was made again with the other build has both: the interpreter that it was made with counts.
bool is_free_threaded_environment(const std::string& home, std::string_view configuration, const Version& version) {
  const Version free_threaded = {version.major_number, version.minor_number, true};
  if (!has_library(home, free_threaded)) return false;
  const std::string name = "/python" + free_threaded.text();
  return !has_library(home, version) || setting(configuration, "executable").ends_with(name) ||
         setting(configuration, "base-executable").ends_with(name);
}

// venv writes "version = 3.12.1", virtualenv and others "version_info = 3.12.1.final.0".
std::optional<Version> configured_version(const std::string& home, std::string_view text) {
  for (const char* key : {"version", "version_info"}) {
    std::string_view patch_level;
    std::optional<Version> version = leading_version(setting(text, key), &patch_level);
    if (!version) continue;
    version->is_free_threaded = is_free_threaded_environment(home, text, *version);
    return version;
  }
  return std::nullopt;
}

// The file that this code was linked into; empty when nobody can tell.
std::string own_file() {
  Dl_info info{};
  link_map* map = nullptr;
  if (dladdr1(reinterpret_cast<const void*>(&own_file), &info, reinterpret_cast<void**>(&map), RTLD_DL_LINKMAP) == 0 ||
      map == nullptr)
    return {};
  // The loader knows an executable only by the name that its caller chose.
  const char* name = map->l_name[0] != '\0' ? map->l_name : "/proc/self/exe";
  const std::unique_ptr<char, void (*)(void*)> real(realpath(name, nullptr), std::free);
  return real != nullptr ? real.get() : "";
}

}  // namespace

std::vector<std::string> engine_versions(std::span<const std::string> directories) {
  std::vector<Version> found;
  for (const std::string& directory : directories) {
    const std::vector<Version> here = versions_in(directory, kFilePrefix, kFileSuffix);
    found.insert(found.end(), here.begin(), here.end());
  }
  std::sort(found.begin(), found.end());
  found.erase(std::unique(found.begin(), found.end()), found.end());
  std::vector<std::string> texts;
  for (const Version& version : found) texts.push_back(version.text());
  return texts;
}

base::Result<std::string> find_engine(std::string_view version, std::span<const std::string> directories) {
  if (const std::optional<Version> wanted = whole_version(version)) {
    for (const std::string& directory : directories) {
      std::string file = engine_file(directory, *wanted);
      if (access(file.c_str(), R_OK) == 0) return file;
    }
  }
  const std::vector<std::string> present = engine_versions(directories);
  return base::Error{base::Message::kEngineMissing, 0,
                     "there is no engine for Python " + std::string(version) + " in " + joined(directories) + "; " +
                         (present.empty() ? "there is none at all" : "there are engines for " + joined(present)) +
                         "; build one: make engine PYTHON=/path/to/python3.X"};
}

base::Result<const gatehouse_engine_table*> open_engine(const std::string& file) {
  void* const engine = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (engine == nullptr) return refused(file, "cannot be loaded: " + loader_error());
  const auto function = reinterpret_cast<gatehouse_engine_function>(dlsym(engine, "gatehouse_engine"));
  if (function == nullptr) return refused(file, "is not an engine: " + loader_error());
  const gatehouse_engine_table* table = function(GATEHOUSE_ENGINE_ABI);
  if (table == nullptr || table->abi != GATEHOUSE_ENGINE_ABI || table->size < sizeof *table)
    return refused(file, "is of another version than this program (interface " + std::to_string(GATEHOUSE_ENGINE_ABI) +
                             "): build module and engines from one source tree");
  const base::Status shared = share_python(engine, file);
  if (!shared) return shared.error();
  return table;
}

std::string version_of_environment(const std::string& home) {
  if (const std::optional<std::string> text = contents_of(configuration_file(home))) {
    if (const std::optional<Version> version = configured_version(home, *text)) return version->text();
  }
  std::vector<Version> found = versions_in(home + "/lib", "python", "");
  if (found.size() > 1)
    std::erase_if(found, [&](const Version& version) {
      return access((home + "/lib/python" + version.text() + "/os.py").c_str(), R_OK) != 0;
    });
  return found.size() == 1 ? found.front().text() : "";
}

std::string executable_of_environment(const std::string& home) {
  return access(configuration_file(home).c_str(), R_OK) == 0 ? home + "/bin/python" : "";
}

std::string executable_of_installation(const std::string& home, const std::string& version) {
  for (const std::string& name : {std::string("python"), std::string("python3"), "python" + version})
    if (std::string file = home + "/bin/" + name; access(file.c_str(), X_OK) == 0) return file;
  return {};
}

std::vector<std::string> engine_directories() {
  std::vector<std::string> directories;
  const std::string file = own_file();
  if (const std::size_t slash = file.rfind('/'); slash != std::string::npos)
    directories.push_back(file.substr(0, slash));
#ifdef GATEHOUSE_LIBEXECDIR
  if (directories.empty() || directories.front() != GATEHOUSE_LIBEXECDIR) directories.push_back(GATEHOUSE_LIBEXECDIR);
#endif
  return directories;
}

}  // namespace wsgi
