// SPDX-License-Identifier: Apache-2.0
#pragma once

// A dict with str keys, made in one go: the first failure leaves its exception pending and ends in an empty Ref.

#include "python/cpython.h"

#include <cstdint>
#include <string_view>

#include "python/ref.h"

namespace python {

class DictBuilder {
 public:
  DictBuilder() : dict_(Ref::steal(PyDict_New())) {}

  void put(const char* name, Borrowed value) {
    if (dict_ && (!value || PyDict_SetItemString(dict_.get(), name, value.get()) < 0)) dict_.reset();
  }
  void put_int(const char* name, std::int64_t value) { put_new(name, PyLong_FromLongLong(value)); }
  void put_count(const char* name, std::uint64_t value) { put_new(name, PyLong_FromUnsignedLongLong(value)); }
  void put_float(const char* name, double value) { put_new(name, PyFloat_FromDouble(value)); }
  void put_seconds(const char* name, std::int64_t micros) { put_float(name, static_cast<double>(micros) / 1e6); }
  void put_none(const char* name) { put(name, Borrowed(Py_None)); }
  // UTF-8, or what is left of it.
  void put_text(const char* name, std::string_view text) {
    put_new(name, PyUnicode_DecodeUTF8(text.data(), static_cast<Py_ssize_t>(text.size()), "replace"));
  }
  Ref take() { return std::move(dict_); }

 private:
  void put_new(const char* name, PyObject* value) { put(name, Ref::steal(value)); }

  Ref dict_;
};

}  // namespace python
