// Every request goes to the site before the library looks at it: its routes are regular expressions, and it serves
// files.
#include "dashboard/server.h"

#include <httplib.h>
#include <sys/socket.h>

#include <algorithm>
#include <exception>

#include "core/error.h"
#include "dashboard/site.h"

namespace mm {
namespace {

constexpr size_t kThreads = 64;  // a connection that is kept open holds one
constexpr int kPatience = 5;     // seconds, for a client that is slow

/// One that is taken must be noticed: the library's own options let several programs share a port.
void set_socket_options(int socket) {
  const int yes = 1;
  ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
}

PageRequest read_request(const httplib::Request& request) {
  PageRequest read = {.method = request.method,
                      .host = request.get_header_value("Host"),
                      .path = request.path,
                      .runs = {},
                      .known = request.get_header_value("If-None-Match")};
  const auto [first, last] = request.params.equal_range("run");
  std::transform(first, last, std::back_inserter(read.runs), [](const auto& parameter) { return parameter.second; });
  return read;
}

void write_answer(const PageAnswer& answer, httplib::Response& response) {
  response.status = answer.status;
  for (const auto& [name, value] : {
           std::pair("Content-Security-Policy",
                     "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; "
                     "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"),
           std::pair("X-Content-Type-Options", "nosniff"),
           std::pair("X-Frame-Options", "DENY"),
           std::pair("Referrer-Policy", "no-referrer"),
           std::pair("Cross-Origin-Resource-Policy", "same-origin"),
           std::pair("Cross-Origin-Opener-Policy", "same-origin"),
           std::pair("Cache-Control", "no-cache"),
       }) {
    response.set_header(name, value);
  }
  if (!answer.tag.empty()) response.set_header("ETag", answer.tag);
  if (answer.status == 405) response.set_header("Allow", "GET, HEAD");
  if (!answer.text) return;
  // From a provider the library sends the bytes as they are: it would compress a text with all its might, anew for
  // everyone who looks.
  response.set_content_provider(answer.text->size(), "text/html; charset=utf-8",
                                [text = answer.text](size_t offset, size_t length, httplib::DataSink& sink) {
                                  return sink.write(text->data() + offset, length);
                                });
}

}  // namespace

DashboardServer::DashboardServer(Site& site, const std::string& host, int port)
    : server_(std::make_unique<httplib::Server>()), host_(host) {
  server_->set_pre_routing_handler([&site](const httplib::Request& request, httplib::Response& response) {
    // Asked for in a thousand ranges the library would send a page a thousand times. Its request is no constant.
    const_cast<httplib::Request&>(request).ranges.clear();
    write_answer(site.answer(read_request(request)), response);
    return httplib::Server::HandlerResponse::Handled;
  });
  server_->set_exception_handler(
      [](const httplib::Request&, httplib::Response& response, std::exception_ptr) { response.status = 500; });
  server_->new_task_queue = [] { return new httplib::ThreadPool(kThreads); };
  server_->set_socket_options(set_socket_options);
  server_->set_read_timeout(kPatience);
  server_->set_write_timeout(kPatience);
  server_->set_keep_alive_timeout(kPatience);
  server_->set_payload_max_length(0);
  port_ = port == 0 ? server_->bind_to_any_port(host) : (server_->bind_to_port(host, port) ? port : -1);
  if (port_ >= 0) return;
  throw Error(
      ExitCode::kConfig,
      got_want(host + ":" + std::to_string(port), "an address that cannot be listened at, or a port that is taken",
               "one of this machine's and a free port",
               "another program may be there already: choose another --port, or 0 for one that is free"));
}

DashboardServer::~DashboardServer() = default;

std::string DashboardServer::url() const {
  const bool everywhere = host_ == "0.0.0.0" || host_ == "::";
  const std::string host = everywhere ? "localhost" : host_.find(':') == std::string::npos ? host_ : "[" + host_ + "]";
  return "http://" + host + ":" + std::to_string(port_) + "/";
}

void DashboardServer::serve() {
  server_->listen_after_bind();
}

void DashboardServer::stop() {
  server_->stop();
}

}  // namespace mm
