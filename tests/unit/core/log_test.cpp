// What reaches the terminal, the pipe and the log file.
#include "core/log.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <regex>
#include <sstream>

#include "core/files.h"
#include "temp_folder.h"
#include "thrown.h"

namespace {

// Runs `body` in a child whose standard output and error are `descriptor`.
template <class Body>
pid_t start_writing_to(int descriptor, Body body) {
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

template <class Body>
std::string output_to_pipe(Body body) {
  int ends[2];
  EXPECT_EQ(::pipe(ends), 0);
  const pid_t child = start_writing_to(ends[1], body);
  ::close(ends[1]);
  const std::string text = read_to_end(ends[0]);
  ::close(ends[0]);
  ::waitpid(child, nullptr, 0);
  return text;
}

template <class Body>
std::string output_to_terminal(unsigned short columns, Body body) {
  const int terminal = ::posix_openpt(O_RDWR | O_NOCTTY);
  EXPECT_GE(terminal, 0);
  EXPECT_EQ(::grantpt(terminal), 0);
  EXPECT_EQ(::unlockpt(terminal), 0);
  const int user_side = ::open(::ptsname(terminal), O_RDWR | O_NOCTTY);
  winsize size{};
  size.ws_row = 24;
  size.ws_col = columns;
  ::ioctl(user_side, TIOCSWINSZ, &size);
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

TEST(Log, MessagesArePlainWithAWordForTheBadOnes) {
  EXPECT_EQ(output_to_pipe([] {
              mm::log_info("step 1\nstep 2");
              mm::log_warning("slow disk");
              mm::log(mm::LogLevel::kError, "no disk");
              mm::log(mm::LogLevel::kDebug, "dropped");
            }),
            "step 1\nstep 2\nwarning: slow disk\nerror: no disk\n");
}

TEST(Log, LevelDropsWhatIsBelow) {
  EXPECT_EQ(output_to_pipe([] {
              mm::set_log_level(mm::LogLevel::kWarning);
              mm::log_info("dropped");
              mm::set_log_level(mm::LogLevel::kDebug);
              mm::log(mm::LogLevel::kDebug, "kept");
            }),
            "kept\n");
}

TEST(Log, PipesSeeNoStatus) {
  EXPECT_EQ(output_to_pipe([] {
              mm::show_status("step 1/10");
              mm::log_info("message");
            }),
            "message\n");
}

TEST(Log, StatusMovesBelowMessages) {
  EXPECT_EQ(output_to_terminal(80,
                               [] {
                                 mm::show_status("step 1/10");
                                 mm::show_status("step 2/10");
                                 mm::log_info("saved");
                                 mm::show_status("");
                               }),
            "step 1/10"
            "\r\x1b[2Kstep 2/10"
            "\r\x1b[2Ksaved\r\nstep 2/10"
            "\r\x1b[2K");
}

TEST(Log, StatusIsCutToOneRow) {
  EXPECT_EQ(output_to_terminal(10, [] { mm::show_status("春眠不觉晓 0123456789"); }), "春眠不觉晓 012");
}

TEST(Log, FileGetsEveryLineWithATimeStamp) {
  const TempFolder folder;
  const std::string path = folder / "logs/train.log";
  output_to_pipe([&] {
    mm::log_info("before");
    mm::open_log_file(path);
    mm::log_info("first\nsecond {}");
    mm::log_warning("third");
    mm::show_status("status");
  });
  output_to_pipe([&] {
    mm::open_log_file(path);
    mm::log_info("after a restart");
  });
  std::istringstream file(mm::read_file(path, mm::ExitCode::kStorage));
  const std::string stamp = R"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} )";
  const std::vector<std::string> expected = {"info first", "info second \\{\\}", "warning third",
                                             "info after a restart"};
  std::string line;
  for (const std::string& message : expected) {
    ASSERT_TRUE(std::getline(file, line));
    EXPECT_TRUE(std::regex_match(line, std::regex(stamp + message))) << line;
  }
  EXPECT_FALSE(std::getline(file, line)) << line;
}

TEST(Log, FileThatCannotBeOpenedIsAStorageError) {
  const TempFolder folder;
  EXPECT_EQ(thrown_by([&] { mm::open_log_file(folder.path()); }).code, mm::ExitCode::kStorage);
}

}  // namespace
