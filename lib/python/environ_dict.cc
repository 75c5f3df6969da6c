// SPDX-License-Identifier: Apache-2.0
#include "python/environ_dict.h"

#include <algorithm>
#include <functional>
#include <span>

#include "base/posix.h"
#include "python/request.h"
#include "python/runtime.h"

namespace python {
namespace {

using Decoding = EnvironKeys::Decoding;
using Key = EnvironKeys::Key;

constexpr std::size_t kLongestName = 64;
constexpr std::size_t kLongestKeptValue = 256;

Ref latin1(std::string_view text) {
  return Ref::steal(PyUnicode_DecodeLatin1(text.data(), static_cast<Py_ssize_t>(text.size()), nullptr));
}

Ref decode(Decoding decoding, std::string_view value) {
  switch (decoding) {
    case Decoding::kLatin1:
      return latin1(value);
    case Decoding::kFileSystem:
      return Ref::steal(PyUnicode_DecodeFSDefaultAndSize(value.data(), static_cast<Py_ssize_t>(value.size())));
    case Decoding::kVersion:
      return version_tuple(value);
  }
  Py_UNREACHABLE();
}

bool is_latin1_text(Borrowed object, std::string_view text) {
  if (!object) return false;
  Py_ssize_t size = 0;
  const char* data = latin1_data(object.get(), &size);
  return data != nullptr && std::string_view(data, static_cast<std::size_t>(size)) == text;
}

// What clients send changes, and should not outlive its request.
bool keeps_value(std::string_view name) {
  return !name.starts_with("HTTP_") && name != "QUERY_STRING" && name != "REQUEST_URI" && name != "REMOTE_USER" &&
         name != "mod_wsgi.request_id" && name != "mod_wsgi.connection_id";
}

Decoding decoding_of(std::string_view name) {
  if (name == "DOCUMENT_ROOT" || name == "SCRIPT_FILENAME") return Decoding::kFileSystem;
  if (name == "apache.version") return Decoding::kVersion;
  return Decoding::kLatin1;
}

Ref value_of(Key& key, std::string_view value) {
  if (!key.keeps_value || value.empty() || value.size() > kLongestKeptValue) return decode(key.decoding, value);
  if (key.decoding == Decoding::kLatin1 && is_latin1_text(key.last_value, value)) return key.last_value.clone();
  Ref made = decode(key.decoding, value);
  if (key.decoding == Decoding::kLatin1) key.last_value = made.clone();
  return made;
}

bool add_pair(Borrowed environ, EnvironKeys& keys, const gatehouse_pair& pair) {
  Key* key = keys.find(view(pair.name));
  Ref name = key != nullptr ? key->text.clone() : latin1(view(pair.name));
  Ref value =
      key != nullptr ? value_of(*key, view(pair.value)) : decode(decoding_of(view(pair.name)), view(pair.value));
  return name && value && PyDict_SetItem(environ.get(), name.get(), value.get()) == 0;
}

bool add(Borrowed environ, EnvironKeys& keys, std::string_view name, Borrowed value) {
  Key* key = keys.find(name);
  Ref text = key != nullptr ? key->text.clone() : latin1(name);
  return text && value && PyDict_SetItem(environ.get(), text.get(), value.get()) == 0;
}

Borrowed boolean(bool value) { return Borrowed(value ? Py_True : Py_False); }

// mod_wsgi.version and mod_wsgi.process_group, which are the process's.
bool add_version(Borrowed environ, EnvironKeys& keys) {
  Ref version = Ref::steal(Py_BuildValue("(iii)", kVersion[0], kVersion[1], kVersion[2]));
  return add(environ, keys, "mod_wsgi.version", version) &&
         add(environ, keys, "mod_wsgi.process_group", latin1(Runtime::get().settings().process_group));
}

bool add_request_rec(Borrowed environ, EnvironKeys& keys, const gatehouse_request& request) {
  if (request.request_rec == nullptr) return true;
  Ref capsule = Ref::steal(PyCapsule_New(request.request_rec, nullptr, nullptr));
  return add(environ, keys, "apache.request_rec", capsule);
}

// What does not change from request to request with the same flags.
Ref make_template(Interpreter& interpreter, std::uint32_t flags) {
  EnvironKeys& keys = interpreter.environ_keys();
  Ref environ = Ref::steal(PyDict_New());
  Ref wsgi_version = Ref::steal(Py_BuildValue("(ii)", 1, 0));
  Ref scheme = latin1((flags & GATEHOUSE_HTTPS) != 0 ? "https" : "http");
  const bool made =
      environ && add(environ, keys, "wsgi.version", wsgi_version) && add(environ, keys, "wsgi.url_scheme", scheme) &&
      add(environ, keys, "wsgi.file_wrapper", interpreter.objects.file_wrapper_type) &&
      add(environ, keys, "wsgi.input_terminated", boolean(true)) &&
      add(environ, keys, "wsgi.multithread", boolean((flags & GATEHOUSE_MULTITHREAD) != 0)) &&
      add(environ, keys, "wsgi.multiprocess", boolean((flags & GATEHOUSE_MULTIPROCESS) != 0)) &&
      add(environ, keys, "wsgi.run_once", boolean((flags & GATEHOUSE_RUN_ONCE) != 0)) && add_version(environ, keys);
  return made ? std::move(environ) : Ref();
}

// The host's pairs of a request against the shape of those before it. Making an environ may run Python code, and with
// it other requests that change the shape: so this has its own copies.
class Pairs {
 public:
  Pairs(EnvironKeys& keys, EnvironKeys::Shape& shape, const gatehouse_request& abi)
      : pairs_(abi.environ, abi.environ_count), keys_(keys), shape_(shape) {
    has_keys_ = pairs_.size() <= kMost;
    fits_ = has_keys_ && shape.keys.size() == pairs_.size();
    for (std::size_t i = 0; has_keys_ && i < pairs_.size(); ++i) {
      found_[i] = keys.find(view(pairs_[i].name));
      has_keys_ = found_[i] != nullptr;
      fits_ = fits_ && has_keys_ && found_[i] == shape.keys[i];
      if (fits_ && shape.environ) values_[i] = shape.values[i];
    }
    if (fits_) like_ = shape.environ.clone();
  }

