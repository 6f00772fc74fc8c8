// Pictures of a run: the report that training writes, the one that is asked for, and TensorBoard's event files.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <sstream>

#include "workplace.h"

namespace {

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

/// `pretrain` and what it prints when it fails.
void expect_trained(const Workplace& workplace, const Words& arguments, int exit_code = 0) {
  const Finished program = workplace.pretrain(arguments);
  EXPECT_EQ(program.exit_code, exit_code) << program.out << program.err;
}

TEST(Report, TrainingLeavesOneWithExpertsSamplesAndResumes) {
  const Workplace workplace;
  expect_trained(workplace, train("moe", "run", {"train.stop_after=10"}), /*exit_code=*/75);
  EXPECT_FALSE(contains(workplace.read("output/run/report.html"), "resumed at step 10"));
  expect_trained(workplace, train("moe", "run"));
  const std::string page = workplace.read("output/run/report.html");
  EXPECT_TRUE(contains(page, "resumed at step 10"));
  EXPECT_TRUE(contains(page, "<div class=\"load\">"));
  EXPECT_TRUE(contains(page, "<b>river</b>"));
  EXPECT_TRUE(contains(page, "<h3>Config</h3>"));
}

TEST(Report, NoneIsWrittenWhenItIsSwitchedOff) {
  const Workplace workplace;
  expect_trained(workplace, train("dense", "run", {"metrics.report_every=0"}));
  EXPECT_FALSE(workplace.exists("output/run/report.html"));
}

TEST(Report, LaysRunsSideBySide) {
  const Workplace workplace;
  expect_trained(workplace, train("dense", "first"));
  expect_trained(workplace, train("dense", "second", {"optim.learning_rate=0.002"}));
  const Finished program =
      run_program(MM_REPORT, {"output/first", "output/second/", "--out", "both.html"}, workplace.folder());
  EXPECT_EQ(program.exit_code, 0) << program.err;
  EXPECT_EQ(program.out, "report    both.html\n");
  const std::string page = workplace.read("both.html");
  EXPECT_TRUE(contains(page, "<title>first, second</title>"));
  EXPECT_TRUE(contains(page, "<td>optim.learning_rate</td>"));
  EXPECT_FALSE(contains(page, "<td>optim.weight_decay</td>"));
}

TEST(Report, ARunEndsWithItsPageAndWithCommandsThatWork) {
  const Workplace workplace;
  expect_trained(workplace, train("dense", "first"));
  const Finished second = workplace.pretrain(train("moe", "second"));
  ASSERT_EQ(second.exit_code, 0) << second.err;
  ASSERT_TRUE(contains(second.out, "\npage      output/second/report.html\nnext      ")) << second.out;
  std::istringstream lines(second.out.substr(second.out.find("\nnext      ") + 1));
  int commands = 0;
  for (std::string line; std::getline(lines, line); ++commands) {
    const Finished finished = run_program("/bin/bash", {"-c", line.substr(10)}, workplace.folder());
    EXPECT_EQ(finished.exit_code, 0) << line << "\n" << finished.err;
  }
  EXPECT_EQ(commands, 3);
  EXPECT_TRUE(contains(workplace.read("output/second/report.html"), "Who does what"));
  EXPECT_TRUE(contains(workplace.read("output/comparison.html"), "<title>second, first</title>"));
}

TEST(Report, AFolderThatIsNotThereIsNamed) {
  const Workplace workplace;
  const Finished program = run_program(MM_REPORT, {"output/none"}, workplace.folder());
  EXPECT_EQ(program.exit_code, 3);
  EXPECT_EQ(program.err,
            "error: output/none: got no folder there, want the folder of a run, such as output/quickstart\n");
  EXPECT_EQ(run_program(MM_REPORT, {}, workplace.folder()).exit_code, 2);
}

TEST(Tensorboard, EveryStartOfARunHasAnEventFileOfItsOwn) {
  const Workplace workplace;
  expect_trained(workplace, train("moe", "run", {"metrics.tensorboard=true", "train.stop_after=10"}), /*exit_code=*/75);
  expect_trained(workplace, train("moe", "run", {"metrics.tensorboard=true"}));
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(workplace / "output/run/tensorboard")) {
    files.push_back("output/run/tensorboard/" + entry.path().filename().string());
  }
  std::sort(files.begin(), files.end());
  ASSERT_EQ(files.size(), 2u);
  for (const std::string& file : files) {
    const std::string events = workplace.read(file);
    for (const char* tag : {"brain.Event:2", "loss/train", "loss/validation", "experts/load", "samples/river"}) {
      EXPECT_TRUE(contains(events, tag)) << file << ": " << tag;
    }
  }
}

}  // namespace
