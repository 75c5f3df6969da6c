/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An engine without a Python, so that hosts can be tested alone. What a request does is the name of its script,
 * without directory and suffix; see kBehaviours. No script needs to exist. The process group "cannot-start" has
 * no Python that starts.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "wsgi/engine_abi.h"

static const struct gatehouse_host* host;

static struct gatehouse_text text_of(const char* string) { return (struct gatehouse_text){string, strlen(string)}; }

/* The value of a name in the request's environ; empty when there is none. */
static struct gatehouse_text value_of(const struct gatehouse_request* request, const char* name) {
  const size_t size = strlen(name);
  for (size_t i = 0; i < request->environ_count; ++i) {
    const struct gatehouse_pair* pair = &request->environ[i];
    if (pair->name.size == size && memcmp(pair->name.data, name, size) == 0) return pair->value;
  }
  return text_of("");
}

/* False: the request was withdrawn. */
static int enter(const struct gatehouse_request* request) {
  return request->calls->entered == NULL || request->calls->entered(request->context) == GATEHOUSE_OK;
}

static enum gatehouse_io send_head(const struct gatehouse_request* request, uint32_t status, const char* reason,
                                   int64_t content_length) {
  const struct gatehouse_pair type = {text_of("Content-Type"), text_of("text/plain")};
  const struct gatehouse_response_head head = {sizeof head, status, text_of(reason), &type, 1, content_length};
  return request->calls->send_head(request->context, &head);
}

static enum gatehouse_io send_text(const struct gatehouse_request* request, struct gatehouse_text text) {
  const enum gatehouse_io taken = request->calls->send_body(request->context, &text, 1, GATEHOUSE_BUFFER);
  if (taken != GATEHOUSE_AGAIN) return taken;
  return request->calls->send_body(request->context, &text, 1, GATEHOUSE_FLUSH);
}

static enum gatehouse_result hello(const struct gatehouse_request* request) {
  if (!enter(request)) return GATEHOUSE_ABORTED;
  if (send_head(request, 200, "OK", 6) == GATEHOUSE_GONE) return GATEHOUSE_ABORTED;
  return send_text(request, text_of("hello\n")) == GATEHOUSE_GONE ? GATEHOUSE_ABORTED : GATEHOUSE_COMPLETE;
}

/* Sends each piece of the request body back as it comes. */
static enum gatehouse_result echo(const struct gatehouse_request* request) {
  char buffer[8192];
  int64_t size;
  if (!enter(request)) return GATEHOUSE_ABORTED;
  if (send_head(request, 200, "OK", -1) == GATEHOUSE_GONE) return GATEHOUSE_ABORTED;
  while ((size = request->calls->read_body(request->context, buffer, sizeof buffer)) > 0)
    if (send_text(request, (struct gatehouse_text){buffer, (size_t)size}) == GATEHOUSE_GONE) return GATEHOUSE_ABORTED;
  return size == 0 ? GATEHOUSE_COMPLETE : GATEHOUSE_TRUNCATED;
}

/* NAME=VALUE lines of the environ, in its order. */
static enum gatehouse_result show_environ(const struct gatehouse_request* request) {
  if (!enter(request)) return GATEHOUSE_ABORTED;
  if (send_head(request, 200, "OK", -1) == GATEHOUSE_GONE) return GATEHOUSE_ABORTED;
  for (size_t i = 0; i < request->environ_count; ++i) {
    const struct gatehouse_text pieces[] = {request->environ[i].name, text_of("="), request->environ[i].value,
                                            text_of("\n")};
    for (size_t piece = 0; piece < 4; ++piece)
      if (send_text(request, pieces[piece]) == GATEHOUSE_GONE) return GATEHOUSE_ABORTED;
  }
  return GATEHOUSE_COMPLETE;
}

