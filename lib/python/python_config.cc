// SPDX-License-Identifier: Apache-2.0
#include "python/python_config.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstdlib>
#include <fstream>
#include <string>
#include <string_view>

#include "base/file_access.h"

namespace python {
namespace {

base::Error refusal(std::string what, int os_error = 0) {
  return {base::Message::kPythonStart, os_error, std::move(what)};
}

std::string parent_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos || slash == 0) return "/";
  return path.substr(0, slash);
}

std::string trimmed(const std::string& text) {
  const std::size_t start = text.find_first_not_of(" \t\r");
  return start == std::string::npos ? "" : text.substr(start, text.find_last_not_of(" \t\r") + 1 - start);
}

std::string resolved(const std::string& path) {
  char buffer[PATH_MAX];
  return realpath(path.c_str(), buffer) != nullptr ? buffer : path;
}

// 0 when prefix holds this version's standard library, else the errno of looking.
int standard_library_error(const std::string& prefix) {
  const std::string version(kVersionName);
  std::string zip_version = version;
  std::erase(zip_version, '.');
  int error = ENOENT;
  for (const char* folder : {"/lib", "/lib64"}) {
    for (const std::string& path : {prefix + folder + "/python" + version + "/encodings/__init__.py",
                                    prefix + folder + "/python" + zip_version + ".zip"}) {
      if (access(path.c_str(), R_OK) == 0) return 0;
      if (errno != ENOENT) error = errno;
    }
  }
  return error;
}

// What pyvenv.cfg beside or above the executable says; empty for an executable of no virtual environment.
struct Environment {
  std::string folder;
  std::string home;     // where the Python is that it was made with
  std::string version;  // of that, "3.12.1"
};

Environment environment_of(const std::string& executable) {
  Environment environment;
  const std::string folder = parent_of(executable);
  for (const std::string& place : {folder, parent_of(folder)}) {
    std::ifstream file(place + "/pyvenv.cfg");
    if (!file) continue;
    environment.folder = place;
    for (std::string line; std::getline(file, line);) {
      const std::size_t equals = line.find('=');
      if (equals == std::string::npos) continue;
      const std::string key = trimmed(line.substr(0, equals)), value = trimmed(line.substr(equals + 1));
      if (key == "home") environment.home = value;
      if (key == "version" || key == "version_info") environment.version = value;
    }
    break;
  }
  return environment;
}

base::Error unusable(const std::string& executable, int error) {
  return refusal("the Python executable " + executable + " cannot be used" +
                     (error == EACCES ? ": " + base::why_denied(executable) : "") +
                     "; name another one with python-home, or let the user that runs this process reach it",
                 error);
}

// Whether the standard library is where CPython will look for it: at or above the (base) executable's folder.
base::Status check_executable(const std::string& executable) {
  if (access(executable.c_str(), X_OK) != 0) return unusable(executable, errno);
  const Environment environment = environment_of(executable);
  if (!environment.version.empty() && !(environment.version + ".").starts_with(std::string(kMinorVersion) + "."))
    return refusal("the virtual environment " + environment.folder + " is of Python " + environment.version +
                   ", but this engine is of " + std::string(kVersionName) + "; make it again with Python " +
                   std::string(kVersionName) + ", or choose the engine of its version (python=3.X)");
  const std::string folder = environment.home.empty() ? parent_of(resolved(executable)) : environment.home;
  int error = ENOENT;
  for (std::string prefix = folder;; prefix = parent_of(prefix)) {
    const int found = standard_library_error(prefix);
    if (found == 0) return base::ok();
    if (found != ENOENT) error = found;
    if (prefix == "/") break;
  }
  return refusal("there is no readable standard library of Python " + std::string(kVersionName) + " at or above " +
                     folder + ", where " + executable + " belongs; give a Python or a virtual environment of version " +
                     std::string(kVersionName) +
                     " (python-home, WSGIPythonHome) that this process's user may read, or the "
                     "engine of its version (python=3.X)",
                 error);
}

