// SPDX-License-Identifier: Apache-2.0
/*
 * What httpd itself costs: each job of the benchmark answered by a content
 * handler in C. "floor" answers from the httpd child; "floor-socket" asks
 * echo_server over a UNIX socket that each thread keeps open, which is the
 * least that any daemon mode can cost. FLOOR_SOCKET in the environment names
 * that socket. Bodies equal those of app/application.py.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <ap_config.h>
#include <apr_strings.h>
#include <httpd.h>
#include <http_config.h>
#include <http_protocol.h>
#include <http_request.h>
#include <util_filter.h>
#include <util_script.h>

#include "round_trip.h"

enum { kHello = 14, kPage = 20 * 1024, kPieces = 100, kPiece = 128, kBlock = 64 * 1024, kSleep = 20 * 1000 };

static char pattern[kPatternBytes];

typedef int (*answer_fn)(request_rec* r);

typedef struct {
  const char* path;
  answer_fn in_child;
  answer_fn over_socket;
} job;

static void set_plain(request_rec* r, apr_off_t length) {
  ap_set_content_type(r, "text/plain");
  ap_set_content_length(r, length);
}

static int send_pattern(request_rec* r, apr_size_t length) {
  apr_bucket_alloc_t* allocator = r->connection->bucket_alloc;
  apr_bucket_brigade* brigade = apr_brigade_create(r->pool, allocator);
  APR_BRIGADE_INSERT_TAIL(brigade, apr_bucket_immortal_create(pattern, length, allocator));
  APR_BRIGADE_INSERT_TAIL(brigade, apr_bucket_eos_create(allocator));
  return ap_pass_brigade(r->output_filters, brigade) == APR_SUCCESS ? OK : AP_FILTER_ERROR;
}

static int hello(request_rec* r) {
  set_plain(r, kHello);
  return send_pattern(r, kHello);
}

static int memory10m(request_rec* r) {
  set_plain(r, kPatternBytes);
  return send_pattern(r, kPatternBytes);
}

static void set_page_headers(request_rec* r) {
  static const char* const headers[][2] = {
      {"Cache-Control", "private, max-age=0, must-revalidate"},
      {"ETag", "\"5f2c1a9b7e3d\""},
      {"Last-Modified", "Mon, 06 Jan 2025 10:00:00 GMT"},
      {"Vary", "Accept-Encoding, Cookie"},
      {"Set-Cookie", "session=0123456789abcdef; Path=/; HttpOnly"},
      {"Set-Cookie", "csrf=fedcba9876543210; Path=/; SameSite=Lax"},
      {"X-Frame-Options", "DENY"},
      {"X-Content-Type-Options", "nosniff"},
      {"Referrer-Policy", "same-origin"},
  };
  ap_set_content_type(r, "text/html; charset=utf-8");
  ap_set_content_length(r, kPage);
  for (size_t i = 0; i < sizeof headers / sizeof *headers; ++i)
    apr_table_addn(r->headers_out, headers[i][0], headers[i][1]);
}

static int page20k(request_rec* r) {
  set_page_headers(r);
  return send_pattern(r, kPage);
}

static void append_quoted(apr_array_header_t* parts, apr_pool_t* pool, const char* text) {
  char *out = apr_palloc(pool, 2 * strlen(text) + 3), *p = out;
  *p++ = '"';
  for (; *text != '\0'; ++text) {
    if (*text == '"' || *text == '\\') *p++ = '\\';
    *p++ = *text;
  }
  *p++ = '"';
  *p = '\0';
  APR_ARRAY_PUSH(parts, const char*) = out;
}

static int environ_json(request_rec* r) {
  ap_add_common_vars(r);
  ap_add_cgi_vars(r);
  const apr_array_header_t* variables = apr_table_elts(r->subprocess_env);
  const apr_table_entry_t* entry = (const apr_table_entry_t*)variables->elts;
  apr_array_header_t* parts = apr_array_make(r->pool, 4 * variables->nelts + 2, sizeof(char*));
  for (int i = 0; i < variables->nelts; ++i) {
    APR_ARRAY_PUSH(parts, const char*) = i == 0 ? "{" : ", ";
    append_quoted(parts, r->pool, entry[i].key);
    APR_ARRAY_PUSH(parts, const char*) = ": ";
    append_quoted(parts, r->pool, entry[i].val != NULL ? entry[i].val : "");
  }
  APR_ARRAY_PUSH(parts, const char*) = "}";
  const char* json = apr_array_pstrcat(r->pool, parts, 0);
  ap_set_content_type(r, "application/json");
  ap_set_content_length(r, (apr_off_t)strlen(json));
  ap_rputs(json, r);
  return OK;
}

static int answer_count(request_rec* r, apr_off_t count) {
  const char* text = apr_psprintf(r->pool, "%" APR_OFF_T_FMT "\n", count);
  set_plain(r, (apr_off_t)strlen(text));
  ap_rputs(text, r);
  return OK;
}

static int upload(request_rec* r) {
  char* block = apr_palloc(r->pool, kBlock);
  apr_off_t count = 0;
  long got = 0;
  int status = ap_setup_client_block(r, REQUEST_CHUNKED_DECHUNK);
  if (status != OK) return status;
  if (ap_should_client_block(r))
    while ((got = ap_get_client_block(r, block, kBlock)) > 0) count += got;
  return got < 0 ? HTTP_BAD_REQUEST : answer_count(r, count);
}

static int stream100(request_rec* r) {
  ap_set_content_type(r, "text/plain");
  for (int i = 0; i < kPieces; ++i)
    if (ap_rwrite(pattern, kPiece, r) < 0 || ap_rflush(r) < 0) return AP_FILTER_ERROR;
  return OK;
}

static int sleep20(request_rec* r) {
  apr_sleep(kSleep);
  return hello(r);
}

static int64_t thread_nanoseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static int cpu2(request_rec* r) {
  const int64_t end = thread_nanoseconds() + 2000000;
  while (thread_nanoseconds() < end)
    for (volatile int i = 0; i < 10000; ++i)
      ;
  return hello(r);
}

static int connect_echo_server(void) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  const char* path = getenv("FLOOR_SOCKET");
  if (path == NULL) return -1;
  apr_cpystrn(address.sun_path, path, sizeof address.sun_path);
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd >= 0 && connect(fd, (struct sockaddr*)&address, sizeof address) != 0) {
    close(fd);
    return -1;
  }
  return fd;
}

/* One kept socket per thread; a failure closes it and costs this request only. */
static __thread int kept = -1;

