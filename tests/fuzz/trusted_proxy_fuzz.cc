// SPDX-License-Identifier: Apache-2.0
//
// Headers of proxies. The input is one request as lines: "proxy SUBNET", "believe NAME", anything else "NAME: VALUE".
// The peer is 10.0.0.1. Whatever is sent, the environ holds values of their kind only, and of each category that is
// believed at most one header; an untrusted peer changes nothing. A finding aborts.
#include <arpa/inet.h>

#include <cctype>
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "wsgi/trusted_proxy.h"

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

class HeapArena final : public wsgi::Arena {
 public:
  // A piece of its own, so that the sanitizer sees each byte that is written past its end.
  char* allocate(std::size_t size) override { return pieces_.emplace_back(size).data(); }

 private:
  std::deque<std::vector<char>> pieces_;
};

bool is_address(std::string_view text) {
  unsigned char into[16];
  const std::string name(text);
  return name.size() == text.size() && text.find('\0') == std::string_view::npos &&
         (inet_pton(AF_INET, name.c_str(), into) == 1 || inet_pton(AF_INET6, name.c_str(), into) == 1);
}

bool is_made_of(std::string_view text, std::string_view others) {
  for (const char c : text)
    if (std::isalnum(static_cast<unsigned char>(c)) == 0 && others.find(c) == std::string_view::npos) return false;
  return !text.empty();
}

bool is_port(std::string_view text) {
  const std::string digits(text);
  return std::to_string(std::strtol(digits.c_str(), nullptr, 10)) == digits && std::atol(digits.c_str()) >= 1 &&
         std::atol(digits.c_str()) <= 65535;
}

struct Request {
  HeapArena arena;
  wsgi::EnvironList environ{arena};
  std::vector<const wsgi::TrustedHeader*> headers;
  std::vector<wsgi::Subnet> proxies;
};

void read_line(std::string_view line, Request* request) {
  if (line.starts_with("proxy ")) {
    if (const auto subnet = wsgi::parse_subnet(line.substr(6))) request->proxies.push_back(*subnet);
  } else if (line.starts_with("believe ")) {
    if (const auto* header = wsgi::find_trusted_header(line.substr(8))) request->headers.push_back(header);
  } else if (const std::size_t colon = line.find(": "); colon != std::string_view::npos) {
    request->environ.add_header(line.substr(0, colon), line.substr(colon + 2), {});
  }
}

void check_values(const wsgi::EnvironList& environ) {
  require(is_address(environ.find("REMOTE_ADDR")));
  require(is_made_of(environ.find("SERVER_NAME"), "-._[]:"));
  require(is_port(environ.find("SERVER_PORT")));
  const std::string_view script = environ.find("SCRIPT_NAME");
  require(script.starts_with("/") && !script.starts_with("//"));
  require(script.find_first_of(std::string_view("\0\r\n ?#\\", 7)) == std::string_view::npos);
}

void check_visible(const Request& request) {
  int shown[wsgi::kHeaderCategories] = {};
  for (const wsgi::TrustedHeader& header : wsgi::trusted_headers())
    shown[static_cast<std::size_t>(header.category)] += request.environ.find(header.variable).data() != nullptr;
  for (const wsgi::TrustedHeader* header : request.headers)
    require(shown[static_cast<std::size_t>(header->category)] <= 1);
}

bool is_from_proxy(const Request& request) {
  const wsgi::Address peer = *wsgi::parse_address("10.0.0.1");
  bool trusted = request.proxies.empty();
  for (const wsgi::Subnet& subnet : request.proxies) trusted = trusted || wsgi::contains(subnet, peer);
  return trusted;
}

}  // namespace

extern "C" __attribute__((visibility("default"))) int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                                                             std::size_t size) {
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  Request request;
  while (!rest.empty()) {
    const std::size_t end = rest.find('\n');
    read_line(rest.substr(0, end), &request);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  }
  const std::string host(request.environ.find("HTTP_HOST"));
  for (const wsgi::Field& own : {wsgi::Field{"REMOTE_ADDR", "10.0.0.1"}, wsgi::Field{"SERVER_NAME", "inner"},
                                 wsgi::Field{"SERVER_PORT", "80"}, wsgi::Field{"SCRIPT_NAME", "/app"}})
    request.environ.add_computed(own.name, own.value);

  const wsgi::ProxyScheme scheme = wsgi::apply_trusted_headers({request.headers, request.proxies}, &request.environ);
  check_values(request.environ);
  check_visible(request);
  const std::string_view host_now = request.environ.find("HTTP_HOST");
  require(host_now == host || is_made_of(host_now, "-._[]:"));
  if (is_from_proxy(request) && !request.headers.empty()) return 0;
  require(scheme == wsgi::ProxyScheme::kUnchanged && host_now == host);
  require(request.environ.find("REMOTE_ADDR") == "10.0.0.1" && request.environ.find("SERVER_NAME") == "inner");
  require(request.environ.find("SERVER_PORT") == "80" && request.environ.find("SCRIPT_NAME") == "/app");
  return 0;
}
