/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GATEHOUSE_ENGINE_ABI_H
#define GATEHOUSE_ENGINE_ABI_H

/*
 * The interface between a host (httpd child, daemon worker, CGI program) and the engine (one shared
 * library per CPython version). Plain C: no STL, no C++ type, no exception crosses it.
 *
 * Rules
 *  - Every struct that crosses begins with its size; new members go at the end. ABI numbers must be equal.
 *  - Memory belongs to whoever made it and stays valid for the duration of the call, unless said otherwise.
 *  - Texts are counted, not NUL-terminated, unless the member says "string".
 *  - Host callbacks must not block while the engine holds Python's lock (GIL): each says which it is.
 *
 * docs/engine-abi.md explains; tests/abi/engine_abi_layout.cc freezes the layout.
 */

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define GATEHOUSE_ENGINE_ABI 3u

struct gatehouse_text {
  const char* data; /* may be NULL only when size is 0 */
  size_t size;
};

struct gatehouse_pair {
  struct gatehouse_text name;
  struct gatehouse_text value;
};

/* Syslog-like, equal to base::Level and to httpd's APLOG_EMERG.. numbers. */
enum gatehouse_level {
  GATEHOUSE_LOG_CRITICAL = 2,
  GATEHOUSE_LOG_ERROR = 3,
  GATEHOUSE_LOG_WARNING = 4,
  GATEHOUSE_LOG_NOTICE = 5,
  GATEHOUSE_LOG_INFO = 6,
  GATEHOUSE_LOG_DEBUG = 7
};

/* Where in an application's code a line of the log comes from. */
struct gatehouse_place {
  struct gatehouse_text file; /* any bytes: a host escapes what it shows of them */
  uint32_t line;
};

/* What a call says when it fails: a message number (base/messages.def) and one sentence. The caller
 * of the engine provides the struct; the engine fills it. */
struct gatehouse_error {
  uint32_t size;
  uint32_t message; /* number of the message, 0 = none */
  char text[2048];  /* string, cut to fit */
};

/* What a line of the configuration sets for interpreters. */
enum gatehouse_setting {
  GATEHOUSE_SWITCH_INTERVAL = 1, /* number: microseconds */
  GATEHOUSE_PYTHON_PATH = 2,     /* text: directories separated by ':' */
  GATEHOUSE_OWN_GIL = 3,         /* this one and those below: number is 0 or 1 */
  GATEHOUSE_FREE_THREADING = 4,
  GATEHOUSE_RESTRICT_STDIN = 5,
  GATEHOUSE_RESTRICT_STDOUT = 6,
  GATEHOUSE_RESTRICT_SIGNAL = 7
};

/* One such line. Strings. Which of several counts for an interpreter: interpreter_rules.h. */
struct gatehouse_rule {
  uint32_t setting; /* enum gatehouse_setting */
  int64_t number;
  const char* text;
  const char* process_group;     /* "" embedded; NULL: any */
  const char* application_group; /* "" the main interpreter; NULL: any */
};

/* Who is told what the process does: WSGITelemetryService. Strings. */
struct gatehouse_telemetry {
  uint32_t size;
  int32_t after_fork; /* 1: begins in after_fork_child; 0: in start */
  const char* socket; /* path of a datagram socket */
  int64_t interval_us;
  int64_t slow_us;    /* requests that take longer are told of one by one; -1: none */
  int32_t user_agent; /* of slow requests: 0 or 1 */
  int64_t httpd_pid;  /* httpd's parent process */
};

