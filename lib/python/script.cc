// SPDX-License-Identifier: Apache-2.0
#include "python/script.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>

#include "base/file_access.h"
#include "base/log.h"
#include "base/posix.h"
#include "python/diagnosis.h"
#include "python/exception.h"
#include "python/interpreter.h"
#include "python/log_stream.h"
#include "python/request.h"
#include "python/without_gil.h"
#include "wsgi/module_target.h"

namespace python {
namespace {

using base::Message;

std::int64_t mtime_us(const struct stat& status) {
  return std::int64_t{status.st_mtim.tv_sec} * 1'000'000 + status.st_mtim.tv_nsec / 1000;
}

struct Source {
  std::string text;
  std::int64_t mtime_us = 0;
};

base::Result<Source> read_source(const std::string& path) {
  base::UniqueFd file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat status;
  if (!file.valid() || fstat(file.get(), &status) != 0)
    return base::os_error(Message::kScriptUnreadable, "script " + path + " cannot be read");
  Source source;
  source.mtime_us = mtime_us(status);
  char buffer[16384];
  for (;;) {
    const ssize_t size = base::read_some(file.get(), buffer, sizeof buffer);
    if (size == 0) return source;
    if (size < 0) return base::os_error(Message::kScriptUnreadable, "script " + path + " cannot be read");
    source.text.append(buffer, static_cast<std::size_t>(size));
  }
}

Ref file_name(std::string_view path) {
  return Ref::steal(PyUnicode_DecodeFSDefaultAndSize(path.data(), static_cast<Py_ssize_t>(path.size())));
}

// "_mod_wsgi_" and the MD5 of the path, in hexadecimal: one name a file, and an identifier.
Ref module_name(std::string_view path) {
  Ref module = Ref::steal(PyImport_ImportModule("_md5"));
  if (!module) {
    PyErr_Clear();
    module = Ref::steal(PyImport_ImportModule("hashlib"));
  }
  Ref hash = module ? Ref::steal(PyObject_CallMethod(module.get(), "md5", "y#", path.data(),
                                                     static_cast<Py_ssize_t>(path.size())))
                    : Ref();
  Ref digest = hash ? Ref::steal(PyObject_CallMethod(hash.get(), "hexdigest", nullptr)) : Ref();
  return digest ? Ref::steal(PyUnicode_FromFormat("_mod_wsgi_%U", digest.get())) : Ref();
}

bool set(Borrowed dict, const char* name, Borrowed value) {
  return value && PyDict_SetItemString(dict.get(), name, value.get()) == 0;
}

// An empty module of this name and file, in sys.modules in place of an older one.
Ref new_module(Borrowed name, Borrowed file, std::int64_t mtime) {
  Ref module = Ref::steal(PyModule_NewObject(name.get()));
  if (!module) return {};
  const Borrowed globals(PyModule_GetDict(module.get()));
  Ref mtime_object = Ref::steal(PyLong_FromLongLong(mtime));
  const bool made = set(globals, "__file__", file) && set(globals, "__mtime__", mtime_object) &&
                    set(globals, "__builtins__", Borrowed(PyEval_GetBuiltins())) &&
                    PyDict_SetItem(PyImport_GetModuleDict(), name.get(), module.get()) == 0;
  return made ? std::move(module) : Ref();
}

void forget_module(Borrowed name) {
  if (name && PyDict_DelItem(PyImport_GetModuleDict(), name.get()) < 0) PyErr_Clear();
}

// The message and the sentence for an exception that ended an import.
struct Reason {
  Message message;
  std::string what;
};

Reason reason_for(Attached& attached, Borrowed exception, const std::string& path, const Interpreter& interpreter) {
  const std::string where = "script " + path + " (interpreter '" + interpreter.name() + "') ";
  if (PyErr_GivenExceptionMatches(exception.get(), PyExc_SystemExit))
    return {Message::kScriptExit,
            where + "wanted to end the process while it was loaded; remove its call of sys.exit()"};
  if (PyErr_GivenExceptionMatches(exception.get(), PyExc_SyntaxError)) {
    Ref line = Ref::steal(PyObject_GetAttrString(exception.get(), "lineno"));
    Ref file = Ref::steal(PyObject_GetAttrString(exception.get(), "filename"));
    Ref text = line && file ? Ref::steal(PyUnicode_FromFormat("%S line %S", file.get(), line.get())) : Ref();
    if (!text) PyErr_Clear();
    return {Message::kScriptSyntax, where + "does not compile: correct " + (text ? utf8_of(text) : path)};
  }
  if (const std::string diagnosis = diagnose_import(attached, exception, interpreter.lock()); !diagnosis.empty())
    return {Message::kScriptImport, where + diagnosis};
  return {Message::kScriptImport, where + "raised an exception while it was loaded; correct it, or what it imports"};
}

// Runs the source as the module's code. An empty Ref with an exception pending on failure.
Ref execute(Interpreter& interpreter, const std::string& text, Borrowed file, Borrowed globals) {
  Ref bytes = Ref::steal(PyBytes_FromStringAndSize(text.data(), static_cast<Py_ssize_t>(text.size())));
  // compile(source, filename, mode, flags, dont_inherit): bytes, so that a coding line and a BOM are honoured.
  Ref code = bytes ? Ref::steal(PyObject_CallFunction(interpreter.objects.compile.get(), "OOsii", bytes.get(),
                                                      file.get(), "exec", 0, 1))
                   : Ref();
  return code ? Ref::steal(PyEval_EvalCode(code.get(), globals.get(), globals.get())) : Ref();
}

// What reload_required() is asked about: the file that the request is for, which a handler script is not.
std::string_view resource_of(const std::string& path, const Request* request) {
  if (request == nullptr) return path;
  const gatehouse_request& abi = request->abi();
  for (std::size_t i = 0; i < abi.environ_count; ++i)
    if (view(abi.environ[i].name) == "SCRIPT_FILENAME") return view(abi.environ[i].value);
  return path;
}

// Asks the script's reload_required(resource), if it has one.
bool wants_reload(Attached& attached, Interpreter& interpreter, Borrowed globals, const std::string& path,
                  Request* request) {
  Ref hook = Ref::steal(item_of(globals.get(), interpreter.objects.reload_required_name.get()));
  if (!hook) return false;
  Ref file = file_name(resource_of(path, request));
  Ref answer = file ? Ref::steal(PyObject_CallOneArg(hook.get(), file.get())) : Ref();
  const int truth = answer ? PyObject_IsTrue(answer.get()) : -1;
  if (truth < 0) log_exception(attached, request, Message::kReloadCheck, "reload_required() of script " + path);
  return truth > 0;
}

// Whether the file differs from what was loaded. The host's time of it may be older than what was loaded (the
// request waited): only the file itself tells.
bool has_changed(const std::string& path, std::int64_t loaded, std::int64_t seen_by_host) {
  if (seen_by_host == loaded) return false;
  struct stat status;
  return stat(path.c_str(), &status) == 0 && mtime_us(status) != loaded;
}

std::string names_of_callables(Borrowed globals) {
  std::string names;
  const Ref own = Ref::steal(PyDict_Copy(globals.get()));  // threads of the script may change the other one
  if (!own) return PyErr_Clear(), names;
  PyObject *name, *value;
  for (Py_ssize_t position = 0, count = 0; PyDict_Next(own.get(), &position, &name, &value) != 0 && count < 20;) {
    if (!PyUnicode_Check(name) || !PyCallable_Check(value)) continue;
    const std::string text = utf8_of(Borrowed(name));
    if (text.starts_with('_')) continue;
    names.append(names.empty() ? "" : ", ").append(text);
    ++count;
  }
  return names;
}

}  // namespace

Scripts::Script& Scripts::script_of(std::string_view path) {
  const StateLock lock(mutex_);
  key_ = path;
  std::unique_ptr<Script>& script = scripts_[key_];
  if (script == nullptr) {
    script = std::make_unique<Script>();
    script->path = path;
  }
  return *script;
}

void Scripts::wait_for_import(Attached& attached, Script& script) {
  Detach detach(attached);
  base::MutexLock lock(mutex_);
  while (script.importing) imported_.wait(mutex_);
}

bool Scripts::begin_import(Script& script, std::uint64_t attempts) {
  base::MutexLock lock(mutex_);
  if (script.importing || script.attempts != attempts) return false;
  script.importing = true;
  return true;
}

void Scripts::end_import(Script& script) {
  base::MutexLock lock(mutex_);
  script.importing = false;
  ++script.attempts;
  imported_.notify_all();
}

LookupResult Scripts::find(Attached& attached, Interpreter& interpreter, const gatehouse_target& target,
                           Request* request) {
  Script& script = script_of(view(target.script));
  const bool reloads = (target.flags & (GATEHOUSE_RELOAD | GATEHOUSE_DECLINE_STALE)) != 0;
  for (bool waited = false;; waited = true) {
    Ref globals;
    bool stale = false;
    std::uint64_t attempts = 0;
    bool importing = false;
    {
      const StateLock lock(mutex_);
      importing = script.importing;
      attempts = script.attempts;
      if (!importing && script.globals) {
        globals = script.globals.clone();
        stale = reloads && has_changed(script.file, script.mtime_us, target.script_mtime_us);
      } else if (!importing && waited) {
        return {Lookup::kFailed, {}, script.problem, script.status};  // of the attempt that this thread has waited for
      }
    }
    if (globals) {
      if (!reloads || (!stale && !wants_reload(attached, interpreter, globals, script.path, request)))
        return {Lookup::kReady, std::move(globals), {}};
      if ((target.flags & GATEHOUSE_DECLINE_STALE) != 0) return {Lookup::kStale, {}, {}};
    }
    if (!importing && begin_import(script, attempts)) {
      LookupResult result = import(attached, interpreter, script, target, request);
      end_import(script);
      return result;
    }
    wait_for_import(attached, script);
  }
}

Ref Scripts::import_file(Interpreter& interpreter, Script& script, const std::string& text) {
  Ref file = file_name(script.path);
  Ref name = file ? module_name(script.path) : Ref();
  Ref module = name ? new_module(name, file, script.mtime_us) : Ref();
  Ref globals = module ? Ref::borrow(PyModule_GetDict(module.get())) : Ref();
  if (globals && execute(interpreter, text, file, globals)) return globals;
  Ref exception = Ref::steal(take_raised());
  forget_module(name);
  if (exception) raise_again(exception.release());
  return {};
}

Ref Scripts::import_module(Script& script, bool again) {
  const std::string_view name = wsgi::module_of(script.path);
  Ref key = Ref::steal(PyUnicode_FromStringAndSize(name.data(), static_cast<Py_ssize_t>(name.size())));
  if (key && again) forget_module(key);
  Ref module = key ? Ref::steal(PyImport_Import(key.get())) : Ref();
  // What PyImport_Import returns for a dotted name is the module itself.
  Ref globals = module ? Ref::borrow(PyModule_GetDict(module.get())) : Ref();
  if (!globals) return {};
  script.file.clear();
  script.mtime_us = 0;
  const Ref file = Ref::steal(item_of(globals.get(), "__file__"));
  struct stat status;
  if (file && PyUnicode_Check(file.get())) script.file = utf8_of(file);
  if (!script.file.empty() && stat(script.file.c_str(), &status) == 0) script.mtime_us = mtime_us(status);
  return globals;
}

LookupResult Scripts::import(Attached& attached, Interpreter& interpreter, Script& script,
                             const gatehouse_target& target, Request* request) {
  const bool again = static_cast<bool>(script.globals);
  const bool is_module = wsgi::names_module(script.path);
  script.globals.reset();
  script.problem.clear();
  script.status = 500;

  const base::Result<Source> source = is_module ? Source() : read_source(script.path);
  if (!source) {
    script.problem = source.error().what + ": " + std::strerror(source.error().os_error);
    if (source.error().os_error == EACCES) script.problem += ": " + base::why_denied(script.path);
    log_message(attached, request, Message::kScriptUnreadable, script.problem);
    script.status = source.error().os_error == EACCES ? 403 : 500;
    return {Lookup::kFailed, {}, script.problem, script.status};
  }
  log_message(
      attached, request, Message::kScriptLoading,
      (again ? "reloading script " : "loading script ") + script.path + " (interpreter '" + interpreter.name() + "')");

  if (!is_module) script.file = script.path;
  if (!is_module) script.mtime_us = source->mtime_us;
  Ref globals;
  if (interpreter.objects.set_application_group(attached, view(target.application_group)))
    globals = is_module ? import_module(script, again) : import_file(interpreter, script, source->text);
  if (globals) {
    script.globals = globals.clone();
  } else {
    Ref exception = Ref::steal(take_raised());
    const Reason reason = reason_for(attached, exception, script.path, interpreter);
    if ((target.flags & GATEHOUSE_SERVICE) != 0 && reason.message == Message::kScriptExit)
      return {Lookup::kFailed, {}, {}};
    script.problem = reason.what + ": " + describe(attached, exception);
    log_taken(attached, request, reason.message, reason.what, exception);
  }
  return {globals ? Lookup::kReady : Lookup::kFailed, std::move(globals), script.problem, script.status};
}

Ref find_callable(Attached& attached, Interpreter& interpreter, Borrowed globals, const gatehouse_target& target,
                  Request* request, std::string* problem) {
  const EnvironKeys::Key* key = interpreter.environ_keys().find(view(target.callable));
  Ref name = key != nullptr ? key->text.clone() : file_name(view(target.callable));
  Ref found = name ? Ref::steal(item_of(globals.get(), name.get())) : Ref();
  PyErr_Clear();
  if (found && PyCallable_Check(found.get())) return found;

  const std::string names = names_of_callables(globals);
  *problem = "script " + std::string(view(target.script)) + (found ? " has '" : " has no callable '") +
             std::string(view(target.callable)) +
             (found ? "', but it is no callable: it is of type " + std::string(Py_TYPE(found.get())->tp_name) : "'") +
             (names.empty() ? "; it defines no callable" : "; it defines " + names) +
             "; name one of them with WSGICallableObject or callable-object";
  log_message(attached, request, Message::kCallableMissing, *problem);
  return {};
}

}  // namespace python
