// A replayed run of one of MiniMind's trainers: interrupted however, it ends with the same bytes.
#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>

#include "workplace.h"

namespace {

/// 300 rows in batches of 10: 30 micro-steps an epoch, 14 updates in two, 2 micro-steps lost at the end.
const Words kSettings = {"compat.trainer=g2",           "compat.epochs=2",
                         "train.micro_batch=10",        "train.accumulation=4",
                         "data.validation=other.jsonl", "checkpoint.every=3"};
constexpr int kUpdates = 14;

long micro_steps(const Workplace& workplace, const std::string& run) {
  const std::string file = "output/" + run + "/micro_steps.jsonl";
  if (!workplace.exists(file)) return 0;
  const std::string text = workplace.read(file);
  return std::count(text.begin(), text.end(), '\n');
}

TEST(Replay, StoppedOrKilledItGoesOnAsIfItHadNot) {
  const Workplace workplace;
  const Finished whole = workplace.pretrain(train("moe", "whole", kSettings));
  EXPECT_EQ(whole.exit_code, 0) << whole.out << whole.err;
  EXPECT_NE(whole.out.find("replaying the g2 trainer: 2 epochs of 30 micro-steps, 14 updates\n"), std::string::npos)
      << whole.out;
  EXPECT_EQ(micro_steps(workplace, "whole"), 60);

  Words settings = kSettings;
  settings.push_back("train.stop_after=4");
  EXPECT_EQ(workplace.pretrain(train("moe", "parts", settings)).exit_code, 75);
  {
    Program program = workplace.start(train("moe", "parts", kSettings));
    program.wait_until([&] { return micro_steps(workplace, "parts") >= 28; });
    program.send(SIGKILL);
    EXPECT_EQ(program.wait().exit_code, -SIGKILL);
  }
  EXPECT_EQ(workplace.pretrain(train("moe", "parts", kSettings)).exit_code, 0);

  EXPECT_EQ(differences(workplace, "whole", "parts", kUpdates), Words());
  EXPECT_EQ(workplace.read("output/parts/micro_steps.jsonl"), workplace.read("output/whole/micro_steps.jsonl"));
  EXPECT_NE(workplace.pretrain(train("moe", "parts", kSettings))
                .out.find("finished  at step 14 already; raise compat.epochs to go on\n"),
            std::string::npos);
}

TEST(Replay, ItsPlaceInTheDataStays) {
  const Workplace workplace;
  Words settings = kSettings;
  settings.push_back("train.stop_after=1");
  EXPECT_EQ(workplace.pretrain(train("dense", "a", settings)).exit_code, 75);
  settings.push_back("train.micro_batch=5");
  const Finished refused = workplace.pretrain(train("dense", "a", settings));
  EXPECT_EQ(refused.exit_code, 2);
  EXPECT_EQ(refused.err.substr(refused.err.find("error: ")),
            "error: output/a/config.json:train.micro_batch: got a change 10 -> 5, want the value that the run began "
            "with (undo it, or start another run with --set run.name=<name>)\n");
}

}  // namespace