/* How Python starts in this process. Strings; NULL = not configured. */
struct gatehouse_python {
  uint32_t size;
  const char* executable;        /* interpreter whose environment is wanted (a venv's bin/python); NULL: the
                                    one the engine was built with */
  const char* home;              /* WSGIPythonHome / python-home without pyvenv.cfg: PyConfig.home */
  const char* python_path;       /* directories separated by ':', each a site directory, put in front */
  const char* working_directory; /* daemon home=: first on sys.path; NULL: none */
  const char* process_group;     /* "" embedded and CGI */
  int32_t processes;             /* maximum_processes */
  int32_t threads;               /* threads_per_process */
  int32_t optimize;              /* WSGIPythonOptimize */
  int32_t write_bytecode;        /* 0: sys.dont_write_bytecode */
  const char* hash_seed;         /* NULL, "random" or a decimal number */
  const char* const* warnings;   /* -W options */
  size_t warnings_count;
  const struct gatehouse_rule* rules; /* in the order of the configuration */
  size_t rules_count;
  int32_t skip_exit_functions; /* WSGIDestroyInterpreter Off: stop() runs neither threading._shutdown nor atexit */
  int32_t interpreters;        /* > 1: each application group has that many, each with a GIL of its own; thread
                                  thread_id is served by number thread_id modulo interpreters */
  const struct gatehouse_telemetry* telemetry; /* NULL: none */
};

/* The httpd that serves: what module apache tells. Strings; NULL = not known. */
struct gatehouse_server {
  uint32_t size;
  int32_t maximum_processes;   /* of its MPM; 0 = not known */
  int32_t threads_per_process; /* the same */
  const char* version;         /* "2.4.62" */
  const char* description;     /* "Apache/2.4.62 (Unix) ..." */
  const char* build_date;
  const char* mpm_name; /* "event" */
};

/* What mod_wsgi.server_metrics() tells, from httpd's scoreboard. Times: wall clock, microseconds; 0 = never. */
struct gatehouse_server_state {
  uint32_t size;
  int32_t server_limit;
  int32_t thread_limit;
  int32_t running_generation;
  int64_t restart_us;
};
struct gatehouse_server_process {
  uint32_t size;
  int32_t number; /* its place in the scoreboard */
  int32_t pid;
  int32_t generation;
  int32_t quiescing; /* 0 or 1 */
};
struct gatehouse_server_thread {
  uint32_t size;
  int32_t number;
  int32_t generation;
  int32_t status; /* a letter as mod_status shows them */
  uint64_t access_count;
  uint64_t bytes_served;
  int64_t start_us; /* of the last request */
  int64_t stop_us;
  int64_t last_used_us;
  struct gatehouse_text client;
  struct gatehouse_text request;
  struct gatehouse_text vhost;
};
/* Who is told: server once, then each process, followed by each of its threads. */
struct gatehouse_server_visitor {
  uint32_t size;
  void* context;
  void (*server)(void* context, const struct gatehouse_server_state* state);
  void (*process)(void* context, const struct gatehouse_server_process* process);
  void (*thread)(void* context, const struct gatehouse_server_thread* thread);
};

/* The process as the engine sees it; lives as long as the process. */
struct gatehouse_host {
  uint32_t size;
  void* context;
  /* One line, already escaped and with its code, that belongs to no request; place: NULL when it is not known. May be
   * called with the GIL held: must not wait for anything but a log file. Any thread. */
  void (*log)(void* context, enum gatehouse_level level, struct gatehouse_text line,
              const struct gatehouse_place* place);
  /* In a process that the application forked (os.fork, multiprocessing), before it runs Python code:
   * close what only a worker may hold (queue, channels), take handlers of signals back. All signals are blocked
   * meanwhile, none afterwards. May be NULL. */
  void (*after_application_fork)(void* context);
  const struct gatehouse_server* server; /* NULL: no httpd is known. Lives as long as the process */
  /* Lines of a level above this one are dropped by log: the engine need not make them. 0 = not told. */
  int32_t log_level;
  /* Tells the visitor what the scoreboard holds. With the GIL; does not block. NULL: not allowed or not there. */
  void (*visit_server)(void* context, const struct gatehouse_server_visitor* visitor);
};

enum {
  GATEHOUSE_RELOAD = 1u << 0,        /* WSGIScriptReloading On */
  GATEHOUSE_DECLINE_STALE = 1u << 1, /* a changed script is not re-imported: the outcome is DECLINED */
  /* load() only, of the main interpreter and on the thread that called start: the script is a service, which runs as
   * long as the process is to live. SIGTERM, SIGINT, SIGUSR1 and SIGXCPU raise SystemExit in it, which is no failure */
  GATEHOUSE_SERVICE = 1u << 2
};

