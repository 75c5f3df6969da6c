// SPDX-License-Identifier: Apache-2.0
#include "running_group.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/bytes.h"
#include "base/log.h"
#include "daemon/log_filter.h"
#include "daemon/supervisor.h"
#include "wire/frame_codec.h"
#include "wire/message.h"
#include "wsgi/python_settings.h"

namespace {

std::string read_file(const std::string& name) {
  std::ifstream file(name);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

std::vector<pid_t> children_of(pid_t pid) {
  std::vector<pid_t> children;
  const std::string id = std::to_string(pid);
  std::istringstream list(read_file("/proc/" + id + "/task/" + id + "/children"));
  for (pid_t child; list >> child;) children.push_back(child);
  return children;
}

bool is_alive(pid_t pid) { return kill(pid, 0) == 0 && process_status(pid, "State").front() != 'Z'; }

// A number that no process of the test has: nobody.
constexpr std::int64_t kNobody = 65534;

}  // namespace

std::string process_status(pid_t pid, std::string_view field) {
  std::istringstream lines(read_file("/proc/" + std::to_string(pid) + "/status"));
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with(field) && line[field.size()] == ':')
      return line.substr(line.find_first_not_of("\t ", field.size() + 1));
  }
  return "Z";
}

RunningGroup::RunningGroup() {
  char name[] = "/tmp/gatehouse-unit-XXXXXX";
  directory_ = mkdtemp(name);
  chmod(name, 0755);
  log_file_ = directory_ + "/log";
  // A copy, because the group's user may not be able to read the build directory.
  launch.engine = directory_ + "/engine.so";
  std::filesystem::copy_file(GATEHOUSE_BUILD_DIR "/tests/engine-cpython-3.99.so", launch.engine);
  launch.python_settings = wsgi::encode(wsgi::PythonSettings());
  launch.spec.name = "unit";
  launch.spec.processes = 1;
  launch.spec.threads = 2;
  launch.log_level = static_cast<std::int64_t>(base::Level::kInfo);
  if (geteuid() == 0) {
    launch.uid = launch.gid = kNobody;
    launch.user_name = "nobody";
  }
}

RunningGroup::~RunningGroup() {
  close_control();
  close_queue();
  if (supervisor_ > 0 && await_end() == -1) kill(supervisor_, SIGKILL);
  remember_processes();
  for (pid_t pid : seen_)
    if (pid != supervisor_ && is_alive(pid)) kill(pid, SIGKILL);
  std::filesystem::remove_all(directory_);
}

template <typename Run>
void RunningGroup::fork_supervisor(Run run) {
  std::pair<base::UniqueFd, base::UniqueFd> control = base::socket_pair(SOCK_STREAM).value();
  std::pair<base::UniqueFd, base::UniqueFd> queue = base::socket_pair(SOCK_SEQPACKET).value();
  const base::UniqueFd log_fd(open(log_file_.c_str(), O_CREAT | O_APPEND | O_WRONLY | O_CLOEXEC, 0666));
  supervisor_ = fork();
  if (supervisor_ == 0) {
    control.first.reset();
    queue.first.reset();
    dup2(log_fd.get(), STDERR_FILENO);
    run(std::move(control.second), std::move(queue.second));
    _exit(1);
  }
  control_ = std::move(control.first);
  queue_ = std::move(queue.first);
}

void RunningGroup::start() {
  fork_supervisor([this](base::UniqueFd control, base::UniqueFd queue) {
    gatehoused::set_log_level(static_cast<base::Level>(launch.log_level));
    auto supervisor = gatehoused::Supervisor::create(launch, std::move(control), {std::move(queue), {}, {}}, {});
    if (!supervisor) return;
    supervisor->run();
    _exit(0);
  });
}

void RunningGroup::start_program() {
  std::string bytes = wire::encode(launch);
  std::string message;
  base::ByteWriter writer(&message);
  writer.u32(static_cast<std::uint32_t>(bytes.size()));
  writer.text(bytes);
  start_program_with(message);
}

void RunningGroup::start_program_with(std::string_view control_bytes) {
  fork_supervisor([](base::UniqueFd control, base::UniqueFd queue) {
    // Out of the way first: either number may be one of the two.
    const int high_control = fcntl(control.get(), F_DUPFD_CLOEXEC, 10);
    const int high_queue = fcntl(queue.get(), F_DUPFD_CLOEXEC, 10);
    dup2(STDERR_FILENO, STDOUT_FILENO);
    dup2(high_control, 3);
    dup2(high_queue, 4);
    dup2(STDERR_FILENO, 5);
    execl(GATEHOUSE_BUILD_DIR "/gatehoused", "gatehoused", "supervise", static_cast<char*>(nullptr));
  });
  base::write_all(control_.get(), control_bytes.data(), control_bytes.size());
}

std::string RunningGroup::script_file(std::string_view script) {
  const std::string file = directory_ + "/" + std::string(script) + ".wsgi";
  if (std::find(removed_.begin(), removed_.end(), script) == removed_.end()) std::ofstream(file, std::ios::app).flush();
  return file;
}