/* Sleeps as many milliseconds as QUERY_STRING says. */
static enum gatehouse_result sleep_first(const struct gatehouse_request* request) {
  const struct gatehouse_text query = value_of(request, "QUERY_STRING");
  long milliseconds = 0;
  for (size_t i = 0; i < query.size && query.data[i] >= '0' && query.data[i] <= '9'; ++i)
    milliseconds = milliseconds * 10 + (query.data[i] - '0');
  if (!enter(request)) return GATEHOUSE_ABORTED;
  const struct timespec pause = {milliseconds / 1000, milliseconds % 1000 * 1000000};
  nanosleep(&pause, NULL);
  return hello(request);
}

static enum gatehouse_result fail(const struct gatehouse_request* request) {
  if (!enter(request)) return GATEHOUSE_ABORTED;
  request->calls->log(request->context, GATEHOUSE_LOG_ERROR, text_of("the fake application failed"), NULL);
  return GATEHOUSE_FAILED;
}

static volatile int hangs;

/* From now on nobody gets Python's lock any more. */
static enum gatehouse_result hang(const struct gatehouse_request* request) {
  enter(request);
  hangs = 1;
  while (hangs) sleep(1);
  return GATEHOUSE_ABORTED;
}

static enum gatehouse_result fall_short(const struct gatehouse_request* request) {
  if (!enter(request)) return GATEHOUSE_ABORTED;
  if (send_head(request, 200, "OK", 10) == GATEHOUSE_GONE) return GATEHOUSE_ABORTED;
  return send_text(request, text_of("short")) == GATEHOUSE_GONE ? GATEHOUSE_ABORTED : GATEHOUSE_TRUNCATED;
}

static enum gatehouse_result decline(const struct gatehouse_request* request) {
  (void)request;
  return GATEHOUSE_DECLINED;
}

/* Stale code, which serves who does not mind. */
static enum gatehouse_result old_or_decline(const struct gatehouse_request* request) {
  return (request->target->flags & GATEHOUSE_DECLINE_STALE) != 0 ? GATEHOUSE_DECLINED : hello(request);
}

static enum gatehouse_result die_before_entering(const struct gatehouse_request* request) {
  (void)request;
  _exit(3);
}

static enum gatehouse_result die_inside(const struct gatehouse_request* request) {
  if (!enter(request)) return GATEHOUSE_ABORTED;
  abort();
}

/* An application that forks, and whose child returns as if it were the request's thread. */
static enum gatehouse_result fork_and_return(const struct gatehouse_request* request) {
  if (!enter(request)) return GATEHOUSE_ABORTED;
  if (fork() == 0 && host->after_application_fork != NULL) host->after_application_fork(host->context);
  return hello(request);
}

static const struct {
  const char* script;
  enum gatehouse_result (*run)(const struct gatehouse_request* request);
} kBehaviours[] = {
    {"hello", hello},
    {"echo", echo},
    {"environ", show_environ},
    {"sleep", sleep_first},
    {"fail", fail},
    {"short", fall_short},
    {"decline", decline},
    {"old_or_decline", old_or_decline},
    {"die_early", die_before_entering},
    {"die_inside", die_inside},
    {"fork", fork_and_return},
    {"hang", hang},
};

/* "echo" of "/srv/echo.wsgi" */
static struct gatehouse_text base_name(struct gatehouse_text path) {
  struct gatehouse_text name = path;
  for (size_t i = 0; i < path.size; ++i)
    if (path.data[i] == '/') name = (struct gatehouse_text){path.data + i + 1, path.size - i - 1};
  const char* dot = name.size > 0 ? memchr(name.data, '.', name.size) : NULL;
  if (dot != NULL) name.size = (size_t)(dot - name.data);
  return name;
}

