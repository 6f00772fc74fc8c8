// A dashboard over sockets: hostile requests, many clients, a run that is written meanwhile.
#include "dashboard/server.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <random>
#include <thread>

#include "core/error.h"
#include "dashboard/site.h"
#include "tests/unit/core/temp_folder.h"
#include "tests/unit/dashboard/runs.h"

namespace mm {
namespace {

constexpr const char* kSecret = "never-to-be-shown";

/// A server in a thread.
class Running {
 public:
  explicit Running(const std::string& root) : site_(root, "127.0.0.1"), server_(site_, "127.0.0.1", 0) {
    thread_ = std::thread([this] { server_.serve(); });
  }
  ~Running() {
    // A server that has not begun to listen cannot be stopped.
    while (ask(get("/")).empty()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    server_.stop();
    thread_.join();
  }

  int port() const { return server_.port(); }
  static std::string get(const std::string& path) {
    return "GET " + path + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
  }

  /// All that comes back until the connection is closed; a refusal without a text is all there is.
  ///   ends  tells that nothing follows `bytes`, as of half a request
  std::string ask(const std::string& bytes, bool ends = false) const {
    const int connection = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const timeval patience = {.tv_sec = 20, .tv_usec = 0};
    ::setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(port()));
    ::inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
    std::string answer;
    if (::connect(connection, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0) {
      for (size_t sent = 0; sent < bytes.size();) {
        const ssize_t count = ::send(connection, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
        if (count <= 0) break;
        sent += static_cast<size_t>(count);
      }
      if (ends) ::shutdown(connection, SHUT_WR);
      char part[65536];
      for (ssize_t count = 0; (count = ::recv(connection, part, sizeof part, 0)) > 0;) {
        answer.append(part, static_cast<size_t>(count));
        if (contains(answer, "Content-Length: 0\r\n") && answer.ends_with("\r\n\r\n")) break;
      }
    }
    ::close(connection);
    return answer;
  }

 private:
  Site site_;
  DashboardServer server_;
  std::thread thread_;
};

/// A run, and around it and in it what no page shows.
void write_tree(const TempFolder& folder) {
  write_run(folder / "output/run");
  write_run(folder / "output/<script>alert(1)<");
  write_file_atomic(folder / "output/run/checkpoints/secret.jsonl", kSecret);
  write_file_atomic(folder / "output/secret.txt", kSecret);
  write_file_atomic(folder / "secret.txt", kSecret);
  write_run(folder / "outside");
  write_file_atomic(folder / "outside/config.json", std::string("{\"a\": \"") + kSecret + "\"}");
  std::filesystem::create_directory_symlink(folder / "outside", folder / "output/link");
}

TEST(DashboardServer, ServesPagesWithAPolicyAndHeaders) {
  const TempFolder folder;
  write_tree(folder);
  const Running server(folder / "output");
  const std::string page = server.ask(Running::get("/run/run"));
  EXPECT_TRUE(page.starts_with("HTTP/1.1 200 OK\r\n")) << page.substr(0, 200);
  EXPECT_TRUE(contains(page, "frame-ancestors 'none'"));
  EXPECT_TRUE(contains(page, "X-Content-Type-Options: nosniff"));
  EXPECT_TRUE(contains(page, "</html>"));
  EXPECT_TRUE(contains(server.ask(Running::get("/run/%3Cscript%3Ealert(1)%3C")), "&lt;script&gt;alert(1)&lt;"));
  EXPECT_TRUE(contains(server.ask(Running::get("/compare?run=run&run=run")), "HTTP/1.1 200"));
  // All of it, and once.
  const std::string whole = server.ask(
      "GET /run/run HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
      "Range: bytes=0-,0-,0-,0-,0-,0-\r\n\r\n");
  EXPECT_EQ(whole.substr(whole.find("<!DOCTYPE")), page.substr(page.find("<!DOCTYPE")));
  const std::string head = server.ask("HEAD / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
  EXPECT_TRUE(head.starts_with("HTTP/1.1 200")) << head;
  EXPECT_FALSE(contains(head, "<html"));
}

TEST(DashboardServer, APortThatIsTakenIsAnError) {
  const TempFolder folder;
  const Running server(folder.path());
  Site site(folder.path(), "127.0.0.1");
  try {
    const DashboardServer second(site, "127.0.0.1", server.port());
    FAIL() << "two dashboards at one port";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::kConfig);
    EXPECT_TRUE(contains(error.what(), "127.0.0.1:" + std::to_string(server.port()))) << error.what();
  }
}

TEST(DashboardServer, PathsOfEverySpellingLeadNowhere) {
  const TempFolder folder;
  write_tree(folder);
  const Running server(folder / "output");
  for (const char* up : {"..", "%2e%2e", "%2E.", ".%2e", "%252e%252e", "..%00", "%c0%ae%c0%ae", "%u002e%u002e", "..;",
                         "....", "..\\", "%5c..", "\xc0\xae."}) {
    for (const char* slash : {"/", "%2f", "%252f", "//", "\\", "%5c", "%c0%af", "/./"}) {
      for (const std::string start : {"/run/run", "/run", "", "/run/link"}) {
        for (const std::string target : {"outside", "secret.txt", "checkpoints/secret.jsonl"}) {
          const std::string path = start + slash + up + slash + target;
          const std::string answer = server.ask(Running::get(path));
          EXPECT_FALSE(contains(answer, kSecret)) << path;
          EXPECT_FALSE(answer.starts_with("HTTP/1.1 200")) << path;
        }
      }
    }
  }
}

/// Requests that go wrong in every way there is.
class Fuzzer {
 public:
  explicit Fuzzer(unsigned seed) : dice_(seed) {}

  std::string request() {
    std::string text = one_of({"GET", "GET", "GET", "GET", "HEAD", "POST", "PUT", "PRI", "get", "", bytes(9)}) + " " +
                       path() + " " + one_of({"HTTP/1.1", "HTTP/1.1", "HTTP/1.1", "HTTP/1.0", "HTTP/9", bytes(8)}) +
                       one_of({"\r\n", "\r\n", "\r\n", "\n", ""});
    if (number(8) > 0)
      text += "Host: " + one_of({"localhost", "localhost", "127.0.0.1:1", bytes(12), "../.."}) + "\r\n";
    for (int64_t left = number(4); left > 0; --left) text += header();
    text += "Connection: close\r\n\r\n";
    return text;
  }
  /// As much of it as was sent before the connection broke.
  std::string part_of_request() {
    const std::string text = request();
    return text.substr(0, static_cast<size_t>(number(static_cast<int64_t>(text.size()))));
  }

 private:
  int64_t number(int64_t below) { return static_cast<int64_t>(dice_() % static_cast<uint64_t>(below)); }

  std::string one_of(const std::vector<std::string>& choices) {
    return choices[static_cast<size_t>(number(static_cast<int64_t>(choices.size())))];
  }

  std::string bytes(int64_t most) {
    std::string text;
    for (int64_t left = number(most + 1); left > 0; --left) text += static_cast<char>(number(256));
    return text;
  }

  std::string path() {
    if (number(4) == 0) return one_of({"/", "/run/run", "/compare?run=run"});
    std::string text = one_of({"/", "/run/", "/compare?run=", "", "//", "http://localhost/", "/favicon.ico"});
    for (int64_t left = number(6); left > 0; --left) {
      text += one_of({"run",
                      "..",
                      "%2e%2e",
                      "/",
                      "%2f",
                      "\\",
                      "outside",
                      "link",
                      "secret.txt",
                      "metrics.jsonl",
                      "%00",
                      "&run=",
                      "?",
                      "#",
                      "%",
                      "%zz",
                      "%u0000",
                      "<script>",
                      "+",
                      ";",
                      "checkpoints/secret.jsonl",
                      std::string(static_cast<size_t>(number(9000)), 'a'),
                      bytes(20)});
    }
    return text;
  }

  std::string header() {
    const std::string name = one_of({"Range", "If-None-Match", "Content-Length", "Transfer-Encoding", "Accept-Encoding",
                                     "Expect", "Upgrade", "X-" + bytes(5), "Host", "Content-Type"});
    std::string ranges = "bytes=0-0";
    for (int64_t left = number(1500); left > 0; --left) ranges += ",0-0";
    return name + ": " +
           one_of({ranges, "bytes=-9999999999999999999", "*", "-1", "18446744073709551616", "chunked", "gzip, br",
                   "100-continue", "multipart/form-data; boundary=" + bytes(9), bytes(40),
                   std::string(static_cast<size_t>(number(9000)), 'x')}) +
           "\r\n";
  }

  std::mt19937_64 dice_;
};

TEST(DashboardServer, TenThousandHostileRequestsShowNothingElseAndLeaveItRunning) {
  const TempFolder folder;
  write_tree(folder);
  const Running server(folder / "output");
  std::atomic<int> answered{0}, good{0}, leaks{0};
  std::vector<std::thread> clients;
  for (unsigned client = 0; client < 4; ++client) {
    clients.emplace_back([&, client] {
      Fuzzer fuzzer(client);
      for (int i = 0; i < 2500; ++i) {
        const bool breaks = i % 10 == 0;
        const std::string answer = server.ask(breaks ? fuzzer.part_of_request() : fuzzer.request(), breaks);
        answered += answer.starts_with("HTTP/1.");
        good += answer.starts_with("HTTP/1.1 200");
        leaks += contains(answer, kSecret) || contains(answer, "root:x:0:");
      }
    });
  }
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(leaks, 0);
  EXPECT_GT(answered, 5000);  // what is no request at all is not answered
  EXPECT_GT(good, 100);
  EXPECT_TRUE(contains(server.ask(Running::get("/run/run")), "</html>"));
}

TEST(DashboardServer, FiftyClientsSeeARunGrowWhileItIsWrittenAndCutBack) {
  const TempFolder folder;
  const std::string run = folder / "output/run", metrics = run + "/metrics.jsonl";
  write_run(run, 200);
  const Running server(folder / "output");
  std::atomic<bool> done{false};
  std::thread writer([&] {
    // As a run does that is killed and resumed: lines in two halves, and all behind a step off again.
    for (int64_t step = 201; !done; ++step) {
      const std::string line = run_line(step);
      for (const std::string& half : {line.substr(0, 20), line.substr(20)}) {
        std::ofstream(metrics, std::ios::app) << half << std::flush;
      }
      if (step % 50 == 0) std::filesystem::resize_file(metrics, std::filesystem::file_size(metrics) / 2);
    }
  });
  std::atomic<int> whole{0};
  std::vector<std::thread> clients;
  for (int client = 0; client < 50; ++client) {
    clients.emplace_back([&] {
      for (int i = 0; i < 10; ++i) {
        const std::string answer = server.ask(Running::get(i % 3 == 0 ? "/" : "/run/run"));
        whole += answer.starts_with("HTTP/1.1 200") && contains(answer, "</html>");
      }
    });
  }
  for (std::thread& client : clients) client.join();
  done = true;
  writer.join();
  EXPECT_EQ(whole, 500);
}

}  // namespace
}  // namespace mm
