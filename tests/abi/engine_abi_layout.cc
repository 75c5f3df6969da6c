// SPDX-License-Identifier: Apache-2.0
//
// Freezes the layout of the engine's interface on LP64 (x86-64, arm64): compiling it is the test. A line that fails
// means that engines built before would read the wrong bytes: append to the end of the struct instead (its size
// grows, no offset moves), or raise GATEHOUSE_ENGINE_ABI and correct the numbers.
#include "wsgi/engine_abi.h"

#include <cstddef>

static_assert(sizeof(void*) == 8 && sizeof(long) == 8 && sizeof(int) == 4, "write down this machine's layout, too");
static_assert(GATEHOUSE_ENGINE_ABI == 3u);
static_assert(sizeof(enum gatehouse_level) == 4 && sizeof(enum gatehouse_io) == 4 && sizeof(enum gatehouse_send) == 4);

static_assert(sizeof(gatehouse_text) == 16);
static_assert(offsetof(gatehouse_text, data) == 0);
static_assert(offsetof(gatehouse_text, size) == 8);

static_assert(sizeof(gatehouse_pair) == 32);
static_assert(offsetof(gatehouse_pair, name) == 0);
static_assert(offsetof(gatehouse_pair, value) == 16);

static_assert(sizeof(gatehouse_place) == 24);
static_assert(offsetof(gatehouse_place, file) == 0);
static_assert(offsetof(gatehouse_place, line) == 16);

static_assert(sizeof(gatehouse_error) == 2056);
static_assert(offsetof(gatehouse_error, size) == 0);
static_assert(offsetof(gatehouse_error, message) == 4);
static_assert(offsetof(gatehouse_error, text) == 8);

static_assert(sizeof(enum gatehouse_setting) == 4);
static_assert(sizeof(gatehouse_rule) == 40);
static_assert(offsetof(gatehouse_rule, setting) == 0);
static_assert(offsetof(gatehouse_rule, number) == 8);
static_assert(offsetof(gatehouse_rule, text) == 16);
static_assert(offsetof(gatehouse_rule, process_group) == 24);
static_assert(offsetof(gatehouse_rule, application_group) == 32);

static_assert(sizeof(gatehouse_telemetry) == 48);
static_assert(offsetof(gatehouse_telemetry, size) == 0);
static_assert(offsetof(gatehouse_telemetry, after_fork) == 4);
static_assert(offsetof(gatehouse_telemetry, socket) == 8);
static_assert(offsetof(gatehouse_telemetry, interval_us) == 16);
static_assert(offsetof(gatehouse_telemetry, slow_us) == 24);
static_assert(offsetof(gatehouse_telemetry, user_agent) == 32);
static_assert(offsetof(gatehouse_telemetry, httpd_pid) == 40);

static_assert(sizeof(gatehouse_python) == 120);
static_assert(offsetof(gatehouse_python, size) == 0);
static_assert(offsetof(gatehouse_python, executable) == 8);
static_assert(offsetof(gatehouse_python, home) == 16);
static_assert(offsetof(gatehouse_python, python_path) == 24);
static_assert(offsetof(gatehouse_python, working_directory) == 32);
static_assert(offsetof(gatehouse_python, process_group) == 40);
static_assert(offsetof(gatehouse_python, processes) == 48);
static_assert(offsetof(gatehouse_python, threads) == 52);
static_assert(offsetof(gatehouse_python, optimize) == 56);
static_assert(offsetof(gatehouse_python, write_bytecode) == 60);
static_assert(offsetof(gatehouse_python, hash_seed) == 64);
static_assert(offsetof(gatehouse_python, warnings) == 72);
static_assert(offsetof(gatehouse_python, warnings_count) == 80);
static_assert(offsetof(gatehouse_python, rules) == 88);
static_assert(offsetof(gatehouse_python, rules_count) == 96);
static_assert(offsetof(gatehouse_python, skip_exit_functions) == 104);
static_assert(offsetof(gatehouse_python, interpreters) == 108);
static_assert(offsetof(gatehouse_python, telemetry) == 112);

static_assert(sizeof(gatehouse_server) == 48);
static_assert(offsetof(gatehouse_server, size) == 0);
static_assert(offsetof(gatehouse_server, maximum_processes) == 4);
static_assert(offsetof(gatehouse_server, threads_per_process) == 8);
static_assert(offsetof(gatehouse_server, version) == 16);
static_assert(offsetof(gatehouse_server, description) == 24);
static_assert(offsetof(gatehouse_server, build_date) == 32);
static_assert(offsetof(gatehouse_server, mpm_name) == 40);

static_assert(sizeof(gatehouse_server_state) == 24);
static_assert(offsetof(gatehouse_server_state, size) == 0);
static_assert(offsetof(gatehouse_server_state, server_limit) == 4);
static_assert(offsetof(gatehouse_server_state, thread_limit) == 8);
static_assert(offsetof(gatehouse_server_state, running_generation) == 12);
static_assert(offsetof(gatehouse_server_state, restart_us) == 16);