  // Constants and pairs. Empty with an exception pending on failure.
  Ref make() const {
    Ref environ = Ref::steal(PyDict_Copy(like_ ? like_.get() : shape_.constants.get()));
    for (std::size_t i = 0; environ && i < pairs_.size(); ++i)
      if (!(like_ ? set(environ, i) : add_pair(environ, keys_, pairs_[i]))) return {};
    return environ;
  }

  // environ: complete. Keeps what the next request with these keys can begin from.
  void keep(Borrowed environ) const {
    if (!has_keys_ || like_) return;
    const auto found = std::span(found_, pairs_.size());
    if (!std::equal(found.begin(), found.end(), shape_.keys.begin(), shape_.keys.end())) {
      shape_.keys.assign(found.begin(), found.end());
      shape_.environ.reset();
    } else if (!shape_.environ && !keep_environ(environ, found)) {
      PyErr_Clear();
    }
  }

 private:
  static constexpr std::size_t kMost = 128;

  bool set(Borrowed environ, std::size_t i) const {
    const Ref value = value_of(*found_[i], view(pairs_[i].value));
    return value &&
           (value.get() == values_[i] || PyDict_SetItem(environ.get(), found_[i]->text.get(), value.get()) == 0);
  }

  // Holds nothing that is the request's.
  bool keep_environ(Borrowed environ, std::span<Key* const> found) const {
    for (std::size_t i = 1; i < found.size(); ++i)
      if (std::find(found.begin(), found.begin() + static_cast<std::ptrdiff_t>(i), found[i]) !=
          found.begin() + static_cast<std::ptrdiff_t>(i))
        return true;  // a name twice: the last one counts
    Ref like = Ref::steal(PyDict_Copy(shape_.constants.get()));
    if (!like) return false;
    PyObject* key = nullptr;
    for (Py_ssize_t position = 0; PyDict_Next(environ.get(), &position, &key, nullptr) != 0;)
      if (PyDict_Contains(shape_.constants.get(), key) == 0 && PyDict_SetItem(like.get(), key, Py_None) < 0)
        return false;
    std::vector<PyObject*> values;
    for (const Key* one : found) {
      values.push_back(one->last_value ? one->last_value.get() : Py_None);
      if (PyDict_SetItem(like.get(), one->text.get(), values.back()) < 0) return false;
    }
    shape_.values = std::move(values);
    shape_.environ = std::move(like);
    return true;
  }

