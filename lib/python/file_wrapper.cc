// SPDX-License-Identifier: Apache-2.0
#include "python/file_wrapper.h"

#include <sys/stat.h>

#include <cstddef>

#include "python/module_state.h"
#include "python/without_gil.h"

namespace python {
namespace {

struct FileWrapperObject {
  PyObject_HEAD PyObject* filelike;  // nullptr: closed
  Py_ssize_t blksize;
};

FileWrapperObject* self_of(PyObject* self) { return reinterpret_cast<FileWrapperObject*>(self); }

// Empty: closed.
Ref filelike_of(PyObject* self) {
  const Alone alone(self);
  return Ref::borrow(self_of(self)->filelike);
}

// Gives the wrapper another file, or none, and returns the one it had.
Ref exchange_filelike(PyObject* self, Ref filelike) {
  const Alone alone(self);
  return Ref::steal(std::exchange(self_of(self)->filelike, filelike.release()));
}

PyObject* refuse_closed() {
  PyErr_SetString(PyExc_ValueError, "I/O operation on a closed FileWrapper");
  return nullptr;
}

int on_init(PyObject* self, PyObject* arguments, PyObject* keywords) noexcept {
  static const char* names[] = {"filelike", "blksize", nullptr};
  PyObject* filelike = nullptr;
  Py_ssize_t blksize = 8192;
  if (!PyArg_ParseTupleAndKeywords(arguments, keywords, "O|n:FileWrapper", const_cast<char**>(names), &filelike,
                                   &blksize))
    return -1;
  if (blksize < 0) {
    PyErr_SetString(PyExc_ValueError, "blksize must not be negative");
    return -1;
  }
  self_of(self)->blksize = blksize;
  exchange_filelike(self, Ref::borrow(filelike));
  return 0;
}

PyObject* on_iter(PyObject* self) noexcept { return filelike_of(self) ? Py_NewRef(self) : refuse_closed(); }

PyObject* on_next(PyObject* self) noexcept {
  const Ref filelike = filelike_of(self);
  if (!filelike) return refuse_closed();
  Ref block = Ref::steal(PyObject_CallMethod(filelike.get(), "read", "n", self_of(self)->blksize));
  if (!block) return nullptr;
  if (!PyBytes_Check(block.get())) {
    PyErr_Format(PyExc_TypeError, "read() of the file in FileWrapper must give bytes, not %.100s; open it in mode 'rb'",
                 Py_TYPE(block.get())->tp_name);
    return nullptr;
  }
  return PyBytes_GET_SIZE(block.get()) > 0 ? block.release() : nullptr;
}

PyObject* on_close(PyObject* self, PyObject*) noexcept {
  const Ref filelike = exchange_filelike(self, Ref());
  if (filelike && !Ref::steal(PyObject_CallMethod(filelike.get(), "close", nullptr))) PyErr_Clear();
  Py_RETURN_NONE;
}

PyObject* get_filelike(PyObject* self, void*) noexcept {
  Ref filelike = filelike_of(self);
  return filelike ? filelike.release() : refuse_closed();
}

PyObject* get_blksize(PyObject* self, void*) noexcept { return PyLong_FromSsize_t(self_of(self)->blksize); }

int on_traverse(PyObject* self, visitproc visit, void* arg) noexcept {
  Py_VISIT(Py_TYPE(self));
  Py_VISIT(self_of(self)->filelike);
  return 0;
}

int on_clear(PyObject* self) noexcept {
  Py_CLEAR(self_of(self)->filelike);
  return 0;
}

void on_dealloc(PyObject* self) noexcept {
  PyTypeObject* type = Py_TYPE(self);
  PyObject_GC_UnTrack(self);
  Py_CLEAR(self_of(self)->filelike);
  type->tp_free(self);
  Py_DECREF(type);
}

PyMethodDef methods[] = {{"close", on_close, METH_NOARGS, "Closes the file, if it can be closed."},
                         {nullptr, nullptr, 0, nullptr}};

PyGetSetDef attributes[] = {{"filelike", get_filelike, nullptr, "The file-like object.", nullptr},
                            {"blksize", get_blksize, nullptr, "How much is read at a time.", nullptr},
                            {nullptr, nullptr, nullptr, nullptr, nullptr}};

char documentation[] = "FileWrapper(filelike, blksize=8192): iterates over filelike.read(blksize).";

PyType_Slot slots[] = {{Py_tp_doc, documentation},
                       {Py_tp_init, reinterpret_cast<void*>(on_init)},
                       {Py_tp_new, reinterpret_cast<void*>(PyType_GenericNew)},
                       {Py_tp_dealloc, reinterpret_cast<void*>(on_dealloc)},
                       {Py_tp_traverse, reinterpret_cast<void*>(on_traverse)},
                       {Py_tp_clear, reinterpret_cast<void*>(on_clear)},
                       {Py_tp_iter, reinterpret_cast<void*>(on_iter)},
                       {Py_tp_iternext, reinterpret_cast<void*>(on_next)},
                       {Py_tp_methods, methods},
                       {Py_tp_getset, attributes},
                       {0, nullptr}};

PyType_Spec spec = {"mod_wsgi.FileWrapper", sizeof(FileWrapperObject), 0,
                    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC, slots};

bool is_exactly(Borrowed object, Borrowed type) {
  return reinterpret_cast<PyObject*>(Py_TYPE(object.get())) == type.get();
}

bool is_plain_file(const ModuleState& objects, Borrowed filelike) {
  if (is_exactly(filelike, objects.raw_file_type)) return true;
  if (!is_exactly(filelike, objects.buffered_reader_type) && !is_exactly(filelike, objects.buffered_random_type))
    return false;
  Ref raw = Ref::steal(PyObject_GetAttrString(filelike.get(), "raw"));
  return raw && is_exactly(raw, objects.raw_file_type);
}

}  // namespace

Ref make_file_wrapper_type(Borrowed module) {
  return Ref::steal(PyType_FromModuleAndSpec(module.get(), &spec, nullptr));
}

std::optional<FileRange> file_behind(Attached&, const ModuleState& objects, Borrowed result) {
  if (!is_exactly(result, objects.file_wrapper_type)) return std::nullopt;
  const Ref filelike = filelike_of(result.get());
  if (!filelike) return std::nullopt;
  std::optional<FileRange> range;
  if (is_plain_file(objects, filelike)) {
    const int fd = PyObject_AsFileDescriptor(filelike.get());
    Ref position = fd >= 0 ? Ref::steal(PyObject_CallMethod(filelike.get(), "tell", nullptr)) : Ref();
    const std::int64_t offset = position ? PyLong_AsLongLong(position.get()) : -1;
    struct stat status;
    if (offset >= 0 && fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && offset <= status.st_size)
      range = FileRange{fd, offset, status.st_size - offset};
  }
  PyErr_Clear();
  return range;
}

}  // namespace python
