// SPDX-License-Identifier: Apache-2.0
#include "python/server_metrics.h"

#include "base/posix.h"
#include "python/dict_builder.h"
#include "python/request.h"
#include "python/runtime.h"

namespace python {
namespace {

// What the visitor has been told so far; empty Refs once something has failed, with its exception pending.
struct Picture {
  DictBuilder server;
  Ref processes = Ref::steal(PyList_New(0));
  Ref workers;  // of the last process
  bool failed = false;
};

Picture& picture_of(void* context) { return *static_cast<Picture*>(context); }

void on_server(void* context, const gatehouse_server_state* state) noexcept {
  const std::int64_t now_us = base::wall_clock_us();
  DictBuilder& server = picture_of(context).server;
  server.put_int("server_limit", state->server_limit);
  server.put_int("thread_limit", state->thread_limit);
  server.put_int("running_generation", state->running_generation);
  server.put_seconds("restart_time", state->restart_us);
  server.put_seconds("current_time", now_us);
  server.put_int("running_time", (now_us - state->restart_us) / 1'000'000);
}

void on_process(void* context, const gatehouse_server_process* process) noexcept {
  Picture& picture = picture_of(context);
  if (picture.failed) return;
  picture.workers = Ref::steal(PyList_New(0));
  DictBuilder dict;
  dict.put_int("process_num", process->number);
  dict.put_int("pid", process->pid);
  dict.put_int("generation", process->generation);
  dict.put("quiescing", Borrowed(process->quiescing != 0 ? Py_True : Py_False));
  dict.put("workers", picture.workers);
  Ref made = dict.take();
  picture.failed = !made || !picture.processes || PyList_Append(picture.processes.get(), made.get()) < 0;
}

void on_thread(void* context, const gatehouse_server_thread* thread) noexcept {
  Picture& picture = picture_of(context);
  if (picture.failed) return;
  const char status = static_cast<char>(thread->status);
  DictBuilder dict;
  dict.put_int("thread_num", thread->number);
  dict.put_int("generation", thread->generation);
  dict.put_text("status", {&status, 1});
  dict.put_count("access_count", thread->access_count);
  dict.put_count("bytes_served", thread->bytes_served);
  dict.put_seconds("start_time", thread->start_us);
  dict.put_seconds("stop_time", thread->stop_us);
  dict.put_seconds("last_used", thread->last_used_us);
  dict.put_text("client", view(thread->client));
  dict.put_text("request", view(thread->request));
  dict.put_text("vhost", view(thread->vhost));
  Ref made = dict.take();
  picture.failed = !made || PyList_Append(picture.workers.get(), made.get()) < 0;
}

}  // namespace

Ref server_metrics(Attached&) {
  const gatehouse_host& host = Runtime::get().host();
  if (!reaches(host, host.visit_server) || host.visit_server == nullptr) return Ref::borrow(Py_None);
  Picture picture;
  const gatehouse_server_visitor visitor = {sizeof visitor, &picture, on_server, on_process, on_thread};
  host.visit_server(host.context, &visitor);
  if (picture.failed) return {};
  picture.server.put("processes", picture.processes);
  return picture.server.take();
}

}  // namespace python