static void handle(const struct gatehouse_request* request, struct gatehouse_outcome* outcome) {
  const struct gatehouse_text name = base_name(request->target->script);
  outcome->result = GATEHOUSE_FAILED;
  for (size_t i = 0; i < sizeof kBehaviours / sizeof *kBehaviours; ++i) {
    const char* script = kBehaviours[i].script;
    if (name.size == strlen(script) && memcmp(name.data, script, name.size) == 0)
      outcome->result = kBehaviours[i].run(request);
  }
  const int answered = outcome->result == GATEHOUSE_COMPLETE || outcome->result == GATEHOUSE_TRUNCATED;
  outcome->status = outcome->result == GATEHOUSE_FAILED ? 500 : answered ? 200 : 0;
}

static int start(const struct gatehouse_python* python, const struct gatehouse_host* its_host,
                 struct gatehouse_error* error) {
  host = its_host;
  if (strcmp(python->process_group, "cannot-start") != 0) return 0;
  strcpy(error->text, "this fake Python does not start");
  return -1;
}

static void before_fork(void) {}
static void after_fork_parent(void) {}
static void after_fork_child(const struct gatehouse_host* its_host) { host = its_host; }

/* Script `fail` cannot be loaded as long as its file is empty. */
static int load(const struct gatehouse_target* target, struct gatehouse_error* error) {
  const struct gatehouse_text name = base_name(target->script);
  char path[4096];
  struct stat facts;
  if (name.size != 4 || memcmp(name.data, "fail", 4) != 0) return 0;
  snprintf(path, sizeof path, "%.*s", (int)target->script.size, target->script.data);
  if (stat(path, &facts) == 0 && facts.st_size > 0) return 0;
  error->message = 0;
  strcpy(error->text, "the fake script cannot be loaded");
  return -1;
}

static void end_thread(void) {}

static void stop(const char* reason) {
  if (host != NULL && host->log != NULL) host->log(host->context, GATEHOUSE_LOG_INFO, text_of(reason), NULL);
}

static int name_threads(char* into, size_t size) {
  (void)size;
  into[0] = '\0';
  return 0;
}

/* Each function gives the last argument back, or True without one. */
static void call(const struct gatehouse_call* call, struct gatehouse_outcome* outcome) {
  const struct gatehouse_text* last = call->argument_count > 0 ? &call->arguments[call->argument_count - 1] : NULL;
  enter(call->request);
  for (size_t i = 0; i < call->function_count; ++i)
    call->answer(call->request->context, i, last != NULL ? GATEHOUSE_ANSWER_TEXT : GATEHOUSE_ANSWER_TRUE, last,
                 last != NULL);
  outcome->result = GATEHOUSE_COMPLETE;
  outcome->status = 0;
}

static void publish_signal(int number) {
  (void)number;
  if (host != NULL && host->log != NULL)
    host->log(host->context, GATEHOUSE_LOG_INFO, text_of("a signal was published"), NULL);
}

static int interrupt(uint64_t request) {
  if (host != NULL && host->log != NULL)
    host->log(host->context, GATEHOUSE_LOG_INFO, text_of(request != 0 ? "a request was interrupted" : "no request"),
              NULL);
  return request != 0;
}

static void probe(void) {
  while (hangs) sleep(1);
}

static void stacks(void) {
  if (host != NULL && host->log != NULL) host->log(host->context, GATEHOUSE_LOG_INFO, text_of("the stacks"), NULL);
}

static void announce(enum gatehouse_end end, const char* reason) {
  (void)end;
  (void)reason;
}

static const struct gatehouse_engine_table table = {
    sizeof table,
    GATEHOUSE_ENGINE_ABI,
    "3.99.0",
    start,
    before_fork,
    after_fork_parent,
    after_fork_child,
    load,
    handle,
    end_thread,
    stop,
    publish_signal,
    name_threads,
    call,
    interrupt,
    probe,
    stacks,
    stacks,
    announce,
};

const struct gatehouse_engine_table* gatehouse_engine(uint32_t abi) {
  return abi == GATEHOUSE_ENGINE_ABI ? &table : NULL;
}
