// `pretrain --watch`, on a terminal and without one.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <sstream>

#include "tests/support/captured_output.h"
#include "tests/support/screen.h"
#include "workplace.h"

namespace {

constexpr unsigned short kColumns = 200;  // messages of that length are not broken

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

/// What a terminal gets of a run that is watched, with `variable` set to `value`.
std::string watched_run(const Workplace& workplace, const char* variable, const char* value) {
  return output_to_terminal(kColumns, [&] {
    ::setenv("LC_ALL", "C.UTF-8", 1);
    ::setenv("OMP_NUM_THREADS", "1", 1);
    ::unsetenv("NO_COLOR");
    ::setenv(variable, value, 1);
    std::filesystem::current_path(workplace.folder());
    ::execl(MM_PRETRAIN, MM_PRETRAIN, "--config", "moe.json", "--set", "run.name=run", "--watch", nullptr);
  });
}

TEST(Watch, DrawsEveryLayerInColoursAndLeavesTheTerminalClean) {
  const Workplace workplace;
  const std::string output = watched_run(workplace, "COLORTERM", "truecolor");
  EXPECT_TRUE(contains(output, "\x1b[48;2;")) << output;
  EXPECT_TRUE(contains(output, "\n 0 \x1b[")) << output;
  EXPECT_TRUE(contains(output, "\n 1 \x1b[")) << output;

  // What comes behind the run is to be copied, and as long as it is.
  const size_t end = output.find("page      output/run/report.html");
  ASSERT_NE(end, std::string::npos) << output;
  Screen screen(kColumns);
  screen.write(output.substr(0, end));
  EXPECT_FALSE(screen.has_wrapped());
  const std::vector<std::string> rows = screen.rows();
  EXPECT_TRUE(std::any_of(rows.begin(), rows.end(),
                          [](const std::string& row) { return row.starts_with("finished  at step 20"); }));
  for (const std::string& row : rows) EXPECT_FALSE(contains(row, "no token")) << row;
  EXPECT_FALSE(contains(workplace.read("output/run/train.log"), "\x1b"));
}

TEST(Watch, NoColorLeavesNumbersAndCharacters) {
  const Workplace workplace;
  const std::string output = watched_run(workplace, "NO_COLOR", "1");
  EXPECT_TRUE(contains(output, "share of tokens: 0% ·▁▁▂▂▃▃▄▄ fair 25%")) << output;
  EXPECT_FALSE(contains(output, "\x1b[48;"));
  EXPECT_FALSE(contains(output, "\x1b[0m"));
}

/// What a terminal gets of a watch beside a run.
std::string watched_beside(const Workplace& workplace, const std::string& run) {
  return output_to_terminal(kColumns, [&] {
    ::setenv("LC_ALL", "C.UTF-8", 1);
    ::setenv("COLORTERM", "truecolor", 1);
    ::unsetenv("NO_COLOR");
    std::filesystem::current_path(workplace.folder());
    ::execl(MM_REPORT, MM_REPORT, run.c_str(), "--watch", nullptr);
  });
}

TEST(Watch, BesideARunThatTrainsThePictureFollowsItToItsEndAndStays) {
  const Workplace workplace;
  Program program = workplace.start(train("moe", "run", {"train.steps=60"}));
  program.wait_until([&] { return workplace.exists("output/run/metrics.jsonl"); });
  const std::string output = watched_beside(workplace, "output/run");
  EXPECT_EQ(program.wait().exit_code, 0);
  EXPECT_TRUE(contains(output, "validation at step 60")) << output;
  Screen screen(kColumns);
  screen.write(output);
  EXPECT_FALSE(screen.has_wrapped());
  const std::vector<std::string> rows = screen.rows();
  const auto row = [&](const std::string& part) {
    return std::count_if(rows.begin(), rows.end(), [&](const std::string& each) { return contains(each, part); });
  };
  EXPECT_EQ(row("output/run has ended: finished"), 1) << output;
  EXPECT_EQ(row("no token"), 1) << output;
  // A run that is over already is drawn once.
  EXPECT_TRUE(contains(watched_beside(workplace, "output/run"), "output/run has ended: finished"));
}

TEST(Watch, BesideARunItWantsATerminalAndOneRun) {
  const Workplace workplace;
  EXPECT_EQ(run_program(MM_REPORT, {"output/run", "--watch"}, workplace.folder()).exit_code, 2);
  EXPECT_EQ(run_program(MM_REPORT, {"a", "b", "--watch"}, workplace.folder()).exit_code, 2);
}

TEST(Watch, LinesThatAreTooLongAreBrokenBetweenTheirFields) {
  const Workplace workplace;
  const std::string output = output_to_terminal(/*columns=*/80, [&] {
    ::setenv("OMP_NUM_THREADS", "1", 1);
    std::filesystem::current_path(workplace.folder());
    ::execl(MM_PRETRAIN, MM_PRETRAIN, "--config", "moe.json", "--set", "run.name=run", nullptr);
  });
  // The last step has no live line that is drawn over.
  const size_t begin = output.find("step     20/20"), end = output.find("router ", begin);
  ASSERT_NE(end, std::string::npos) << output;
  std::istringstream rows(output.substr(begin, end - begin));
  int count = 0;
  for (std::string row; std::getline(rows, row); ++count) {
    EXPECT_LE(row.size(), 80u) << row;  // the last character is the carriage return
    EXPECT_EQ(row.starts_with("  "), count > 0) << row;
  }
  EXPECT_GE(count, 2);
  const std::string log = workplace.read("output/run/train.log");
  EXPECT_TRUE(contains(log.substr(log.find("step     20/20")), "| router ")) << log;
}

TEST(Watch, WithoutATerminalOneLineSaysSoAndTrainingGoesOn) {
  const Workplace workplace;
  Words arguments = train("moe", "run");
  arguments.push_back("--watch");
  const Finished program = workplace.pretrain(arguments);
  EXPECT_EQ(program.exit_code, 0);
  EXPECT_EQ(program.err,
            "warning: --watch draws on a terminal, which standard output is not: training goes on without it\n");
  EXPECT_FALSE(contains(program.out, "\x1b"));
}

}  // namespace
