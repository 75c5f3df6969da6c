// SPDX-License-Identifier: Apache-2.0
#include "python/module_state.h"

#include "python/api.h"
#include "python/file_wrapper.h"
#include "python/forking.h"
#include "python/input.h"
#include "python/log_stream.h"
#include "python/program_signals.h"
#include "python/response_callable.h"
#include "python/restriction.h"
#include "python/runtime.h"

namespace python {
namespace {

PyModuleDef mod_wsgi_definition = {PyModuleDef_HEAD_INIT,
                                   "mod_wsgi",
                                   "The server's side of the application.",
                                   0,
                                   nullptr,
                                   nullptr,
                                   nullptr,
                                   nullptr,
                                   nullptr};
PyModuleDef apache_definition = {PyModuleDef_HEAD_INIT,
                                 "apache",
                                 "What is known of the Apache that serves.",
                                 0,
                                 nullptr,
                                 nullptr,
                                 nullptr,
                                 nullptr,
                                 nullptr};

// Runs once in each interpreter. layers, home, switch_interval, mod_wsgi, Log, before_fork and takes_apache are given.
// An installed package mod_wsgi lends its submodules to the built-in module of that name; in httpd's children a user's
// own module apache gets what the built-in one has.
constexpr const char* kPrepare = R"(
import _frozen_importlib_external, _signal, io, os, site, sys, threading, traceback
for layer in layers:
    below = list(sys.path)
    for directory in layer:
        site.addsitedir(directory)
    sys.path[:] = [entry for entry in sys.path if entry not in below] + below
sys.path[:] = home + [entry for entry in sys.path if entry not in home]
if switch_interval:
    sys.setswitchinterval(switch_interval)
io.TextIOBase.register(Log)
package = _frozen_importlib_external.PathFinder.find_spec('mod_wsgi')
if package is not None and package.origin and package.submodule_search_locations:
    mod_wsgi.__path__ = list(package.submodule_search_locations)
os.register_at_fork(before=before_fork)
if takes_apache and _frozen_importlib_external.PathFinder.find_spec('apache') is not None:
    own = sys.modules.pop('apache')
    try:
        import apache
        vars(apache).update((name, value) for name, value in vars(own).items() if not name.startswith('__'))
    except Exception:
        traceback.print_exc()
        sys.modules['apache'] = own
)";

// os.fork() and multiprocessing in an application.
PyObject* on_python_fork(PyObject*, PyObject*) noexcept {
  Runtime::get().application_will_fork();
  Py_RETURN_NONE;
}

PyMethodDef python_fork_method = {"before_fork", on_python_fork, METH_NOARGS, nullptr};

// The parts of paths between separators as a list of str; empty parts are left out.
Ref list_of(std::string_view paths, char separator) {
  Ref list = Ref::steal(PyList_New(0));
  while (list && !paths.empty()) {
    const std::size_t end = paths.find(separator);
    const std::string_view path = paths.substr(0, end);
    paths.remove_prefix(end == std::string_view::npos ? paths.size() : end + 1);
    if (path.empty()) continue;
    Ref item = Ref::steal(PyUnicode_DecodeFSDefaultAndSize(path.data(), static_cast<Py_ssize_t>(path.size())));
    if (!item || PyList_Append(list.get(), item.get()) < 0) return {};
  }
  return list;
}

// The lists of directories that are put in front of sys.path, one after the other.
Ref path_layers(const wsgi::InterpreterSettings& settings) {
  Ref layers = Ref::steal(PyList_New(0));
  const auto add = [&](std::string_view paths) {
    Ref layer = list_of(paths, ':');
    return layers && layer && PyList_Append(layers.get(), layer.get()) == 0;
  };
  if (!add(Runtime::get().settings().python_path)) return {};
  for (const std::string& paths : settings.python_path)
    if (!add(paths)) return {};
  return layers;
}

bool add_int(Borrowed module, const char* name, int value) {
  return PyModule_AddIntConstant(module.get(), name, value) == 0;
}

bool add_text(Borrowed module, const char* name, std::string_view value) {
  Ref text = Ref::steal(PyUnicode_DecodeFSDefaultAndSize(value.data(), static_cast<Py_ssize_t>(value.size())));
  return text && PyModule_AddObjectRef(module.get(), name, text.get()) == 0;
}

Ref attribute(const char* module_name, const char* name) {
  Ref module = Ref::steal(PyImport_ImportModule(module_name));
  return module ? Ref::steal(PyObject_GetAttrString(module.get(), name)) : Ref();
}

bool set_item(Borrowed dict, const char* name, Borrowed value) {
  return value && PyDict_SetItemString(dict.get(), name, value.get()) == 0;
}

}  // namespace