// home may be "prefix:exec_prefix", as PYTHONHOME.
base::Status check_home(const std::string& home) {
  const std::string prefix = home.substr(0, home.find(':'));
  const int error = standard_library_error(prefix);
  if (error == 0) return base::ok();
  return refusal("the Python home " + prefix + " holds no readable " + prefix + "/lib/python" +
                     std::string(kVersionName) +
                     "; python-home and WSGIPythonHome take a virtual environment or the "
                     "prefix of a Python " +
                     std::string(kVersionName),
                 error);
}

// A PyConfig that is cleared at the end of its scope. After a first failure nothing more is set.
class Config {
 public:
  Config() { PyConfig_InitPythonConfig(&config_); }
  ~Config() { PyConfig_Clear(&config_); }
  Config(const Config&) = delete;
  Config& operator=(const Config&) = delete;

  PyConfig* operator->() { return &config_; }
  void set(wchar_t*& member, const char* value) {
    if (!failed()) status_ = PyConfig_SetBytesString(&config_, &member, value);
  }
  void set_arguments(const char* argument) {
    char* arguments[] = {const_cast<char*>(argument)};
    if (!failed()) status_ = PyConfig_SetBytesArgv(&config_, 1, arguments);
  }
  void append(PyWideStringList& list, const char* value) {
    if (failed()) return;
    wchar_t* wide = Py_DecodeLocale(value, nullptr);
    status_ = wide != nullptr ? PyWideStringList_Append(&list, wide) : PyStatus_NoMemory();
    PyMem_RawFree(wide);
  }
  void initialize() {
    if (!failed()) status_ = Py_InitializeFromConfig(&config_);
  }
  bool failed() const { return PyStatus_Exception(status_) != 0; }
  std::string failure() const {
    if (PyStatus_IsExit(status_)) return "it wanted to end the process with status " + std::to_string(status_.exitcode);
    return status_.err_msg != nullptr ? status_.err_msg : "no reason given";
  }

 private:
  PyConfig config_;
  PyStatus status_ = PyStatus_Ok();
};

void set_hash_seed(Config& config, const char* seed) {
  if (seed == nullptr) return;
  if (std::string_view(seed) == "random") {
    config->use_hash_seed = 0;
    return;
  }
  config->use_hash_seed = 1;
  config->hash_seed = std::strtoul(seed, nullptr, 10);
}

}  // namespace

base::Status initialize_python(const gatehouse_python& python, bool free_threading) {
  const char* executable = python.executable != nullptr ? python.executable : GATEHOUSE_PYTHON_EXECUTABLE;
  const base::Status checked = python.home != nullptr ? check_home(python.home) : check_executable(executable);
  if (!checked) return checked;

  Config config;
  config->install_signal_handlers = 0;
  config->parse_argv = 0;
  config->configure_c_stdio = 0;
  config->optimization_level = python.optimize > 0 ? python.optimize : 0;
  if (python.write_bytecode == 0) config->write_bytecode = 0;
  set_hash_seed(config, python.hash_seed);
  // An option, as the environment (PYTHON_GIL) counts more than a member. Without the GIL CPython begins by itself, and
  // takes it back for a module that needs it.
  if (kIsFreeThreaded && !free_threading) config.append(config->xoptions, "gil=1");
  config.set(config->program_name, executable);
  config.set(config->executable, executable);
  if (python.home != nullptr) config.set(config->home, python.home);
  for (std::size_t i = 0; i < python.warnings_count; ++i) config.append(config->warnoptions, python.warnings[i]);
  config.set_arguments("mod_wsgi");
  config.initialize();
  if (config.failed())
    return refusal("Python " + std::string(kVersionName) + " (" + executable + ") did not start: " + config.failure() +
                   "; its own words are on the standard error of this process");
  return base::ok();
}

}  // namespace python