  const std::span<const gatehouse_pair> pairs_;
  EnvironKeys& keys_;
  EnvironKeys::Shape& shape_;
  bool has_keys_ = false;
  bool fits_ = false;
  Ref like_;  // empty: the pairs are not those of the last request, or that was the first with them
  Key* found_[kMost];
  PyObject* values_[kMost];  // what like_ has
};

Ref seconds(std::int64_t micros) { return Ref::steal(PyFloat_FromDouble(static_cast<double>(micros) / 1e6)); }

bool add_request_values(Borrowed environ, EnvironKeys& keys, const gatehouse_request& request,
                        std::int64_t application_start_us) {
  Ref start = seconds(request.request_start_us);
  Ref queue = seconds(request.queue_start_us);
  Ref daemon = seconds(request.daemon_start_us);
  Ref application = seconds(application_start_us);
  Ref thread = Ref::steal(PyLong_FromLong(request.thread_id));
  return add(environ, keys, "mod_wsgi.request_start", start) && add(environ, keys, "mod_wsgi.queue_start", queue) &&
         add(environ, keys, "mod_wsgi.daemon_start", daemon) &&
         add(environ, keys, "mod_wsgi.application_start", application) &&
         add(environ, keys, "mod_wsgi.thread_id", thread) &&
         add_pair(environ, keys, {text("mod_wsgi.application_group"), request.target->application_group}) &&
         add_pair(environ, keys, {text("mod_wsgi.callable_object"), request.target->callable});
}

}  // namespace

Ref version_tuple(std::string_view text) {
  int numbers[3] = {0, 0, 0};
  std::size_t index = 0;
  for (char c : text) {
    if (c == '.' && index < 2)
      ++index;
    else if (c >= '0' && c <= '9')
      numbers[index] = numbers[index] * 10 + (c - '0');
    else
      break;
  }
  return Ref::steal(Py_BuildValue("(iii)", numbers[0], numbers[1], numbers[2]));
}

// Requests have much the same names in much the same order: most are found behind the one before.
Key* EnvironKeys::find(std::string_view name) {
  if (last_ != nullptr && last_->next != nullptr && last_->next->name == name) return last_ = last_->next;
  Key* key = look_up(name);
  if (last_ != nullptr) last_->next = key;
  if (key != nullptr) last_ = key;
  return key;
}

Key* EnvironKeys::look_up(std::string_view name) {
  std::size_t slot = std::hash<std::string_view>{}(name) % kSlots;
  for (; slots_[slot] != nullptr; slot = (slot + 1) % kSlots)
    if (slots_[slot]->name == name) return slots_[slot].get();
  if (count_ == kMostKeys || name.size() > kLongestName) return nullptr;
  PyObject* text = latin1(name).release();
  if (text == nullptr) {
    PyErr_Clear();
    return nullptr;
  }
  PyUnicode_InternInPlace(&text);
  ++count_;
  slots_[slot] = std::make_unique<Key>(
      Key{std::string(name), Ref::steal(text), decoding_of(name), keeps_value(name), Ref(), nullptr});
  return slots_[slot].get();
}

bool add_to_environ(Attached&, Request& request, Borrowed environ, std::string_view name, Borrowed value) {
  return add(environ, request.interpreter().environ_keys(), name, value);
}

Ref make_environ(Attached&, Request& request, Borrowed input, Borrowed errors) {
  Interpreter& interpreter = request.interpreter();
  EnvironKeys& keys = interpreter.environ_keys();
  const gatehouse_request& abi = request.abi();
  const std::uint32_t flags =
      abi.flags & (GATEHOUSE_MULTITHREAD | GATEHOUSE_MULTIPROCESS | GATEHOUSE_RUN_ONCE | GATEHOUSE_HTTPS);
  EnvironKeys::Shape& shape = keys.shape_of(flags);
  if (!shape.constants) shape.constants = make_template(interpreter, flags);
  if (!shape.constants) return {};
  const Pairs pairs(keys, shape, abi);
  Ref environ = pairs.make();
  if (!environ) return {};
  const std::int64_t application_start_us = base::wall_clock_us();
  if (RequestMeter* meter = request.meter()) meter->application_start_us = application_start_us;
  if (!add(environ, keys, "wsgi.input", input) || !add(environ, keys, "wsgi.errors", errors) ||
      !add_request_values(environ, keys, abi, application_start_us))
    return {};
  pairs.keep(environ);
  return add_request_rec(environ, keys, abi) ? std::move(environ) : Ref();
}

Ref make_call_environ(Attached&, Request& request, Borrowed errors) {
  EnvironKeys& keys = request.interpreter().environ_keys();
  const gatehouse_request& abi = request.abi();
  Ref environ = Ref::steal(PyDict_New());
  if (!environ) return {};
  for (std::size_t i = 0; i < abi.environ_count; ++i)
    if (!add_pair(environ, keys, abi.environ[i])) return {};
  const bool made = add(environ, keys, "wsgi.errors", errors) && add_version(environ, keys) &&
                    add_pair(environ, keys, {text("mod_wsgi.application_group"), abi.target->application_group}) &&
                    add_request_rec(environ, keys, abi);
  return made ? std::move(environ) : Ref();
}

}  // namespace python
