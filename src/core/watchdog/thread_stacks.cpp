#include "core/watchdog/thread_stacks.h"

#include <execinfo.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <charconv>
#include <chrono>
#include <filesystem>
#include <string>
#include <system_error>
#include <thread>

namespace mm {
namespace {

constexpr int kMostCalls = 64;

std::atomic<int> answers_go_to{-1};
std::atomic<int> answers{0};

void on_asked(int) {
  void* calls[kMostCalls];
  ::backtrace_symbols_fd(calls, ::backtrace(calls, kMostCalls), answers_go_to.load());
  answers.fetch_add(1);
}

/// The one line that /proc has of it; empty where it has none.
std::string line_of(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return "";
  char bytes[512];
  const ssize_t size = ::read(file, bytes, sizeof bytes);
  ::close(file);
  const std::string text(bytes, size > 0 ? static_cast<size_t>(size) : 0);
  return text.substr(0, text.find('\n'));
}

/// The letter behind the name in `123 (name) S ...`.
std::string state_of(const std::string& stat) {
  const size_t end = stat.rfind(") ");
  return end == std::string::npos || end + 2 >= stat.size() ? "?" : stat.substr(end + 2, 1);
}

void write_text(int descriptor, const std::string& text) {
  [[maybe_unused]] const ssize_t written = ::write(descriptor, text.data(), text.size());
}

}  // namespace

void prepare_thread_stacks() {
  void* calls[1];
  ::backtrace(calls, 1);  // the first one loads a library, which a signal handler may not
  struct sigaction action = {};
  action.sa_handler = on_asked;
  action.sa_flags = SA_RESTART;
  ::sigaction(SIGUSR2, &action, nullptr);
}

void write_thread_stacks(int descriptor) {
  answers_go_to = descriptor;
  const std::string tasks = "/proc/self/task";
  std::error_code failed;
  for (const auto& entry : std::filesystem::directory_iterator(tasks, failed)) {
    const std::string name = entry.path().filename().string(), task = tasks + "/" + name;
    std::string text = "thread " + name;
    text += " " + line_of(task + "/comm") + ", state " + state_of(line_of(task + "/stat"));
    text += ", waits in " + line_of(task + "/wchan") + "\n";
    write_text(descriptor, text);
    pid_t thread = 0;
    std::from_chars(name.data(), name.data() + name.size(), thread);
    const int before = answers.load();
    ::syscall(SYS_tgkill, ::getpid(), thread, SIGUSR2);
    for (int i = 0; i < 50 && answers.load() == before; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
}

}  // namespace mm