base::UniqueFd RunningGroup::send(std::string_view script, std::string_view query) {
  const std::uint32_t request = next_request_++;
  auto channel = base::socket_pair(SOCK_STREAM).value();
  const std::string summary = "GET /" + std::string(script) + " [" + std::to_string(request) + "]";
  const std::string file = script_file(script);
  wire::RequestHead head;
  head.script = file;
  head.callable = "application";
  head.summary = summary;
  head.target_flags = GATEHOUSE_RELOAD | GATEHOUSE_DECLINE_STALE;
  const wire::Pair variable{"QUERY_STRING", query};
  head.environ = {&variable, 1};
  std::string first;
  wire::append_request_head(head, request, 0, &first);
  wire::set_first_part_size(&first, 0, static_cast<std::uint32_t>(first.size()));
  base::write_all(channel.first.get(), first.data(), first.size());

  std::array<std::byte, wire::kTicketSize> ticket;
  wire::encode({request, base::now().count(), 0}, ticket);
  base::send_with_fd(queue_.get(), ticket, channel.second.get(), 0);
  return std::move(channel.first);
}

namespace {

bool has_end(std::string_view frames) {
  wire::FrameHeader header;
  while (wire::decode_frame_header(base::as_bytes(frames), &header) &&
         frames.size() >= wire::kFrameHeaderSize + header.length) {
    if (header.type == wire::FrameType::kEnd) return true;
    frames.remove_prefix(wire::kFrameHeaderSize + header.length);
  }
  return false;
}

}  // namespace

Reply RunningGroup::receive(const base::UniqueFd& channel) {
  // Every request has its own decoder, but the id is only in the frames: read it from the first one.
  Reply reply;
  std::string all;
  char piece[4096];
  for (;;) {
    if (base::wait_for(channel.get(), POLLIN, base::Deadline::after(std::chrono::seconds(10))) <= 0) break;
    const ssize_t got = recv(channel.get(), piece, sizeof piece, 0);
    if (got < 0) reply.error = errno;
    if (got <= 0) break;
    all.append(piece, static_cast<std::size_t>(got));
    if (has_end(all)) break;  // the worker may keep the channel
  }
  wire::FrameHeader first;
  if (!wire::decode_frame_header(base::as_bytes(all), &first)) return reply;
  wire::FrameDecoder decoder(wire::Sender::kWorker, first.request);
  std::span<const std::byte> input = base::as_bytes(all);
  for (;;) {
    const wire::FrameDecoder::Step step = decoder.next(&input);
    const std::string_view payload(reinterpret_cast<const char*>(decoder.payload().data()), decoder.payload().size());
    if (step == wire::FrameDecoder::Step::kBody) {
      reply.body += payload;
    } else if (step != wire::FrameDecoder::Step::kFrame) {
      return reply;
    } else if (decoder.header().type == wire::FrameType::kResponseHead) {
      wire::ResponseHead head;
      if (wire::decode_response_head(decoder.payload(), &head)) reply.status = head.status;
    } else if (decoder.header().type == wire::FrameType::kLog) {
      wire::LogLine log;
      if (wire::decode_log(decoder.payload(), &log)) reply.log.append(log.text).append("\n");
    } else if (decoder.header().type == wire::FrameType::kDeclined) {
      reply.declined = true;
    } else if (decoder.header().type == wire::FrameType::kEnd) {
      wire::End end;
      if (wire::decode_end(decoder.payload(), &end)) {
        reply.outcome = end.outcome;
        if (reply.status == 0) reply.status = end.status;
      }
    }
  }
}

void RunningGroup::send_garbage() {
  for (std::size_t size : {std::size_t{0}, std::size_t{5}, wire::kTicketSize, std::size_t{1000}})
    ::send(queue_.get(), std::string(size, 'x').data(), size, 0);
}

void RunningGroup::send_control(char byte) { base::write_all(control_.get(), &byte, 1); }

pid_t RunningGroup::zygote() {
  const std::vector<pid_t> children = children_of(supervisor_);
  return children.empty() ? 0 : children.back();
}

std::vector<pid_t> RunningGroup::workers() {
  const pid_t parent = zygote();
  return parent == 0 ? std::vector<pid_t>() : children_of(parent);
}

std::vector<pid_t> RunningGroup::first_workers() {
  const std::vector<pid_t> children = children_of(supervisor_);
  return children.empty() ? std::vector<pid_t>() : children_of(children.front());
}

void RunningGroup::await_workers(std::size_t count) {
  eventually([&] { return workers().size() == count; });
  remember_processes();
}

void RunningGroup::remember_processes() {
  if (supervisor_ <= 0) return;
  std::vector<pid_t> found = {supervisor_};
  for (std::size_t i = 0; i < found.size(); ++i) {
    for (pid_t child : children_of(found[i])) found.push_back(child);
  }
  seen_.insert(seen_.end(), found.begin(), found.end());
}

int RunningGroup::await_end() {
  remember_processes();
  int status = -1;
  if (!eventually([&] { return waitpid(supervisor_, &status, WNOHANG) == supervisor_; })) return -1;
  supervisor_ = 0;
  return status;
}

bool RunningGroup::all_gone() {
  return eventually([&] { return std::none_of(seen_.begin(), seen_.end(), is_alive); });
}

std::string RunningGroup::log() { return read_file(log_file_); }

bool RunningGroup::await_log(std::string_view text) {
  return eventually([&] { return log().find(text) != std::string::npos; });
}