static int lose_socket(void) {
  close(kept);
  kept = -1;
  return HTTP_BAD_GATEWAY;
}

/* Sends the head and the first bytes, then the rest of the client's body. */
static int ask(request_rec* r, uint32_t upload_bytes, uint32_t answer_bytes, uint32_t sleep_us) {
  static const char head[kHeadBytes];
  round_trip_head first = {kHeadBytes + upload_bytes, answer_bytes, sleep_us};
  struct iovec parts[2] = {{&first, sizeof first}, {(void*)head, kHeadBytes}};
  char* block = upload_bytes > 0 ? apr_palloc(r->pool, kBlock) : NULL;
  int ok;

  if (kept < 0 && (kept = connect_echo_server()) < 0) return HTTP_SERVICE_UNAVAILABLE;
  ok = writev(kept, parts, 2) == (ssize_t)(sizeof first + kHeadBytes);
  for (uint32_t sent = 0; ok && sent < upload_bytes;) {
    const long got = ap_get_client_block(r, block, kBlock);
    ok = got > 0 && write_all(kept, block, (size_t)got);
    sent += ok ? (uint32_t)got : 0;
  }
  return ok ? OK : lose_socket();
}

static int round_trip(request_rec* r, uint32_t upload_bytes, char* answer, uint32_t answer_bytes, uint32_t sleep_us) {
  const int status = ask(r, upload_bytes, answer_bytes, sleep_us);
  if (status != OK) return status;
  return read_all(kept, answer, answer_bytes) ? OK : lose_socket();
}

