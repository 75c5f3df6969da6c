// SPDX-License-Identifier: Apache-2.0
#pragma once

// The only file that includes Python.h, and the only one that knows differences between Python versions.
// Include it first: Python.h must precede the standard headers.

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <structmember.h>

#include <string_view>

#if PY_VERSION_HEX < 0x030A0000
#error "CPython 3.10 or newer is needed"
#endif

namespace python {

// Is this a build that can run without a GIL (PEP 703)?
#ifdef Py_GIL_DISABLED
inline constexpr bool kIsFreeThreaded = true;
#define GATEHOUSE_BUILD "t"
#else
inline constexpr bool kIsFreeThreaded = false;
#define GATEHOUSE_BUILD ""
#endif

// "3.12"; of a free-threaded build kVersionName is "3.13t", as its files and its engine are named.
#define GATEHOUSE_TEXT_OF(x) #x
#define GATEHOUSE_TEXT(x) GATEHOUSE_TEXT_OF(x)
inline constexpr std::string_view kMinorVersion = GATEHOUSE_TEXT(PY_MAJOR_VERSION) "." GATEHOUSE_TEXT(PY_MINOR_VERSION);
inline constexpr std::string_view kVersionName =
    GATEHOUSE_TEXT(PY_MAJOR_VERSION) "." GATEHOUSE_TEXT(PY_MINOR_VERSION) GATEHOUSE_BUILD;
#undef GATEHOUSE_TEXT
#undef GATEHOUSE_TEXT_OF
#undef GATEHOUSE_BUILD

// The pending exception as one normalised object that carries its traceback; nullptr when none is pending.
// A new reference; no exception is pending afterwards.
inline PyObject* take_raised() {
#if PY_VERSION_HEX >= 0x030C0000
  return PyErr_GetRaisedException();
#else
  PyObject *type = nullptr, *value = nullptr, *traceback = nullptr;
  PyErr_Fetch(&type, &value, &traceback);
  if (type == nullptr) return nullptr;
  PyErr_NormalizeException(&type, &value, &traceback);
  if (traceback != nullptr) PyException_SetTraceback(value, traceback);
  Py_XDECREF(type);
  Py_XDECREF(traceback);
  return value;
#endif
}

// Makes exception, an instance, the pending one. Takes the reference over.
inline void raise_again(PyObject* exception) {
#if PY_VERSION_HEX >= 0x030C0000
  PyErr_SetRaisedException(exception);
#else
  PyObject* type = Py_NewRef(reinterpret_cast<PyObject*>(Py_TYPE(exception)));
  PyErr_Restore(type, exception, PyException_GetTraceback(exception));
#endif
}

// These three give a new reference, which outlives a change of the dict by another thread. dict[key]: nullptr when
// there is none, or with an exception pending.
inline PyObject* item_of(PyObject* dict, PyObject* key) {
#if PY_VERSION_HEX >= 0x030D0000
  PyObject* value = nullptr;
  static_cast<void>(PyDict_GetItemRef(dict, key, &value));
  return value;
#else
  return Py_XNewRef(PyDict_GetItemWithError(dict, key));
#endif
}

// nullptr when there is none; no exception.
inline PyObject* item_of(PyObject* dict, const char* name) {
#if PY_VERSION_HEX >= 0x030D0000
  PyObject* value = nullptr;
  if (PyDict_GetItemStringRef(dict, name, &value) < 0) PyErr_Clear();
  return value;
#else
  return Py_XNewRef(PyDict_GetItemString(dict, name));
#endif
}

// dict.setdefault(key, value); nullptr with an exception pending.
inline PyObject* set_default(PyObject* dict, PyObject* key, PyObject* value) {
#if PY_VERSION_HEX >= 0x030D0000
  PyObject* kept = nullptr;
  static_cast<void>(PyDict_SetDefaultRef(dict, key, value, &kept));
  return kept;
#else
  return Py_XNewRef(PyDict_SetDefault(dict, key, value));
#endif
}

// Can a sub-interpreter have a GIL of its own (PEP 684)?
inline constexpr bool kHasOwnGil = PY_VERSION_HEX >= 0x030C0000;

// Does PyGILState_Ensure take the state that a thread is attached with? Before 3.12 it takes the first that the thread
// had, whichever interpreter that is of.
inline constexpr bool kKnowsAttached = PY_VERSION_HEX >= 0x030C0000;

// Does an interpreter with a GIL of its own run the init function of an extension module before it refuses the module?
inline constexpr bool kRunsRefusedInits = PY_VERSION_HEX >= 0x030C0000 && PY_VERSION_HEX < 0x030D0000;

enum class Gil { kShared, kOwn };

// A sub-interpreter that shares the main one's GIL or has its own, current on return, its GIL held and the main one's
// no more; nullptr when it could not be made and Python was able to say so (before 3.12 it ends the process instead):
// then the main one is current as before.
inline PyThreadState* new_interpreter([[maybe_unused]] Gil gil) {
#if PY_VERSION_HEX >= 0x030C0000
  // With a GIL of its own an interpreter shares nothing: neither memory, nor modules that keep their state in C, nor
  // a fork, which would copy the other interpreters in the midst of their work. A free-threaded build takes no such
  // modules in any sub-interpreter.
  const int shares = gil == Gil::kShared ? 1 : 0;
  PyInterpreterConfig config{};
  config.use_main_obmalloc = shares;
  config.allow_fork = shares;
  config.allow_exec = 1;
  config.allow_threads = 1;
  config.allow_daemon_threads = 1;
  config.check_multi_interp_extensions = kIsFreeThreaded ? 1 : 1 - shares;
  config.gil = gil == Gil::kShared ? PyInterpreterConfig_SHARED_GIL : PyInterpreterConfig_OWN_GIL;
  PyThreadState* state = nullptr;
  const PyStatus status = Py_NewInterpreterFromConfig(&state, &config);
  return PyStatus_Exception(status) ? nullptr : state;
#else
  return Py_NewInterpreter();
#endif
}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wold-style-cast"  // in macros of 3.10
// The memory of a str whose characters are all latin-1, one byte each; nullptr when some are not. Lives as long as
// the str. No exception.
inline const char* latin1_data(PyObject* text, Py_ssize_t* size) {
#if PY_VERSION_HEX < 0x030C0000
  if (PyUnicode_READY(text) < 0) {
    PyErr_Clear();
    return nullptr;
  }
#endif
  if (PyUnicode_KIND(text) != PyUnicode_1BYTE_KIND) return nullptr;
  *size = PyUnicode_GET_LENGTH(text);
  return reinterpret_cast<const char*>(PyUnicode_1BYTE_DATA(text));
}
#pragma GCC diagnostic pop

// Says of one of our modules that it does not need the GIL.
inline int declare_free_threaded([[maybe_unused]] PyObject* module) {
#ifdef Py_GIL_DISABLED
  return PyUnstable_Module_SetGIL(module, Py_MOD_GIL_NOT_USED);
#else
  return 0;
#endif
}

}  // namespace python