static_assert(sizeof(gatehouse_server_process) == 20);
static_assert(offsetof(gatehouse_server_process, size) == 0);
static_assert(offsetof(gatehouse_server_process, number) == 4);
static_assert(offsetof(gatehouse_server_process, pid) == 8);
static_assert(offsetof(gatehouse_server_process, generation) == 12);
static_assert(offsetof(gatehouse_server_process, quiescing) == 16);

static_assert(sizeof(gatehouse_server_thread) == 104);
static_assert(offsetof(gatehouse_server_thread, size) == 0);
static_assert(offsetof(gatehouse_server_thread, number) == 4);
static_assert(offsetof(gatehouse_server_thread, generation) == 8);
static_assert(offsetof(gatehouse_server_thread, status) == 12);
static_assert(offsetof(gatehouse_server_thread, access_count) == 16);
static_assert(offsetof(gatehouse_server_thread, bytes_served) == 24);
static_assert(offsetof(gatehouse_server_thread, start_us) == 32);
static_assert(offsetof(gatehouse_server_thread, stop_us) == 40);
static_assert(offsetof(gatehouse_server_thread, last_used_us) == 48);
static_assert(offsetof(gatehouse_server_thread, client) == 56);
static_assert(offsetof(gatehouse_server_thread, request) == 72);
static_assert(offsetof(gatehouse_server_thread, vhost) == 88);

static_assert(sizeof(gatehouse_server_visitor) == 40);
static_assert(offsetof(gatehouse_server_visitor, size) == 0);
static_assert(offsetof(gatehouse_server_visitor, context) == 8);
static_assert(offsetof(gatehouse_server_visitor, server) == 16);
static_assert(offsetof(gatehouse_server_visitor, process) == 24);
static_assert(offsetof(gatehouse_server_visitor, thread) == 32);

static_assert(sizeof(gatehouse_host) == 56);
static_assert(offsetof(gatehouse_host, size) == 0);
static_assert(offsetof(gatehouse_host, context) == 8);
static_assert(offsetof(gatehouse_host, log) == 16);
static_assert(offsetof(gatehouse_host, after_application_fork) == 24);
static_assert(offsetof(gatehouse_host, server) == 32);
static_assert(offsetof(gatehouse_host, log_level) == 40);
static_assert(offsetof(gatehouse_host, visit_server) == 48);

static_assert(sizeof(gatehouse_target) == 80);
static_assert(offsetof(gatehouse_target, size) == 0);
static_assert(offsetof(gatehouse_target, flags) == 4);
static_assert(offsetof(gatehouse_target, script) == 8);
static_assert(offsetof(gatehouse_target, callable) == 24);
static_assert(offsetof(gatehouse_target, interpreter) == 40);
static_assert(offsetof(gatehouse_target, application_group) == 56);
static_assert(offsetof(gatehouse_target, script_mtime_us) == 72);

static_assert(sizeof(gatehouse_response_head) == 48);
static_assert(offsetof(gatehouse_response_head, size) == 0);
static_assert(offsetof(gatehouse_response_head, status) == 4);
static_assert(offsetof(gatehouse_response_head, reason) == 8);
static_assert(offsetof(gatehouse_response_head, headers) == 24);
static_assert(offsetof(gatehouse_response_head, header_count) == 32);
static_assert(offsetof(gatehouse_response_head, content_length) == 40);

static_assert(sizeof(gatehouse_request_calls) == 80);
static_assert(offsetof(gatehouse_request_calls, size) == 0);
static_assert(offsetof(gatehouse_request_calls, entered) == 8);
static_assert(offsetof(gatehouse_request_calls, read_body) == 16);
static_assert(offsetof(gatehouse_request_calls, read_error) == 24);
static_assert(offsetof(gatehouse_request_calls, send_head) == 32);
static_assert(offsetof(gatehouse_request_calls, send_body) == 40);
static_assert(offsetof(gatehouse_request_calls, send_file) == 48);
static_assert(offsetof(gatehouse_request_calls, log) == 56);
static_assert(offsetof(gatehouse_request_calls, send_interim) == 64);
static_assert(offsetof(gatehouse_request_calls, client_gone) == 72);

static_assert(sizeof(gatehouse_request) == 120);
static_assert(offsetof(gatehouse_request, size) == 0);
static_assert(offsetof(gatehouse_request, flags) == 4);
static_assert(offsetof(gatehouse_request, context) == 8);
static_assert(offsetof(gatehouse_request, calls) == 16);
static_assert(offsetof(gatehouse_request, target) == 24);
static_assert(offsetof(gatehouse_request, environ) == 32);
static_assert(offsetof(gatehouse_request, environ_count) == 40);
static_assert(offsetof(gatehouse_request, content_length) == 48);
static_assert(offsetof(gatehouse_request, request_start_us) == 56);
static_assert(offsetof(gatehouse_request, queue_start_us) == 64);
static_assert(offsetof(gatehouse_request, daemon_start_us) == 72);
static_assert(offsetof(gatehouse_request, thread_id) == 80);
static_assert(offsetof(gatehouse_request, request_rec) == 88);
static_assert(offsetof(gatehouse_request, log_level) == 96);
static_assert(offsetof(gatehouse_request, daemon_connects) == 100);
static_assert(offsetof(gatehouse_request, daemon_restarts) == 104);
static_assert(offsetof(gatehouse_request, number) == 112);

