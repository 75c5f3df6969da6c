// SPDX-License-Identifier: Apache-2.0
#include "module/request_facts.h"

#include <strings.h>

#include <charconv>
#include <cstring>
#include <span>

#include "module/process_number.h"
#include "wsgi/trusted_proxy.h"

namespace httpd {
namespace {

std::string_view decimal(std::int64_t number, wsgi::Arena& arena) {
  constexpr std::size_t kMost = 20;  // INT64_MIN
  char* const text = arena.allocate(kMost);
  return {text, std::to_chars(text, text + kMost, number).ptr};
}

// RFC 9112 section 3: the target as the client wrote it, the second word of the request line.
std::string_view raw_target(const request_rec* r) {
  const std::string_view line = view_of(r->the_request);
  const std::size_t method_end = line.find(' ');
  if (method_end == std::string_view::npos) return {};
  const std::size_t begin = line.find_first_not_of(' ', method_end);
  if (begin == std::string_view::npos) return {};
  return line.substr(begin, line.find(' ', begin) - begin);
}

std::string_view request_uri(const request_rec* r, const core_dir_config& core) {
  if (core.cgi_var_rules != nullptr) {
    const auto* rule = static_cast<const char*>(apr_hash_get(core.cgi_var_rules, "REQUEST_URI", APR_HASH_KEY_STRING));
    if (rule != nullptr && std::strcmp(rule, "current-uri") == 0) return r->uri;
  }
  return raw_target(r);
}

bool is_head(const request_rec* r) { return r->method_number == M_GET && r->header_only != 0; }

// Does the application see a HEAD as a GET? Its body then goes through the filters as a GET's does; httpd drops it.
bool is_mapped(const request_rec* r) {
  if (!is_head(r)) return false;
  const MapHead map_head = directory_config(r).map_head;
  if (map_head == MapHead::kOn || map_head == MapHead::kOff) return map_head == MapHead::kOn;
  return r->output_filters->frec->ftype < AP_FTYPE_PROTOCOL;
}

// The file itself: with "proxy-noquery" the part behind '?' is no part of its name.
std::string_view script_filename(const request_rec* r) {
  const std::string_view file = view_of(r->filename);
  return apr_table_get(r->notes, "proxy-noquery") != nullptr ? file.substr(0, file.find('?')) : file;
}

void add_if(wsgi::EnvironList& environ, const wsgi::EnvironName& name, const char* value) {
  if (value != nullptr) environ.add_computed(name, value);
}

void add_user(request_rec* r, wsgi::EnvironList& environ) {
  if (r->user != nullptr) {
    environ.add_computed("REMOTE_USER", r->user);
  } else if (r->prev != nullptr) {
    for (const request_rec* before = r->prev; before != nullptr; before = before->prev) {
      if (before->user == nullptr) continue;
      environ.add_computed("REDIRECT_REMOTE_USER", before->user);
      break;
    }
  }
  add_if(environ, "AUTH_TYPE", r->ap_auth_type);
}

void add_redirect(request_rec* r, const core_dir_config& core, wsgi::EnvironList& environ) {
  if (r->prev == nullptr) return;
  const bool qualify = core.qualify_redirect_url == AP_CORE_CONFIG_ON;
  add_if(environ, "REDIRECT_URL", qualify ? ap_construct_url(r->pool, r->prev->uri, r->prev) : r->prev->uri);
  add_if(environ, "REDIRECT_QUERY_STRING", r->prev->args);
}

void add_cgi(request_rec* r, const core_dir_config& core, wsgi::EnvironList& environ) {
  conn_rec* c = r->connection;
  wsgi::Arena& arena = environ.arena();
  environ.add_computed("REQUEST_METHOD", is_mapped(r) ? "GET" : r->method);
  environ.add_computed("SCRIPT_NAME", script_name(r, arena));
  environ.add_computed("PATH_INFO", wsgi::collapse_slashes(view_of(r->path_info), arena));
  environ.add_computed("QUERY_STRING", view_of(r->args));
  environ.add_computed("REQUEST_URI", request_uri(r, core));
  environ.add_computed("SERVER_PROTOCOL", view_of(r->protocol));
  environ.add_computed("SERVER_NAME", ap_escape_html(r->pool, ap_get_server_name_for_url(r)));
  environ.add_computed("SERVER_PORT", decimal(ap_get_server_port(r), arena));
  environ.add_computed("SERVER_ADDR", view_of(c->local_ip));
  environ.add_computed("SERVER_SOFTWARE", ap_get_server_banner());
  add_if(environ, "SERVER_ADMIN", r->server->server_admin);
  environ.add_computed("REMOTE_ADDR", view_of(r->useragent_ip));
  environ.add_computed("REMOTE_PORT", decimal(c->client_addr->port, arena));
  add_user(r, environ);
  environ.add_computed("DOCUMENT_ROOT", view_of(ap_document_root(r)));
  environ.add_computed("CONTEXT_PREFIX", view_of(ap_context_prefix(r)));
  environ.add_computed("CONTEXT_DOCUMENT_ROOT", view_of(ap_context_document_root(r)));
  environ.add_computed("SCRIPT_FILENAME", script_filename(r));
  environ.add_computed("REQUEST_SCHEME", view_of(ap_http_scheme(r)));
  add_redirect(r, core, environ);
}

template <typename Function>
void for_each(const apr_table_t* table, Function&& function) {
  const apr_array_header_t& entries = *apr_table_elts(table);
  for (int i = 0; i < entries.nelts; ++i) {
    const apr_table_entry_t& entry = APR_ARRAY_IDX(&entries, i, apr_table_entry_t);
    if (entry.key != nullptr) function(std::string_view(entry.key), view_of(entry.val));
  }
}

// SetEnv and its relatives. PATH is httpd's own and HTTPS is spent on wsgi.url_scheme: neither is shown.
void add_configured(request_rec* r, RequestFacts* facts) {
  bool is_https = false;
  for_each(r->subprocess_env, [&](std::string_view name, std::string_view value) {
    if (name == "HTTPS") {
      is_https = is_https || wsgi::is_https_value(value);
    } else if (name != "PATH") {
      facts->environ.add_configured(name, value);
    }
  });
  if (is_https || ap_ssl_conn_is_ssl(r->connection)) facts->flags |= GATEHOUSE_HTTPS;
}

// What the module knows of the keys of compat.md 4.2; the engine adds the others.
void add_mod_wsgi(request_rec* r, const HandlerScript* handler, wsgi::EnvironList& environ) {
  conn_rec* c = r->connection;
  environ.add_computed("apache.version", configuration()->httpd_version);
  environ.add_computed("mod_wsgi.request_handler", r->handler);
  environ.add_computed("mod_wsgi.handler_script", view_of(handler != nullptr ? handler->path : nullptr));
  environ.add_computed("mod_wsgi.script_name", environ.find("SCRIPT_NAME"));
  environ.add_computed("mod_wsgi.path_info", environ.find("PATH_INFO"));
  environ.add_computed("mod_wsgi.listener_host", view_of(c->local_host != nullptr ? c->local_host : c->local_ip));
  environ.add_computed("mod_wsgi.listener_port", decimal(c->local_addr->port, environ.arena()));
  environ.add_computed("mod_wsgi.server_pid", process_number());
  if (r->log_id == nullptr) ap_run_generate_log_id(c, r, &r->log_id);
  add_if(environ, "mod_wsgi.request_id", r->log_id);
  add_if(environ, "mod_wsgi.connection_id", c->log_id);
}

template <typename T>
std::span<const T> items_of(const apr_array_header_t* list) {
  if (list == nullptr) return {};
  return {reinterpret_cast<const T*>(list->elts), static_cast<std::size_t>(list->nelts)};
}

// What a proxy in front says wins over what httpd sees of the connection, HTTPS as well.
void believe_proxy(const DirectoryConfig& config, RequestFacts* facts) {
  if (config.trusted_headers == nullptr) return;
  const wsgi::TrustedProxies rules{items_of<const wsgi::TrustedHeader*>(config.trusted_headers),
                                   items_of<wsgi::Subnet>(config.trusted_proxies)};
  switch (wsgi::apply_trusted_headers(rules, &facts->environ)) {
    case wsgi::ProxyScheme::kHttps:
      facts->flags |= GATEHOUSE_HTTPS;
      break;
    case wsgi::ProxyScheme::kHttp:
      facts->flags &= ~static_cast<std::uint32_t>(GATEHOUSE_HTTPS);
      break;
    case wsgi::ProxyScheme::kUnchanged:
      break;
  }
}

std::int64_t body_length(const request_rec* r) {
  if (apr_table_get(r->headers_in, "Transfer-Encoding") != nullptr) return -1;
  const char* length = apr_table_get(r->headers_in, "Content-Length");
  // A filter that works on content, such as DEFLATE, makes it longer or shorter.
  if (length != nullptr) return r->input_filters == r->proto_input_filters ? std::strtoll(length, nullptr, 10) : -1;
  // HTTP/2 has bodies without either header; without one, httpd's filter answers end-of-stream at once.
  return r->proto_num >= HTTP_VERSION(2, 0) && r->method_number != M_GET ? -1 : 0;
}

}  // namespace

std::string_view script_name(const request_rec* r, wsgi::Arena& arena) {
  const std::string_view uri = view_of(r->uri);
  if (r->path_info == nullptr || r->path_info[0] == '\0') return wsgi::collapse_slashes(uri, arena);
  const int end = ap_find_path_info(r->uri, r->path_info);
  return wsgi::collapse_slashes(uri.substr(0, static_cast<std::size_t>(end)), arena);
}

void gather_facts(request_rec* r, const HandlerScript* handler, wsgi::PassAuthorization pass_authorization,
                  RequestFacts* facts) {
  const auto& core = *static_cast<core_dir_config*>(ap_get_core_module_config(r->per_dir_config));
  add_cgi(r, core, facts->environ);
  const wsgi::EnvironRules rules{pass_authorization};
  for_each(r->headers_in,
           [&](std::string_view name, std::string_view value) { facts->environ.add_header(name, value, rules); });
  add_configured(r, facts);
  add_mod_wsgi(r, handler, facts->environ);
  believe_proxy(directory_config(r), facts);
  if (is_head(r) && !is_mapped(r)) facts->flags |= GATEHOUSE_HEAD_REQUEST;
  facts->content_length = body_length(r);
  facts->request_start_us = r->request_time;
  facts->expects_continue = r->expecting_100 != 0;
}

void add_target(const Target& target, RequestFacts* facts) {
  facts->environ.add_computed("mod_wsgi.process_group", target.process_group);
  facts->environ.add_computed("mod_wsgi.application_group", target.application_group);
  facts->environ.add_computed("mod_wsgi.callable_object", target.callable);
}

void gather_hook_facts(request_rec* r, wsgi::EnvironList* environ) {
  const auto& core = *static_cast<core_dir_config*>(ap_get_core_module_config(r->per_dir_config));
  const conn_rec* c = r->connection;
  wsgi::Arena& arena = environ->arena();
  for_each(r->headers_in, [&](std::string_view name, std::string_view value) { environ->add_header(name, value, {}); });
  environ->add_computed("SERVER_SIGNATURE", view_of(ap_psignature("", r)));
  environ->add_computed("SERVER_SOFTWARE", ap_get_server_banner());
  environ->add_computed("SERVER_NAME", ap_escape_html(r->pool, ap_get_server_name_for_url(r)));
  environ->add_computed("SERVER_ADDR", view_of(c->local_ip));
  environ->add_computed("SERVER_PORT", decimal(ap_get_server_port(r), arena));
  add_if(*environ, "REMOTE_HOST", ap_get_useragent_host(r, REMOTE_HOST, nullptr));
  environ->add_computed("REMOTE_ADDR", view_of(r->useragent_ip));
  environ->add_computed("REMOTE_PORT", decimal(c->client_addr->port, arena));
  environ->add_computed("DOCUMENT_ROOT", view_of(ap_document_root(r)));
  add_if(*environ, "SERVER_ADMIN", r->server->server_admin);
  environ->add_computed("SERVER_PROTOCOL", view_of(r->protocol));
  environ->add_computed("REQUEST_METHOD", r->method);
  environ->add_computed("QUERY_STRING", view_of(r->args));
  environ->add_computed("REQUEST_URI", request_uri(r, core));
  environ->add_computed("SCRIPT_NAME", script_name(r, arena));
  environ->add_computed("PATH_INFO", wsgi::collapse_slashes(view_of(r->path_info), arena));
  environ->add_computed("apache.version", configuration()->httpd_version);
}

}  // namespace httpd