/* Which code answers. */
struct gatehouse_target {
  uint32_t size;
  uint32_t flags;
  struct gatehouse_text script;            /* absolute file name, or "module:package.name" */
  struct gatehouse_text callable;          /* "application" */
  struct gatehouse_text interpreter;       /* application group; "" = main interpreter */
  struct gatehouse_text application_group; /* what mod_wsgi.application_group tells; may differ (design.md 9) */
  int64_t script_mtime_us;                 /* as the host stat'ed it; 0: the engine stats it itself */
};

struct gatehouse_response_head {
  uint32_t size;
  uint32_t status;                      /* 200..599, checked */
  struct gatehouse_text reason;         /* may be empty; no control characters */
  const struct gatehouse_pair* headers; /* in the application's order, repetition kept; checked */
  size_t header_count;
  int64_t content_length; /* -1: unknown. Also in headers when the application gave it */
};

enum gatehouse_io {
  GATEHOUSE_OK = 0,
  GATEHOUSE_AGAIN = 1, /* BUFFER and SOON: nothing was taken, call again with FLUSH and without the GIL */
  GATEHOUSE_GONE = -1  /* the client, or the way to it, is gone; the host knows why */
};

enum gatehouse_send {
  GATEHOUSE_BUFFER = 0, /* with the GIL: take a copy or answer AGAIN; never block, never a system call that waits */
  GATEHOUSE_FLUSH = 1,  /* without the GIL: hand it on to the client now, may block; size may be 0 */
  /* With the GIL: take a copy that is on its way soon whatever the application does next, or answer AGAIN; never
   * block. */
  GATEHOUSE_SOON = 2
};

/* One request's callbacks. Called only from the thread in handle() (wsgi.input and write() used by an
 * application's other thread are serialised by the engine). `request` is gatehouse_request.context. */
struct gatehouse_request_calls {
  uint32_t size;
  /* The application is about to be entered: from now on the request must not be tried again. With the
   * GIL; does not block. Called once, after the script is loaded. GONE: it is being served elsewhere, or
   * nobody wants it any more; the application must not be entered (ABORTED). May be NULL. */
  enum gatehouse_io (*entered)(void* request);
  /* Reads up to size bytes of the request body. Without the GIL; blocks. > 0 bytes, 0 end of the body,
   * -1 error (client gone, body too large, timeout): then read_error tells. */
  int64_t (*read_body)(void* request, void* into, size_t size);
  /* Why read_body failed: a string that lives as long as the request. */
  const char* (*read_error)(void* request);
  /* Status line and headers, at most once, before any body. With the GIL; copies; does not block. */
  enum gatehouse_io (*send_head)(void* request, const struct gatehouse_response_head* head);
  /* Body pieces, in order. Host does not count Content-Length: the engine has cut the excess. */
  enum gatehouse_io (*send_body)(void* request, const struct gatehouse_text* pieces, size_t count,
                                 enum gatehouse_send how);
  /* length bytes of a regular file from offset. Without the GIL; the descriptor stays the engine's and
   * its file position is unspecified after. May be NULL: the engine then reads the file itself. */
  enum gatehouse_io (*send_file)(void* request, int fd, int64_t offset, int64_t length);
  /* One line of this request (wsgi.errors, print, traceback), escaped, with its code if it has one; place: NULL when
   * it is not known. With or without the GIL; must not wait for the client. */
  void (*log)(void* request, enum gatehouse_level level, struct gatehouse_text line,
              const struct gatehouse_place* place);
  /* An interim response (103) on its way to the client now, before send_head. Headers are checked. Without the
   * GIL; may block on the client. May be NULL: applications then have no wsgi.early_hints. */
  enum gatehouse_io (*send_interim)(void* request, uint32_t status, const struct gatehouse_pair* headers, size_t count);
  /* 1 when the client is known to be gone, else 0; looks, but takes nothing from the connection. With the GIL; does
   * not block. The one callback that another thread may call beside the others. May be NULL. */
  int (*client_gone)(void* request);
};

enum {
  GATEHOUSE_MULTITHREAD = 1u << 0,
  GATEHOUSE_MULTIPROCESS = 1u << 1,
  GATEHOUSE_RUN_ONCE = 1u << 2,
  GATEHOUSE_HTTPS = 1u << 3,       /* wsgi.url_scheme */
  GATEHOUSE_HEAD_REQUEST = 1u << 4 /* the method at the client is HEAD: no body bytes are sent on */
};