static_assert(sizeof(gatehouse_outcome) == 12);
static_assert(offsetof(gatehouse_outcome, size) == 0);
static_assert(offsetof(gatehouse_outcome, result) == 4);
static_assert(offsetof(gatehouse_outcome, status) == 8);

static_assert(sizeof(gatehouse_call) == 64);
static_assert(offsetof(gatehouse_call, size) == 0);
static_assert(offsetof(gatehouse_call, flags) == 4);
static_assert(offsetof(gatehouse_call, request) == 8);
static_assert(offsetof(gatehouse_call, functions) == 16);
static_assert(offsetof(gatehouse_call, function_count) == 24);
static_assert(offsetof(gatehouse_call, arguments) == 32);
static_assert(offsetof(gatehouse_call, argument_count) == 40);
static_assert(offsetof(gatehouse_call, ssl_variable) == 48);
static_assert(offsetof(gatehouse_call, answer) == 56);

static_assert(sizeof(gatehouse_engine_table) == 144);
static_assert(offsetof(gatehouse_engine_table, size) == 0);
static_assert(offsetof(gatehouse_engine_table, abi) == 4);
static_assert(offsetof(gatehouse_engine_table, python_version) == 8);
static_assert(offsetof(gatehouse_engine_table, start) == 16);
static_assert(offsetof(gatehouse_engine_table, before_fork) == 24);
static_assert(offsetof(gatehouse_engine_table, after_fork_parent) == 32);
static_assert(offsetof(gatehouse_engine_table, after_fork_child) == 40);
static_assert(offsetof(gatehouse_engine_table, load) == 48);
static_assert(offsetof(gatehouse_engine_table, handle) == 56);
static_assert(offsetof(gatehouse_engine_table, end_thread) == 64);
static_assert(offsetof(gatehouse_engine_table, stop) == 72);
static_assert(offsetof(gatehouse_engine_table, publish_signal) == 80);
static_assert(offsetof(gatehouse_engine_table, name_threads) == 88);
static_assert(offsetof(gatehouse_engine_table, call) == 96);
static_assert(offsetof(gatehouse_engine_table, interrupt) == 104);
static_assert(offsetof(gatehouse_engine_table, probe) == 112);
static_assert(offsetof(gatehouse_engine_table, stacks) == 120);
static_assert(offsetof(gatehouse_engine_table, stacks_of_hung) == 128);
static_assert(offsetof(gatehouse_engine_table, announce) == 136);

// What travels as a number keeps its number.
static_assert(GATEHOUSE_LOG_CRITICAL == 2 && GATEHOUSE_LOG_ERROR == 3 && GATEHOUSE_LOG_WARNING == 4 &&
              GATEHOUSE_LOG_NOTICE == 5 && GATEHOUSE_LOG_INFO == 6 && GATEHOUSE_LOG_DEBUG == 7);
static_assert(GATEHOUSE_RELOAD == 1u << 0 && GATEHOUSE_DECLINE_STALE == 1u << 1 && GATEHOUSE_SERVICE == 1u << 2);
static_assert(GATEHOUSE_OK == 0 && GATEHOUSE_AGAIN == 1 && GATEHOUSE_GONE == -1);
static_assert(GATEHOUSE_BUFFER == 0 && GATEHOUSE_FLUSH == 1 && GATEHOUSE_SOON == 2);
static_assert(GATEHOUSE_MULTITHREAD == 1u << 0 && GATEHOUSE_MULTIPROCESS == 1u << 1 && GATEHOUSE_RUN_ONCE == 1u << 2 &&
              GATEHOUSE_HTTPS == 1u << 3 && GATEHOUSE_HEAD_REQUEST == 1u << 4);
static_assert(GATEHOUSE_COMPLETE == 0 && GATEHOUSE_FAILED == 1 && GATEHOUSE_TRUNCATED == 2 && GATEHOUSE_ABORTED == 3 &&
              GATEHOUSE_DECLINED == 4);
static_assert(GATEHOUSE_ANSWER_MISSING == 0 && GATEHOUSE_ANSWER_RAISED == 1 && GATEHOUSE_ANSWER_NONE == 2 &&
              GATEHOUSE_ANSWER_TRUE == 3 && GATEHOUSE_ANSWER_FALSE == 4 && GATEHOUSE_ANSWER_TEXT == 5 &&
              GATEHOUSE_ANSWER_BYTES == 6 && GATEHOUSE_ANSWER_LIST == 7 && GATEHOUSE_ANSWER_OTHER == 8);
static_assert(GATEHOUSE_ENDS_SOON == 1 && GATEHOUSE_ENDS_NOW == 2);
static_assert(GATEHOUSE_CALL_LIST == 1u << 0 && GATEHOUSE_CALL_SSL == 1u << 1);
