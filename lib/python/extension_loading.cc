// SPDX-License-Identifier: Apache-2.0
#include "python/extension_loading.h"

#include <string>

#include "base/mutex.h"
#include "python/interpreter.h"
#include "python/log_stream.h"
#include "python/ref.h"
#include "python/runtime.h"

namespace python {
namespace {

struct Extension {
  std::string name;
  std::string file;
};

// One thread of the process at a time: an init function may give the lock of the main interpreter up in its midst.
class Exclusive {
 public:
  Exclusive() {
    base::MutexLock lock(shared_.mutex);
    while (shared_.is_taken) shared_.given_back.wait(shared_.mutex);
    shared_.is_taken = true;
  }
  ~Exclusive() {
    base::MutexLock lock(shared_.mutex);
    shared_.is_taken = false;
    shared_.given_back.notify_all();
  }
  Exclusive(const Exclusive&) = delete;
  Exclusive& operator=(const Exclusive&) = delete;

 private:
  struct Shared {
    base::Mutex mutex;
    base::CondVar given_back;
    bool is_taken GH_GUARDED_BY(mutex) = false;
  };
  static Shared& shared() {
    static Shared& made = *new Shared;  // threads may outlive static objects
    return made;
  }
  Shared& shared_ = shared();
};

std::string attribute(Borrowed object, const char* name) {
  Ref value = Ref::steal(PyObject_GetAttrString(object.get(), name));
  if (value && PyUnicode_Check(value.get())) return utf8_of(value);
  PyErr_Clear();
  return {};
}

// With the main interpreter's lock. The module itself is not kept, and not importable by this.
void run_init_function(const Extension& extension) {
  const Borrowed modules(PyImport_GetModuleDict());
  const Borrowed importlib(PyDict_GetItemString(modules.get(), "_frozen_importlib"));
  const Borrowed imp(PyDict_GetItemString(modules.get(), "_imp"));
  if (!importlib || !imp || PyDict_GetItemString(modules.get(), extension.name.c_str()) != nullptr) return;
  Ref spec = Ref::steal(PyObject_CallMethod(importlib.get(), "ModuleSpec", "sO", extension.name.c_str(), Py_None));
  Ref file = Ref::steal(PyUnicode_DecodeFSDefault(extension.file.c_str()));
  if (spec && file && PyObject_SetAttrString(spec.get(), "origin", file.get()) == 0)
    Ref::steal(PyObject_CallMethod(imp.get(), "create_dynamic", "O", spec.get()));
  // What is wrong with it the interpreter that wants it will tell.
  PyErr_Clear();
  if (PyDict_GetItemString(modules.get(), extension.name.c_str()) != nullptr)
    PyDict_DelItemString(modules.get(), extension.name.c_str());
}

void load_in_main(Attached& attached, const Extension& extension) {
  Detach detach(attached);
  const Exclusive exclusive;
  // A state for this visit only: the thread may be the application's own, whose end we do not see.
  PyThreadState* const state = PyThreadState_New(Runtime::get().interpreters().main().state());
  if (state == nullptr) return;
  attach_state(state);
  run_init_function(extension);
  PyThreadState_Clear(state);
  PyThreadState_DeleteCurrent();
}

// In place of _imp.create_dynamic; self is the original.
PyObject* on_create_dynamic(PyObject* original, PyObject* const* arguments, Py_ssize_t count) noexcept {
  Attached attached = Attached::in_slot();
  if (count > 0) {
    const Extension extension{attribute(Borrowed(arguments[0]), "name"), attribute(Borrowed(arguments[0]), "origin")};
    if (!extension.name.empty() && !extension.file.empty()) load_in_main(attached, extension);
  }
  return PyObject_Vectorcall(original, arguments, static_cast<std::size_t>(count), nullptr);
}

PyMethodDef create_dynamic_method = {
    "create_dynamic", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(on_create_dynamic)), METH_FASTCALL,
    "create_dynamic(spec): makes an extension module whose init function the main interpreter has run before."};

}  // namespace

bool load_extensions_in_main_first(Attached&) {
  if (!kRunsRefusedInits) return true;
  Borrowed imp(PyDict_GetItemString(PyImport_GetModuleDict(), "_imp"));
  Ref original = imp ? Ref::steal(PyObject_GetAttrString(imp.get(), "create_dynamic")) : Ref();
  Ref replacement = original ? Ref::steal(PyCFunction_New(&create_dynamic_method, original.get())) : Ref();
  return replacement && PyObject_SetAttrString(imp.get(), "create_dynamic", replacement.get()) == 0;
}

}  // namespace python
