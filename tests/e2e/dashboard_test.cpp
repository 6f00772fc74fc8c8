// `dashboard` by itself, and beside a run.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <regex>

#include "workplace.h"

namespace {

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

/// What the dashboard at `port` answers; empty where nobody listens.
std::string page(const Workplace& workplace, const std::string& port, const std::string& path) {
  const std::string script = "exec 3<>/dev/tcp/127.0.0.1/" + port + " && printf 'GET " + path +
                             " HTTP/1.1\\r\\nHost: localhost\\r\\nConnection: close\\r\\n\\r\\n' >&3 && cat <&3";
  return run_program("/bin/bash", {"-c", script}, workplace.folder()).out;
}

/// The port in what a program has said; empty where it has said none.
std::string port_in(const std::string& text) {
  std::smatch match;
  return std::regex_search(text, match, std::regex(R"(http://127\.0\.0\.1:(\d+)/)")) ? match[1].str() : "";
}

/// A port that somebody else listens at.
class TakenPort {
 public:
  TakenPort() : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    ::inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
    socklen_t size = sizeof address;
    EXPECT_EQ(::bind(socket_, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(::listen(socket_, 1), 0);
    EXPECT_EQ(::getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &size), 0);
    port_ = std::to_string(ntohs(address.sin_port));
  }
  ~TakenPort() { ::close(socket_); }
  TakenPort(const TakenPort&) = delete;
  TakenPort& operator=(const TakenPort&) = delete;

  const std::string& port() const { return port_; }

 private:
  int socket_;
  std::string port_;
};

TEST(Dashboard, BesideARunItShowsItWhileItTrainsAndEndsWithIt) {
  const Workplace workplace;
  Words arguments = train("moe", "run", {"train.steps=100000"});
  arguments.insert(arguments.end(), {"--dashboard", "0"});
  Program program = workplace.start(arguments);
  const auto log = [&] {
    return workplace.exists("output/run/train.log") ? workplace.read("output/run/train.log") : "";
  };
  program.wait_until([&] { return contains(log(), "validation at step 5"); });
  const std::string port = port_in(log());
  ASSERT_NE(port, "") << log();
  EXPECT_TRUE(contains(page(workplace, port, "/"), "<a href=\"/run/run\">run</a>"));
  EXPECT_TRUE(contains(page(workplace, port, "/run/run"), "Are the experts alive?"));
  program.send(SIGTERM);
  EXPECT_EQ(program.wait().exit_code, 75);
  EXPECT_EQ(page(workplace, port, "/"), "");
}

TEST(Dashboard, APortThatIsTakenIsOneWarningAndTheRunIsTheSame) {
  const Workplace workplace;
  const TakenPort taken;
  Words arguments = train("moe", "beside");
  arguments.insert(arguments.end(), {"--dashboard", taken.port()});
  const Finished program = workplace.pretrain(arguments);
  EXPECT_EQ(program.exit_code, 0);
  EXPECT_TRUE(program.err.starts_with("warning: no dashboard: ")) << program.err;
  EXPECT_TRUE(contains(program.err, "127.0.0.1:" + taken.port() + ": got")) << program.err;
  EXPECT_EQ(std::count(program.err.begin(), program.err.end(), '\n'), 1) << program.err;

  arguments = train("moe", "watched");
  arguments.insert(arguments.end(), {"--dashboard", "0"});
  ASSERT_EQ(workplace.pretrain(arguments).exit_code, 0);
  ASSERT_EQ(workplace.pretrain(train("moe", "alone")).exit_code, 0);
  EXPECT_EQ(differences(workplace, "beside", "alone", 20), Words{});
  EXPECT_EQ(differences(workplace, "watched", "alone", 20), Words{});
}

TEST(Dashboard, SaysWhatItCannotDo) {
  const Workplace workplace;
  const TakenPort taken;
  const Finished missing = run_program(MM_DASHBOARD, {"none"}, workplace.folder());
  EXPECT_EQ(missing.exit_code, 2);
  EXPECT_TRUE(missing.err.starts_with("error: none: got no folder there, want ")) << missing.err;
  EXPECT_EQ(run_program(MM_DASHBOARD, {".", "--port", taken.port()}, workplace.folder()).exit_code, 2);
  EXPECT_EQ(run_program(MM_DASHBOARD, {".", "--port", "70000"}, workplace.folder()).exit_code, 2);
  EXPECT_EQ(run_program(MM_DASHBOARD, {".", "--host", "no.such.host.invalid"}, workplace.folder()).exit_code, 2);
}

}  // namespace
