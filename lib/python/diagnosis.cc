// SPDX-License-Identifier: Apache-2.0
#include "python/diagnosis.h"

#include <dirent.h>
#include <unistd.h>

#include <memory>
#include <vector>

#include "python/log_stream.h"
#include "wsgi/import_diagnosis.h"

namespace python {
namespace {

constexpr int kMostCauses = 10;

std::string text_or_empty(Ref object) {
  if (object && PyUnicode_Check(object.get())) return utf8_of(object);
  PyErr_Clear();
  return {};
}

std::string attribute(Borrowed object, const char* name) {
  return text_or_empty(Ref::steal(PyObject_GetAttrString(object.get(), name)));
}

// The messages of an exception and of what it came from: NumPy and others wrap the one that tells.
std::string messages_of(Borrowed exception) {
  std::string text;
  Ref next = Ref::borrow(exception.get());
  for (int i = 0; next && i < kMostCauses; ++i) {
    text += text_or_empty(Ref::steal(PyObject_Str(next.get()))) + "\n";
    Ref cause = Ref::steal(PyException_GetCause(next.get()));
    next = cause ? std::move(cause) : Ref::steal(PyException_GetContext(next.get()));
  }
  return text;
}

// __name__ of the last module of the traceback that is not of the import machinery.
std::string importer_of(Borrowed exception) {
  std::string importer;
  Ref traceback = Ref::steal(PyException_GetTraceback(exception.get()));
  while (traceback && traceback.get() != Py_None) {
    Ref frame = Ref::steal(PyObject_GetAttrString(traceback.get(), "tb_frame"));
    Ref globals = frame ? Ref::steal(PyObject_GetAttrString(frame.get(), "f_globals")) : Ref();
    const Ref name = globals ? Ref::steal(item_of(globals.get(), "__name__")) : Ref();
    const std::string text = name && PyUnicode_Check(name.get()) ? utf8_of(name) : "";
    if (!text.empty() && !text.starts_with("importlib") && !text.starts_with("_mod_wsgi_")) importer = text;
    traceback = Ref::steal(PyObject_GetAttrString(traceback.get(), "tb_next"));
  }
  PyErr_Clear();
  return importer;
}

// The source of the last line of the traceback when that is an import statement.
std::string statement_of(Borrowed exception) {
  Ref lines = Ref::steal(PyException_GetTraceback(exception.get()));
  Ref module = lines ? Ref::steal(PyImport_ImportModule("traceback")) : Ref();
  if (module) lines = Ref::steal(PyObject_CallMethod(module.get(), "extract_tb", "O", lines.get()));
  const Py_ssize_t count = module && lines ? PySequence_Size(lines.get()) : 0;
  Ref last = count > 0 ? Ref::steal(PySequence_GetItem(lines.get(), count - 1)) : Ref();
  std::string text = last ? attribute(last, "line") : std::string();
  PyErr_Clear();
  return text.starts_with("import ") || text.starts_with("from ") ? text : std::string();
}

std::vector<std::string> search_path() {
  std::vector<std::string> path;
  const Borrowed list(PySys_GetObject("path"));
  if (!list || !PyList_Check(list.get())) return path;
  for (Py_ssize_t i = 0; i < PyList_Size(list.get()); ++i)
    path.push_back(text_or_empty(Ref::borrow(PyList_GetItem(list.get(), i))));
  return path;
}

std::string text_of_search_path() {
  const std::string text = text_or_empty(Ref::steal(PyObject_Repr(PySys_GetObject("path"))));
  return text.empty() ? "unknown" : text;
}

// The site-packages of other Pythons' versions in this environment that have the module.
std::vector<std::string> found_outside(const std::string& module, const std::string& own_version) {
  std::vector<std::string> found;
  const std::string prefix = text_or_empty(Ref::borrow(PySys_GetObject("prefix")));
  const std::string name = module.substr(0, module.find('.'));
  if (prefix.empty() || name.empty()) return found;
  const std::unique_ptr<DIR, int (*)(DIR*)> names(opendir((prefix + "/lib").c_str()), closedir);
  // NOLINTNEXTLINE(concurrency-mt-unsafe): the stream is ours alone
  for (const dirent* entry; names != nullptr && (entry = readdir(names.get())) != nullptr;) {
    const std::string directory = prefix + "/lib/" + entry->d_name + "/site-packages";
    const std::string version = wsgi::version_in_path(directory.substr(prefix.size() + 4));
    if (version.empty() || version == own_version) continue;
    const std::string file = directory + "/" + name;
    if (access(file.c_str(), F_OK) == 0 || access((file + ".py").c_str(), F_OK) == 0) found.push_back(directory);
  }
  return found;
}

}  // namespace

std::string diagnose_import(Attached&, Borrowed exception, wsgi::Lock lock) {
  if (PyErr_GivenExceptionMatches(exception.get(), PyExc_ImportError) == 0) return {};
  wsgi::ImportFailure failure;
  failure.text = messages_of(exception);
  failure.module = attribute(exception, "name");
  failure.importer = importer_of(exception);
  failure.statement = statement_of(exception);
  failure.not_found = PyErr_GivenExceptionMatches(exception.get(), PyExc_ModuleNotFoundError) != 0;
  wsgi::ImportSurroundings around;
  around.version = kVersionName;
  around.lock = lock;
  around.in_main_interpreter = PyInterpreterState_Get() == PyInterpreterState_Main();
  around.search_path = text_of_search_path();
  around.path = search_path();
  if (failure.not_found) around.found_outside = found_outside(failure.module, around.version);
  return wsgi::diagnose(failure, around);
}

}  // namespace python