struct gatehouse_request {
  uint32_t size;
  uint32_t flags;
  void* context; /* first argument of the callbacks */
  const struct gatehouse_request_calls* calls;
  const struct gatehouse_target* target;
  const struct gatehouse_pair* environ; /* final: the engine adds only wsgi.* and the mod_wsgi.* it knows */
  size_t environ_count;
  int64_t content_length;   /* of the request body: -1 chunked/unknown, 0 none */
  int64_t request_start_us; /* wall clock; mod_wsgi.request_start; 0 = not applicable */
  int64_t queue_start_us;
  int64_t daemon_start_us;
  int32_t thread_id;       /* mod_wsgi.thread_id */
  void* request_rec;       /* embedded with WSGIPassApacheRequest; else NULL */
  int32_t log_level;       /* as in gatehouse_host, for this request's lines */
  int32_t daemon_connects; /* how often it was sent to a worker, this one included; 0 without daemons */
  int32_t daemon_restarts; /* how many of those gave it back because their code was old */
  uint64_t number;         /* unlike that of any other request of the process, for interrupt(); 0: not for it */
};

enum gatehouse_result {
  GATEHOUSE_COMPLETE = 0,  /* the whole response went to the host */
  GATEHOUSE_FAILED = 1,    /* no head was sent; answer with outcome.status (500, 504). Logged already */
  GATEHOUSE_TRUNCATED = 2, /* the head was sent, the body is short: abort the connection. Logged already */
  GATEHOUSE_ABORTED = 3,   /* a callback said GONE: nobody is left to answer */
  GATEHOUSE_DECLINED = 4   /* stale code (DECLINE_STALE): not entered; someone else must serve it */
};

struct gatehouse_outcome {
  uint32_t size;
  uint32_t result; /* enum gatehouse_result */
  uint32_t status; /* FAILED: what to answer; else the status that was sent, 0 = none */
};

/* --- Functions of a script beside the application: access, authentication, dispatch. */

/* What a function gave back. */
enum gatehouse_answer {
  GATEHOUSE_ANSWER_MISSING = 0, /* the script has no callable of that name */
  GATEHOUSE_ANSWER_RAISED = 1,  /* an exception, or a text that is not latin-1; logged */
  GATEHOUSE_ANSWER_NONE = 2,
  GATEHOUSE_ANSWER_TRUE = 3,
  GATEHOUSE_ANSWER_FALSE = 4,
  GATEHOUSE_ANSWER_TEXT = 5,  /* str: one text, latin-1 */
  GATEHOUSE_ANSWER_BYTES = 6, /* bytes: one text */
  GATEHOUSE_ANSWER_LIST = 7,  /* GATEHOUSE_CALL_LIST: an iterable of str or bytes, one text each */
  GATEHOUSE_ANSWER_OTHER = 8  /* anything else: one text, the name of its type */
};

enum {
  GATEHOUSE_CALL_LIST = 1u << 0, /* an iterable is an answer, and is iterated */
  GATEHOUSE_CALL_SSL = 1u << 1   /* environ has mod_ssl.is_https and mod_ssl.var_lookup */
};

struct gatehouse_call {
  uint32_t size;
  uint32_t flags;
  /* Its target (but for the callable), environ, request_rec, context and calls, of which entered and log are
   * used. GATEHOUSE_HTTPS is what mod_ssl.is_https() tells. */
  const struct gatehouse_request* request;
  const struct gatehouse_text* functions; /* called in this order, until one raises an exception */
  size_t function_count;
  const struct gatehouse_text* arguments; /* of each, after environ: latin-1 */
  size_t argument_count;
  /* GATEHOUSE_CALL_SSL: the value of a variable of mod_ssl; data is NULL when there is none. Lives as long as the
   * request. With the GIL. */
  struct gatehouse_text (*ssl_variable)(void* request, struct gatehouse_text name);
  /* What functions[function] gave. With the GIL; copies; does not block. */
  void (*answer)(void* request, size_t function, enum gatehouse_answer answer, const struct gatehouse_text* texts,
                 size_t count);
};