/* Block by block, as they come. */
static int memory_over_socket(request_rec* r) {
  apr_bucket_alloc_t* allocator = r->connection->bucket_alloc;
  apr_bucket_brigade* brigade = apr_brigade_create(r->pool, allocator);
  int status = ask(r, 0, kPatternBytes, 0);
  set_plain(r, kPatternBytes);
  for (size_t left = kPatternBytes; status == OK && left > 0;) {
    char* block = malloc(kBlock);
    const ssize_t got = block != NULL ? read(kept, block, left < kBlock ? left : kBlock) : -1;
    if (got <= 0) {
      free(block);
      return lose_socket();
    }
    left -= (size_t)got;
    APR_BRIGADE_INSERT_TAIL(brigade, apr_bucket_heap_create(block, (apr_size_t)got, free, allocator));
    if (ap_pass_brigade(r->output_filters, brigade) != APR_SUCCESS) status = AP_FILTER_ERROR;
    apr_brigade_cleanup(brigade);
    if (status != OK) lose_socket();
  }
  return status;
}

static int answer_over_socket(request_rec* r, uint32_t length, uint32_t sleep_us) {
  char* answer = apr_palloc(r->pool, length);
  const int status = round_trip(r, 0, answer, length, sleep_us);
  if (status == OK) ap_rwrite(answer, (int)length, r);
  return status;
}

static int hello_over_socket(request_rec* r) {
  set_plain(r, kHello);
  return answer_over_socket(r, kHello, 0);
}

static int sleep_over_socket(request_rec* r) {
  set_plain(r, kHello);
  return answer_over_socket(r, kHello, kSleep);
}

static int page_over_socket(request_rec* r) {
  set_page_headers(r);
  return answer_over_socket(r, kPage, 0);
}

static int upload_over_socket(request_rec* r) {
  char answer[kHello];
  int status = ap_setup_client_block(r, REQUEST_CHUNKED_ERROR);
  const apr_off_t length = r->remaining;
  if (status == OK && ap_should_client_block(r)) status = round_trip(r, (uint32_t)length, answer, sizeof answer, 0);
  return status == OK ? answer_count(r, length) : status;
}

static const job jobs[] = {
    {"/hello", hello, hello_over_socket},
    {"/page20k", page20k, page_over_socket},
    {"/environ", environ_json, NULL},
    {"/upload1k", upload, upload_over_socket},
    {"/upload1m", upload, upload_over_socket},
    {"/memory10m", memory10m, memory_over_socket},
    {"/stream100", stream100, NULL},
    {"/sleep20", sleep20, sleep_over_socket},
    {"/cpu2", cpu2, NULL},
};

static int on_request(request_rec* r) {
  const int over_socket = strcmp(r->handler, "floor-socket") == 0;
  if (!over_socket && strcmp(r->handler, "floor") != 0) return DECLINED;
  for (size_t i = 0; i < sizeof jobs / sizeof *jobs; ++i) {
    const answer_fn answer = over_socket ? jobs[i].over_socket : jobs[i].in_child;
    if (answer != NULL && strcmp(r->uri, jobs[i].path) == 0) return answer(r);
  }
  return HTTP_NOT_FOUND;
}

static void register_hooks(apr_pool_t* pool) {
  (void)pool;
  fill_pattern(pattern, sizeof pattern);
  ap_hook_handler(on_request, NULL, NULL, APR_HOOK_MIDDLE);
}

AP_DECLARE_MODULE(floor) = {
    STANDARD20_MODULE_STUFF, NULL, NULL, NULL, NULL, NULL, register_hooks, AP_MODULE_FLAG_NONE,
};