bool ModuleState::set_up(Attached& attached, const wsgi::InterpreterSettings& settings) {
  mod_wsgi = Ref::steal(PyModule_Create(&mod_wsgi_definition));
  apache = Ref::steal(PyModule_Create(&apache_definition));
  if (!mod_wsgi || !apache || declare_free_threaded(mod_wsgi.get()) < 0 || declare_free_threaded(apache.get()) < 0 ||
      !add_types() || !add_modules())
    return false;

  close_name = Ref::steal(PyUnicode_InternFromString("close"));
  reload_required_name = Ref::steal(PyUnicode_InternFromString("reload_required"));
  request_id_name = Ref::steal(PyUnicode_InternFromString("mod_wsgi.request_id"));
  stdout_object = make_stream(attached, *this, Stream::kStdout);
  stderr_object = make_stream(attached, *this, Stream::kStderr);
  if (!close_name || !reload_required_name || !request_id_name || !stdout_object || !stderr_object ||
      !prepare(attached, settings))
    return false;

  raw_file_type = attribute("io", "FileIO");
  buffered_reader_type = attribute("io", "BufferedReader");
  buffered_random_type = attribute("io", "BufferedRandom");
  format_exception = attribute("traceback", "format_exception");
  compile = attribute("builtins", "compile");
  return raw_file_type && buffered_reader_type && buffered_random_type && format_exception && compile &&
         PySys_SetObject("stdout", stdout_object.get()) == 0 && PySys_SetObject("stderr", stderr_object.get()) == 0 &&
         restrict_interpreter(attached, restricted_type, settings) && start_programs_unblocked(attached) &&
         (Runtime::get().settings().telemetry.socket.empty() || gc_watch.set_up(attached));
}

bool ModuleState::add_types() {
  input_type = make_input_type(mod_wsgi);
  log_type = make_log_type(mod_wsgi);
  start_response_type = make_start_response_type(mod_wsgi);
  file_wrapper_type = make_file_wrapper_type(mod_wsgi);
  restricted_type = make_restricted_type(mod_wsgi);
  return input_type && log_type && start_response_type && file_wrapper_type && restricted_type;
}

bool ModuleState::add_modules() {
  const Settings& settings = Runtime::get().settings();
  Ref version = Ref::steal(Py_BuildValue("(iii)", kVersion[0], kVersion[1], kVersion[2]));
  if (!version || PyModule_AddObjectRef(mod_wsgi.get(), "version", version.get()) < 0) return false;
  if (PyModule_AddObjectRef(mod_wsgi.get(), "FileWrapper", file_wrapper_type.get()) < 0) return false;
  if (!add_text(mod_wsgi, "process_group", settings.process_group) || !add_text(mod_wsgi, "application_group", ""))
    return false;
  request_timeout_type = Ref::steal(PyErr_NewExceptionWithDoc(
      "mod_wsgi.RequestTimeout", "Raised in a request that takes longer than request-timeout.", PyExc_BaseException,
      nullptr));
  if (!request_timeout_type ||
      PyModule_AddObjectRef(mod_wsgi.get(), "RequestTimeout", request_timeout_type.get()) < 0 ||
      !events.set_up(mod_wsgi) || !metrics.set_up(mod_wsgi) || !client_calls.set_up(mod_wsgi))
    return false;
  active_requests = Ref::steal(PyDict_New());
  if (!active_requests || !add_mod_wsgi_names(mod_wsgi, active_requests) || !add_apache_names(apache)) return false;
  if (!add_int(mod_wsgi, "maximum_processes", settings.processes)) return false;
  if (!add_int(mod_wsgi, "threads_per_process", settings.threads)) return false;
  fork_subscribers = Ref::steal(PyList_New(0));
  Attached attached = Attached::in_slot();
  if (!fork_subscribers || !add_subscribe_fork(attached, mod_wsgi, fork_subscribers)) return false;
  Borrowed modules(PyImport_GetModuleDict());
  return set_item(modules, "mod_wsgi", mod_wsgi) && set_item(modules, "apache", apache);
}

bool ModuleState::prepare(Attached&, const wsgi::InterpreterSettings& settings) {
  Ref names = Ref::steal(PyDict_New());
  Ref hook = Ref::steal(PyCFunction_New(&python_fork_method, nullptr));
  if (!names || !set_item(names, "__builtins__", Borrowed(PyEval_GetBuiltins())) ||
      !set_item(names, "layers", path_layers(settings)) ||
      !set_item(names, "home", list_of(Runtime::get().settings().working_directory, '\0')) ||
      !set_item(names, "switch_interval",
                Ref::steal(PyFloat_FromDouble(static_cast<double>(settings.switch_interval_us) / 1e6))) ||
      !set_item(names, "Log", log_type) || !set_item(names, "mod_wsgi", mod_wsgi) ||
      !set_item(names, "before_fork", hook) ||
      !set_item(names, "takes_apache", Borrowed(Runtime::get().settings().process_group.empty() ? Py_True : Py_False)))
    return false;
  return static_cast<bool>(Ref::steal(PyRun_String(kPrepare, Py_file_input, names.get(), names.get())));
}

bool ModuleState::set_application_group(Attached&, std::string_view name) {
  return add_text(mod_wsgi, "application_group", name);
}

}  // namespace python
