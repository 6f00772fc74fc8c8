// Text from what a run left behind.
#include <gtest/gtest.h>

#include "workplace.h"

namespace {

TEST(GenerateProgram, ARunAndItsCheckpointGiveTheSameTextForTheSameSeed) {
  const Workplace workplace;
  ASSERT_EQ(workplace.pretrain(train("moe", "a", {"train.steps=5", "evaluation.every=0"})).exit_code, 0);
  const auto text = [&](const std::string& run, const std::string& seed) {
    const Finished program =
        workplace.generate({"--run", run, "--prompt", "river", "--seed", seed, "--max-new-tokens", "12"});
    EXPECT_EQ(program.exit_code, 0) << program.err;
    EXPECT_TRUE(program.out.starts_with("river")) << program.out;
    return program.out;
  };
  const std::string of_run = text("output/a", "1");
  EXPECT_EQ(text("output/a/checkpoints/step_00000005", "1"), of_run);
  EXPECT_EQ(text("output/a/", "1"), of_run);
  EXPECT_NE(text("output/a", "2"), of_run);
}

TEST(GenerateProgram, AMissingRunIsAnErrorOfTheCheckpoint) {
  const Workplace workplace;
  const Finished program = workplace.generate({"--run", "output/none"});
  EXPECT_EQ(program.exit_code, 4);
  EXPECT_EQ(program.err,
            "error: --init: got output/none, and there is nothing at " + workplace / "output/none" +
                ", want weights (put the file there)\n");
}

TEST(GenerateProgram, ARunWithoutACheckpointAndWrongUsageAreRefused) {
  const Workplace workplace;
  EXPECT_EQ(workplace.pretrain(train("dense", "a", {"train.steps=1"})).exit_code, 0);
  std::filesystem::remove_all(workplace / "output/a/checkpoints");
  EXPECT_EQ(workplace.generate({"--run", "output/a"}).exit_code, 4);
  EXPECT_EQ(workplace.generate({}).exit_code, 2);
}

}  // namespace
