// posix_spawn with a working folder, output in files, and waiting.
#include "program.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <stdexcept>
#include <thread>

#include "core/files/files.h"

namespace {

std::vector<char*> pointers_to(std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  for (std::string& string : strings) pointers.push_back(string.data());
  pointers.push_back(nullptr);
  return pointers;
}

/// Ours, with one compute thread: many busy threads on few cores only wait for each other.
std::vector<std::string> environment() {
  std::vector<std::string> variables = {"OMP_NUM_THREADS=1"};
  for (char** variable = environ; *variable != nullptr; ++variable) {
    if (std::strncmp(*variable, "OMP_NUM_THREADS=", 16) != 0) variables.emplace_back(*variable);
  }
  return variables;
}

/// A name that no other program of this process has.
std::string new_output_name(const std::string& folder) {
  static int count = 0;
  return folder + ".output-" + std::to_string(++count);
}

}  // namespace

Program::Program(const std::string& path, const std::vector<std::string>& arguments, const std::string& folder,
                 const std::vector<std::string>& more_variables, const std::string& input)
    : output_(new_output_name(folder)) {
  std::vector<std::string> words = {path};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<std::string> variables = environment();
  variables.insert(variables.end(), more_variables.begin(), more_variables.end());
  const std::string out = output_ + ".out", err = output_ + ".err";
  constexpr int kNewFile = O_WRONLY | O_CREAT | O_TRUNC;

  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addchdir_np(&actions, folder.c_str());
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, input.c_str(), O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, out.c_str(), kNewFile, 0666);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, err.c_str(), kNewFile, 0666);
  const int failed = ::posix_spawn(&process_, path.c_str(), &actions, nullptr, pointers_to(words).data(),
                                   pointers_to(variables).data());
  posix_spawn_file_actions_destroy(&actions);
  if (failed != 0) throw std::runtime_error(path + ": " + std::strerror(failed));
}

Program::~Program() {
  if (ended_) return;
  ::kill(process_, SIGKILL);
  ::waitpid(process_, nullptr, 0);
}

void Program::send(int signal) {
  ::kill(process_, signal);
}

bool Program::has_ended(int options) {
  rusage used = {};
  if (ended_ || ::wait4(process_, &status_, options, &used) != process_) return ended_;
  peak_memory_ = 1024.0 * static_cast<double>(used.ru_maxrss);
  return ended_ = true;
}

Finished Program::wait() {
  has_ended(0);
  const auto text = [&](const char* ending) { return mm::read_file(output_ + ending, mm::ExitCode::kInternal); };
  return {WIFEXITED(status_) ? WEXITSTATUS(status_) : -WTERMSIG(status_), text(".out"), text(".err"), peak_memory_};
}

void Program::wait_until(const std::function<bool()>& happened) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::minutes(1);
  while (!happened()) {
    has_ended(WNOHANG);
    const char* problem =
        ended_ ? "the program ended before what was waited for" : "a minute passed without what was waited for";
    if (ended_ || std::chrono::steady_clock::now() > deadline) throw std::runtime_error(problem);
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

Finished run_program(const std::string& path, const std::vector<std::string>& arguments, const std::string& folder,
                     const std::vector<std::string>& variables, const std::string& input) {
  return Program(path, arguments, folder, variables, input).wait();
}
