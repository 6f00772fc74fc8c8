// What reaches the terminal, the pipe and the log file.
#include "core/terminal/log.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <regex>
#include <sstream>

#include "core/files/files.h"
#include "temp_folder.h"
#include "tests/support/captured_output.h"
#include "tests/support/screen.h"
#include "thrown.h"

namespace {

using Rows = std::vector<std::string>;

Rows screen_after(size_t columns, const std::string& output) {
  Screen screen(columns);
  screen.write(output);
  EXPECT_FALSE(screen.has_wrapped()) << output;
  return screen.rows();
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

TEST(Log, AReaderThatStopsReadingDoesNotStopTheProgram) {
  const TempFolder folder;
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const auto start = std::chrono::steady_clock::now();
  const pid_t child = ::fork();
  if (child == 0) {
    ::dup2(ends[1], STDOUT_FILENO);
    mm::open_log_file(folder / "train.log");
    for (int line = 0; line < 20000; ++line) mm::log_info("a line that nobody reads");
    ::_exit(0);
  }
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);  // with its output unread
  EXPECT_EQ(status, 0);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(30));
  const std::string log = mm::read_file(folder / "train.log", mm::ExitCode::kData);
  EXPECT_EQ(std::count(log.begin(), log.end(), '\n'), 20000);
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST(Log, PipesSeeNoStatus) {
  EXPECT_EQ(output_to_pipe([] {
              mm::show_status("step 1/10");
              mm::log_info("message");
            }),
            "message\n");
}

TEST(Log, StatusMovesBelowMessages) {
  const std::string output = output_to_terminal(80, [] {
    mm::show_status("first\nstep 1/10");
    mm::show_status("second\nstep 2/10");
    mm::log_info("saved");
  });
  EXPECT_EQ(screen_after(80, output), Rows({"saved", "second", "step 2/10"}));
}

TEST(Log, StatusIsRedrawnOverItselfAndLeavesNothingBehind) {
  const std::string output = output_to_terminal(80, [] {
    mm::show_status("a long first row\nsecond\nthird");
    mm::show_status("short\nsecond");
  });
  EXPECT_EQ(screen_after(80, output), Rows({"short", "second"}));
  EXPECT_EQ(output,
            "a long first row\x1b[K\r\nsecond\x1b[K\r\nthird\x1b[J\r"
            "\r\x1b[2Ashort\x1b[K\r\nsecond\x1b[J\r");
}

TEST(Log, AnEmptyStatusGivesTheTerminalBack) {
  const std::string output = output_to_terminal(80, [] {
    mm::show_status("first\nstep 1/10");
    mm::show_status("");
    mm::log_info("finished");
  });
  EXPECT_EQ(screen_after(80, output), Rows({"finished"}));
}

TEST(Log, TheEndOfTheProcessLeavesTheCursorBelowTheStatus) {
  const std::string output = output_to_terminal(80, [] {
    mm::leave_status();
    mm::show_status("step 1/10");
    mm::leave_status();
    std::printf("$ ");
    std::fflush(stdout);
  });
  EXPECT_EQ(screen_after(80, output), Rows({"step 1/10", "$"}));
}

TEST(Log, StatusIsCutToTheTerminal) {
  EXPECT_EQ(output_to_terminal(10, [] { mm::show_status("春眠 0123456789"); }), "春眠 0123\x1b[J\r");
  EXPECT_EQ(output_to_terminal(80,
                               [] {
                                 resize_terminal(2, 5);
                                 mm::show_status("one\n\x1b[7mtwo and more\nthree");
                               }),
            "\x1b[7mtwo \x1b[0m\x1b[K\r\nthre\x1b[J\r");
}

TEST(Log, StatusOfANarrowerTerminalIsErasedWithTheRowsThatItWasBrokenInto) {
  const std::string output = output_to_terminal(80, [] {
    mm::show_status("0123456789\n01234\nlast row");
    resize_terminal(24, 5);
    mm::show_status("");
  });
  EXPECT_TRUE(output.ends_with("\r\x1b[3A\x1b[J")) << output;
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
