// SPDX-License-Identifier: Apache-2.0
#include "python/call.h"

#include <string>
#include <vector>

#include "python/environ_dict.h"
#include "python/exception.h"
#include "python/interpreter.h"
#include "python/log_stream.h"
#include "python/request.h"
#include "python/script.h"
#include "python/ssl_functions.h"

namespace python {
namespace {

using base::Message;

// The texts of an answer and what keeps their memory.
struct Texts {
  std::vector<gatehouse_text> views;
  std::vector<Ref> owners;

  void add(Ref bytes) {
    views.push_back({PyBytes_AS_STRING(bytes.get()), static_cast<std::size_t>(PyBytes_GET_SIZE(bytes.get()))});
    owners.push_back(std::move(bytes));
  }
  // False: neither str nor bytes, or a str that is not latin-1; an exception is pending.
  bool add_text(Borrowed object) {
    Ref bytes =
        PyBytes_Check(object.get()) ? Ref::borrow(object.get()) : Ref::steal(PyUnicode_AsLatin1String(object.get()));
    if (!bytes) return false;
    add(std::move(bytes));
    return true;
  }
};

class Call {
 public:
  Call(Attached& attached, Request& request, const gatehouse_call& abi)
      : attached_(attached), request_(request), abi_(abi) {}

  // False: an exception is pending.
  bool make_arguments(Borrowed environ);
  void run(Borrowed globals);

 private:
  bool run_one(Borrowed function, std::size_t index);
  bool give(std::size_t index, Borrowed result);
  bool give_list(std::size_t index, Borrowed result);
  bool give_other(std::size_t index, Borrowed result);
  void answer(std::size_t index, gatehouse_answer kind, const Texts& texts = {}) const {
    abi_.answer(request_.context(), index, kind, texts.views.data(), texts.views.size());
  }
  std::string name_of(std::size_t index) const {
    return std::string(view(abi_.functions[index])) + "() of script " +
           std::string(view(request_.abi().target->script)) + " (interpreter '" +
           std::string(view(request_.abi().target->interpreter)) + "')";
  }

  Attached& attached_;
  Request& request_;
  const gatehouse_call& abi_;
  std::vector<Ref> arguments_;
};

bool Call::make_arguments(Borrowed environ) {
  arguments_.push_back(Ref::borrow(environ.get()));
  for (std::size_t i = 0; i < abi_.argument_count; ++i) {
    const std::string_view text = view(abi_.arguments[i]);
    Ref argument = Ref::steal(PyUnicode_DecodeLatin1(text.data(), static_cast<Py_ssize_t>(text.size()), nullptr));
    if (!argument) return false;
    arguments_.push_back(std::move(argument));
  }
  return true;
}

void Call::run(Borrowed globals) {
  for (std::size_t i = 0; i < abi_.function_count; ++i) {
    const std::string_view text = view(abi_.functions[i]);
    Ref name = Ref::steal(PyUnicode_FromStringAndSize(text.data(), static_cast<Py_ssize_t>(text.size())));
    Ref function = name ? Ref::steal(item_of(globals.get(), name.get())) : Ref();
    PyErr_Clear();
    if (!function || PyCallable_Check(function.get()) == 0) {
      answer(i, GATEHOUSE_ANSWER_MISSING);
    } else if (!run_one(function, i)) {
      log_exception(attached_, &request_, Message::kFunctionFailed, name_of(i));
      return answer(i, GATEHOUSE_ANSWER_RAISED);
    }
  }
}

// False: an exception is pending.
bool Call::run_one(Borrowed function, std::size_t index) {
  std::vector<PyObject*> arguments;
  for (const Ref& argument : arguments_) arguments.push_back(argument.get());
  Ref result = Ref::steal(PyObject_Vectorcall(function.get(), arguments.data(), arguments.size(), nullptr));
  return result && give(index, result);
}

bool Call::give(std::size_t index, Borrowed result) {
  if (result.is_none()) return answer(index, GATEHOUSE_ANSWER_NONE), true;
  if (result.get() == Py_True) return answer(index, GATEHOUSE_ANSWER_TRUE), true;
  if (result.get() == Py_False) return answer(index, GATEHOUSE_ANSWER_FALSE), true;
  const bool is_text = PyUnicode_Check(result.get()) != 0;
  if (!is_text && PyBytes_Check(result.get()) == 0)
    return (abi_.flags & GATEHOUSE_CALL_LIST) != 0 ? give_list(index, result) : give_other(index, result);
  Texts texts;
  if (!texts.add_text(result)) return false;
  answer(index, is_text ? GATEHOUSE_ANSWER_TEXT : GATEHOUSE_ANSWER_BYTES, texts);
  return true;
}

bool Call::give_list(std::size_t index, Borrowed result) {
  Ref iterator = Ref::steal(PyObject_GetIter(result.get()));
  if (!iterator && PyErr_ExceptionMatches(PyExc_TypeError) != 0) {
    PyErr_Clear();
    return give_other(index, result);
  }
  Texts texts;
  while (Ref item = iterator ? Ref::steal(PyIter_Next(iterator.get())) : Ref()) {
    if (PyUnicode_Check(item.get()) == 0 && PyBytes_Check(item.get()) == 0) {
      PyErr_Format(PyExc_TypeError, "each item of the result must be str or bytes, not %.100s",
                   Py_TYPE(item.get())->tp_name);
      return false;
    }
    if (!texts.add_text(item)) return false;
  }
  if (PyErr_Occurred() != nullptr) return false;
  answer(index, GATEHOUSE_ANSWER_LIST, texts);
  return true;
}

bool Call::give_other(std::size_t index, Borrowed result) {
  Texts texts;
  texts.views.push_back(text(Py_TYPE(result.get())->tp_name));
  answer(index, GATEHOUSE_ANSWER_OTHER, texts);
  return true;
}

}  // namespace

Outcome run_call(Attached& attached, Request& request, const gatehouse_call& abi) {
  Interpreter& interpreter = request.interpreter();
  LookupResult found = interpreter.scripts.find(attached, interpreter, *request.abi().target, &request);
  flush_partial_lines(attached, request);
  if (found.lookup == Lookup::kStale) return {GATEHOUSE_DECLINED, 0};
  if (found.lookup == Lookup::kFailed) return {GATEHOUSE_FAILED, found.status};

  Outcome outcome = {GATEHOUSE_FAILED, 500};
  SslFunctions ssl(request, abi);
  Ref errors = make_errors(attached, interpreter.objects, request);
  Ref environ = errors ? make_call_environ(attached, request, errors) : Ref();
  Call call(attached, request, abi);
  const bool wants_ssl = (abi.flags & GATEHOUSE_CALL_SSL) != 0;
  if (environ && (!wants_ssl || ssl.add_to(attached, environ)) && call.make_arguments(environ)) {
    if (request.calls().entered != nullptr && request.calls().entered(request.context()) != GATEHOUSE_OK) {
      outcome = {GATEHOUSE_ABORTED, 0};
    } else {
      call.run(found.globals);
      outcome = {GATEHOUSE_COMPLETE, 0};
    }
  } else {
    log_exception(attached, &request, Message::kFunctionFailed, "environ");
  }
  if (errors) flush_errors(attached, errors);
  flush_partial_lines(attached, request);
  request.end(attached);
  if (errors) end_errors(errors);
  ssl.end();
  return outcome;
}

}  // namespace python
