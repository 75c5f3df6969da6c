// SPDX-License-Identifier: Apache-2.0
#include "python/stacks.h"

#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <string>
#include <string_view>

#include "base/log.h"
#include "base/posix.h"
#include "python/exception.h"
#include "python/interpreter.h"
#include "python/log_stream.h"
#include "python/ref.h"
#include "python/request.h"

namespace python {
namespace {

constexpr base::Level kLevel = base::Level::kWarning;

// Where CPython's faulthandler writes; -1: it was not prepared.
constinit int dump = -1;

// The daemon's own signal is the one before.
int dump_signal() { return SIGRTMIN + 1; }

// A call that failed says so and costs nothing else.
Ref or_logged(Attached& attached, Ref object) {
  if (!object) log_exception(attached, nullptr, base::Message::kStacks, "a stack could not be read");
  return object;
}

Ref current_frames(Attached& attached) {
  const Ref sys = Ref::steal(item_of(PyImport_GetModuleDict(), "sys"));
  return sys ? or_logged(attached, Ref::steal(PyObject_CallMethod(sys.get(), "_current_frames", nullptr))) : Ref();
}

void log_frame(Attached& attached, Borrowed frame) {
  Ref traceback = Ref::steal(PyImport_ImportModule("traceback"));
  Ref lines = traceback ? Ref::steal(PyObject_CallMethod(traceback.get(), "format_stack", "O", frame.get())) : Ref();
  Ref empty = Ref::steal(PyUnicode_New(0, 0));
  Ref joined = or_logged(attached, lines && empty ? Ref::steal(PyUnicode_Join(empty.get(), lines.get())) : Ref());
  if (!joined) return;
  std::string partial;
  write_lines(attached, nullptr, kLevel, partial, utf8_of(joined));
  flush_lines(attached, nullptr, kLevel, partial);
}

std::string title_of(const Interpreter& interpreter, unsigned long ident) {
  return "thread " + std::to_string(ident) + " in interpreter '" + interpreter.name() + "' (innermost call last):";
}

void log_lines_of(std::string_view text) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string line = base::escape_line(text.substr(0, end));
    if (!line.empty()) base::log(base::Message::kStacks, "%s", line.c_str());
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

}  // namespace

void log_stack_of(Attached& attached, Interpreter& interpreter, unsigned long ident) {
  Ref frames = current_frames(attached);
  Ref key = Ref::steal(PyLong_FromUnsignedLong(ident));
  Borrowed frame(frames && key ? PyDict_GetItemWithError(frames.get(), key.get()) : nullptr);
  if (!frame) return PyErr_Clear();
  log_message(attached, nullptr, base::Message::kStacks, title_of(interpreter, ident));
  log_frame(attached, frame);
}

void log_stacks(Attached& attached, Interpreter& interpreter) {
  Ref frames = current_frames(attached);
  if (!frames) return;
  PyObject *ident, *frame;
  for (Py_ssize_t position = 0; PyDict_Next(frames.get(), &position, &ident, &frame) != 0;) {
    const unsigned long number = PyLong_AsUnsignedLong(ident);
    if (number == PyThread_get_thread_ident()) continue;
    log_message(attached, nullptr, base::Message::kStacks, title_of(interpreter, number));
    log_frame(attached, Borrowed(frame));
  }
}

bool prepare_unattached_stacks(Attached&) {
  base::UniqueFd file(memfd_create("stacks", MFD_CLOEXEC));
  Ref module = Ref::steal(PyImport_ImportModule("faulthandler"));
  if (!file.valid() || !module) return module || PyErr_Occurred() == nullptr;
  // register(signum, file, all_threads, chain)
  if (!Ref::steal(PyObject_CallMethod(module.get(), "register", "iiii", dump_signal(), file.get(), 1, 0))) return false;
  dump = file.release();
  return true;
}

void log_stacks_unattached() {
  if (dump < 0) return;
  if (ftruncate(dump, 0) != 0 || lseek(dump, 0, SEEK_SET) != 0) return;
  pthread_kill(pthread_self(), dump_signal());  // handled before this returns
  std::string text;
  char part[4096];
  for (off_t at = 0;;) {
    const ssize_t size = pread(dump, part, sizeof part, at);
    if (size <= 0) break;
    text.append(part, static_cast<std::size_t>(size));
    at += size;
  }
  log_lines_of(text);
}

}  // namespace python
