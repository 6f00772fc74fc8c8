// fork, and a pseudo terminal.
#include "captured_output.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

namespace {

void set_size(int terminal, unsigned short rows, unsigned short columns) {
  winsize size{};
  size.ws_row = rows;
  size.ws_col = columns;
  EXPECT_EQ(::ioctl(terminal, TIOCSWINSZ, &size), 0);
}

/// Runs `body` in a child whose standard output and error are `descriptor`.
pid_t start_writing_to(int descriptor, const std::function<void()>& body) {
  std::fflush(nullptr);  // what is still buffered must not come out of both processes
  const pid_t child = ::fork();
  if (child != 0) return child;
  ::dup2(descriptor, STDOUT_FILENO);
  ::dup2(descriptor, STDERR_FILENO);
  body();
  ::_exit(0);
}

std::string read_to_end(int descriptor) {
  std::string text;
  char buffer[4096];
  for (ssize_t count; (count = ::read(descriptor, buffer, sizeof buffer)) > 0;) {
    text.append(buffer, static_cast<size_t>(count));
  }
  return text;
}

}  // namespace

std::string output_to_pipe(const std::function<void()>& body) {
  int ends[2];
  EXPECT_EQ(::pipe(ends), 0);
  const pid_t child = start_writing_to(ends[1], body);
  ::close(ends[1]);
  const std::string text = read_to_end(ends[0]);
  ::close(ends[0]);
  ::waitpid(child, nullptr, 0);
  return text;
}

std::string output_to_terminal(unsigned short columns, const std::function<void()>& body) {
  const int terminal = ::posix_openpt(O_RDWR | O_NOCTTY);
  EXPECT_GE(terminal, 0);
  EXPECT_EQ(::grantpt(terminal), 0);
  EXPECT_EQ(::unlockpt(terminal), 0);
  const int user_side = ::open(::ptsname(terminal), O_RDWR | O_NOCTTY);
  set_size(user_side, 24, columns);
  const pid_t child = start_writing_to(user_side, [&] {
    ::setenv("TERM", "xterm", 1);
    body();
  });
  ::close(user_side);
  // The terminal reports an error, not an end, once the child has gone.
  const std::string text = read_to_end(terminal);
  ::close(terminal);
  ::waitpid(child, nullptr, 0);
  return text;
}

void resize_terminal(unsigned short rows, unsigned short columns) {
  set_size(STDOUT_FILENO, rows, columns);
}