/* How far the end of a process has come. */
enum gatehouse_end {
  GATEHOUSE_ENDS_SOON = 1, /* it takes no more requests */
  GATEHOUSE_ENDS_NOW = 2   /* without stop(), whatever still runs */
};

struct gatehouse_engine_table {
  uint32_t size;
  uint32_t abi;               /* GATEHOUSE_ENGINE_ABI */
  const char* python_version; /* string, "3.12.1": of the libpython that is loaded */
  /* Starts Python on the calling thread, which becomes its main thread; returns without the GIL.
   * 0, or -1 with error filled. Once per process. */
  int (*start)(const struct gatehouse_python* python, const struct gatehouse_host* host, struct gatehouse_error* error);
  /* fork() between these three, on the thread that called start, while no other thread runs Python. The
   * child calls after_fork_child and may then serve from new threads. host: as the child sees it. */
  void (*before_fork)(void);
  void (*after_fork_parent)(void);
  void (*after_fork_child)(const struct gatehouse_host* host);
  /* Imports a script ahead of its first request, into each interpreter of a pool, and looks for the callable in it
   * unless that is empty. 0, or -1: logged through the host, error filled. */
  int (*load)(const struct gatehouse_target* target, struct gatehouse_error* error);
  /* Runs one request from start to end on the calling thread: loads or reloads the script, calls the
   * application, iterates, closes. Any thread, many at once. */
  void (*handle)(const struct gatehouse_request* request, struct gatehouse_outcome* outcome);
  /* The calling thread will handle no more requests: frees its Python thread states. */
  void (*end_thread)(void);
  /* No handle() runs any more: process_stopping callbacks, threading._shutdown, atexit, flush. Never finalises
   * Python (design.md 8): the host then ends with _exit. reason: string. On the thread that called start. */
  void (*stop)(const char* reason);
  /* Tells the application's subscribers of a signal (event process_signal), in every interpreter. Runs Python and
   * blocks for as long as they do. Any thread that may call handle; not beside stop. */
  void (*publish_signal)(int number);
  /* Names of Python's threads but the calling one, in all interpreters, with ", " between; cut to fit, a string.
   * Returns their number. Between start and the first handle(), on the thread that called start. */
  int (*name_threads)(char* into, size_t size);
  /* Calls functions of a script on the calling thread: loads or reloads it, builds environ, calls. The outcome is
   * COMPLETE, FAILED (nothing was called; logged) or DECLINED. Any thread, many at once; not within handle() while it
   * holds the GIL. */
  void (*call)(const struct gatehouse_call* call, struct gatehouse_outcome* outcome);
  /* Raises mod_wsgi.RequestTimeout in the thread that handles the request of this number, when its application runs;
   * uncaught before the head, the outcome is FAILED with 504. Logs the thread's Python stack to the host first. What
   * the application has not noticed by its end is taken back. 1: raised; 0: no such request runs. Blocks until the
   * interpreter's GIL is free; any thread that may call handle, but not within it. */
  int (*interrupt)(uint64_t request);
  /* Takes and drops the GIL of each interpreter in turn: returns when none of them hangs. Any thread, as interrupt. */
  void (*probe)(void);
  /* Logs the Python stacks of all threads to the host, with the GIL of each interpreter in turn. As probe. */
  void (*stacks)(void);
  /* The same of the main interpreter only, without any GIL, for a process that hangs and is about to end. On the
   * thread that called start; does not block. After after_fork_child only. */
  void (*stacks_of_hung)(void);
  /* Tells telemetry of the process's end and its reason, a string. stop() says so, too, if nobody has. Any thread; does
   * not block. */
  void (*announce)(enum gatehouse_end end, const char* reason);
};

/* The one exported symbol of an engine. NULL when abi is not the engine's. */
#if defined(_WIN32)
#error "POSIX only"
#endif
typedef const struct gatehouse_engine_table* (*gatehouse_engine_function)(uint32_t abi);
__attribute__((visibility("default"))) const struct gatehouse_engine_table* gatehouse_engine(uint32_t abi);

#ifdef __cplusplus
}
#endif

#endif
