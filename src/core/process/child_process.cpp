// Between fork and exec only what POSIX allows there: everything else is made ready before.
#include "core/process/child_process.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <system_error>
#include <utility>

#include "core/error.h"

namespace mm {
namespace {

constexpr int kCannotExecute = 127;

std::string reason_of(int error_number) {
  return '"' + std::generic_category().message(error_number) + '"';
}

int code_of(int status) {
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

[[noreturn]] void become(const char* program, char* const* arguments, int output, pid_t parent) {
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (::getppid() != parent) _exit(kCannotExecute);  // it ended before the line above
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGXFSZ}) std::signal(signal, SIG_DFL);
  const int nothing = ::open("/dev/null", O_RDONLY);
  ::dup2(nothing, STDIN_FILENO);
  ::dup2(output, STDOUT_FILENO);
  ::dup2(output, STDERR_FILENO);
  ::execv(program, arguments);
  _exit(kCannotExecute);
}

}  // namespace

ChildProcess::ChildProcess(const std::string& program, const std::vector<std::string>& arguments,
                           const std::string& output) {
  std::vector<std::string> words = {program};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> pointers;
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  const int file = ::open(output.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  if (file < 0) throw Error(ExitCode::kStorage, got_want(output, reason_of(errno), "a file that can be written"));
  const pid_t parent = ::getpid();
  process_ = ::fork();
  if (process_ == 0) become(program.c_str(), pointers.data(), file, parent);
  const int reason = errno;
  ::close(file);
  if (process_ < 0) throw Error(ExitCode::kInternal, got_want(program, reason_of(reason), "a process for it"));
}

ChildProcess::ChildProcess(ChildProcess&& other) noexcept
    : process_(std::exchange(other.process_, -1)), code_(other.code_) {}

ChildProcess& ChildProcess::operator=(ChildProcess&& other) noexcept {
  std::swap(process_, other.process_);
  std::swap(code_, other.code_);
  return *this;
}

ChildProcess::~ChildProcess() {
  if (process_ < 0 || code_) return;
  ask_to_stop();
  ::waitpid(process_, nullptr, 0);
}

void ChildProcess::ask_to_stop() const {
  if (process_ > 0 && !code_) ::kill(process_, SIGTERM);
}

std::optional<int> ChildProcess::ended() {
  int status = 0;
  if (!code_ && ::waitpid(process_, &status, WNOHANG) == process_) code_ = code_of(status);
  return code_;
}

}  // namespace mm
