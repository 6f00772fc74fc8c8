// Worlds of several processes in a test: a test program starts itself again, once for each rank, with a test of
// DISABLED_Member that says what a rank does. A rank whose expectations fail ends with 1.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <iostream>
#include <string>
#include <vector>

#include "distributed/world.h"

namespace mm {

inline int free_port() {
  const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof(address);
  auto* name = reinterpret_cast<sockaddr*>(&address);
  EXPECT_EQ(::bind(socket, name, length), 0);
  EXPECT_EQ(::getsockname(socket, name, &length), 0);
  ::close(socket);
  return ntohs(address.sin_port);
}

/// The processes of a world, each at the same test of DISABLED_Member.
class Ranks {
 public:
  Ranks(const std::string& member, int size) {
    const int port = free_port();
    for (int rank = 0; rank < size; ++rank) start(member, rank, size, port);
  }
  ~Ranks() {
    for (const pid_t process : processes_) ::kill(process, SIGKILL);
    for (const pid_t process : processes_) ::waitpid(process, nullptr, 0);
  }
  Ranks(const Ranks&) = delete;
  Ranks& operator=(const Ranks&) = delete;

  void send(size_t rank, int signal) { ::kill(processes_.at(rank), signal); }

  /// Exit codes by rank, minus the signal's number where one ended it.
  std::vector<int> codes() {
    std::vector<int> codes;
    for (const pid_t process : processes_) {
      int status = 0;
      ::waitpid(process, &status, 0);
      codes.push_back(WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status));
    }
    processes_.clear();
    return codes;
  }

 private:
  void start(const std::string& member, int rank, int size, int port) {
    std::vector<std::string> words = {"member", "--gtest_filter=DISABLED_Member." + member,
                                      "--gtest_also_run_disabled_tests", "--gtest_brief=1"};
    std::vector<std::string> variables = {"RANK=" + std::to_string(rank), "WORLD_SIZE=" + std::to_string(size),
                                          "MASTER_ADDR=127.0.0.1", "MASTER_PORT=" + std::to_string(port),
                                          "OMP_NUM_THREADS=1"};
    const auto pointers = [](std::vector<std::string>& strings) {
      std::vector<char*> all;
      for (std::string& string : strings) all.push_back(string.data());
      all.push_back(nullptr);
      return all;
    };
    pid_t process = -1;
    ASSERT_EQ(
        ::posix_spawn(&process, "/proc/self/exe", nullptr, nullptr, pointers(words).data(), pointers(variables).data()),
        0);
    processes_.push_back(process);
  }

  std::vector<pid_t> processes_;
};

inline std::vector<int> codes_of(const std::string& member, int size) {
  return Ranks(member, size).codes();
}

/// A rank that ends with this code when the others fail it.
template <class Work>
void in_world(int64_t timeout_seconds, const Work& work, int64_t expert_ranks = 1) {
  World world(placement_of_this_process(), {.timeout_seconds = timeout_seconds});
  try {
    world.connect(at::kCPU, expert_ranks);
    work(world);
    world.leave();
  } catch (const Error& error) {
    if (!world.report(error.code(), error.what())) std::cerr << error.what() << std::endl;
    _exit(static_cast<int>(error.code()));
  }
}

}  // namespace mm
