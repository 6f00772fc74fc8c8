// A run that was interrupted, however it was, ends with the same bytes as one that was not.
#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

#include "core/text.h"
#include "workplace.h"

namespace {

namespace fs = std::filesystem;

constexpr int kStopped = 75;

/// Lines of metrics.jsonl, 0 when there is none yet.
long records(const Workplace& workplace, const std::string& run) {
  const std::string file = "output/" + run + "/metrics.jsonl";
  if (!workplace.exists(file)) return 0;
  const std::string text = workplace.read(file);
  return std::count(text.begin(), text.end(), '\n');
}

std::string checkpoint(const std::string& run, int step) {
  return mm::format("output/%s/checkpoints/step_%08d", run.c_str(), step);
}

void expect_finished(const Finished& program) {
  EXPECT_EQ(program.exit_code, 0) << program.out << program.err;
}

void expect_twenty_equal_ten_and_ten(const std::string& config, long lines, const Words& settings = {}) {
  const Workplace workplace;
  expect_finished(workplace.pretrain(train(config, "whole", settings)));

  Words stopping = settings;
  stopping.push_back("train.stop_after=10");
  const Finished first = workplace.pretrain(train(config, "parts", stopping));
  EXPECT_EQ(first.exit_code, kStopped);
  expect_contains(first.out, "stopped   at step 10, saved in output/parts/checkpoints; the same command resumes\n");
  const Finished second = workplace.pretrain(train(config, "parts", settings));
  expect_finished(second);
  expect_contains(second.out, "resumed   from " + checkpoint("parts", 10) + " (verified), 2,560 tokens seen\n");
  expect_contains(second.out, "finished  at step 20, checkpoints in output/parts/checkpoints\n");

  EXPECT_EQ(differences(workplace, "whole", "parts", 20), Words());
  EXPECT_EQ(records(workplace, "parts"), lines);
}

TEST(Resume, TwentyStepsEqualTenAndTenMoreForADenseModel) {
  // 20 steps, 4 evaluations with their domains, 4 samples.
  expect_twenty_equal_ten_and_ten("dense", 32);
}

TEST(Resume, TwentyStepsEqualTenAndTenMoreForAMixtureWithDropout) {
  // The same, and a measure of the routers.
  expect_twenty_equal_ten_and_ten("moe", 33);
}

TEST(Resume, TwentyStepsEqualTenAndTenMoreWithNorMuonWhoseStateHoldsMuons) {
  expect_twenty_equal_ten_and_ten("moe", 33, {"optim.type=normuon"});
}

TEST(Resume, AFinishedRunSaysSoAndStaysAsItIs) {
  const Workplace workplace;
  expect_finished(workplace.pretrain(train("dense", "a", {"train.steps=5"})));
  const std::string metrics = workplace.read("output/a/metrics.jsonl");
  const Finished again = workplace.pretrain(train("dense", "a", {"train.steps=5"}));
  expect_finished(again);
  EXPECT_TRUE(
      again.out.starts_with("run       output/a\nfinished  at step 5 already; raise train.steps to go on\n"
                            "page      output/a/report.html\nnext      "))
      << again.out;
  EXPECT_EQ(workplace.read("output/a/metrics.jsonl"), metrics);
}

TEST(Resume, ASignalFinishesTheStepAndSaves) {
  const Words settings = {"train.steps=60"};
  const Workplace workplace;
  expect_finished(workplace.pretrain(train("moe", "whole", settings)));
  {
    Program program = workplace.start(train("moe", "parts", settings));
    program.wait_until([&] { return records(workplace, "parts") >= 3; });
    program.send(SIGTERM);
    const Finished stopped = program.wait();
    EXPECT_EQ(stopped.exit_code, kStopped) << stopped.err;
    expect_contains(stopped.out, "; the same command resumes\n");
  }
  expect_finished(workplace.pretrain(train("moe", "parts", settings)));
  EXPECT_EQ(differences(workplace, "whole", "parts", 60), Words());
}

TEST(Resume, AKilledRunGoesOnFromItsLastCheckpoint) {
  const Words settings = {"train.steps=60"};
  const Workplace workplace;
  expect_finished(workplace.pretrain(train("dense", "whole", settings)));
  {
    Program program = workplace.start(train("dense", "parts", settings));
    program.wait_until([&] { return workplace.exists(checkpoint("parts", 5)); });
    program.send(SIGKILL);
    EXPECT_EQ(program.wait().exit_code, -SIGKILL);
  }
  expect_finished(workplace.pretrain(train("dense", "parts", settings)));
  EXPECT_EQ(differences(workplace, "whole", "parts", 60), Words());
}

TEST(Resume, ASecondRequestLeavesAtOnce) {
  const Workplace workplace;
  Program program = workplace.start(train("dense", "a", {"train.steps=100000"}));
  program.wait_until([&] { return records(workplace, "a") >= 1; });
  // Both wait for the program to go on, so that it cannot end between them.
  program.send(SIGSTOP);
  program.send(SIGTERM);
  program.send(SIGINT);
  program.send(SIGCONT);
  EXPECT_EQ(program.wait().exit_code, 130);
}

TEST(Resume, ADamagedCheckpointIsSetAsideForTheOneBeforeIt) {
  const Workplace workplace;
  expect_finished(workplace.pretrain(train("moe", "whole")));
  EXPECT_EQ(workplace.pretrain(train("moe", "parts", {"train.stop_after=10"})).exit_code, kStopped);
  const std::string file = checkpoint("parts", 10) + "/optimizer.safetensors";
  std::string bytes = workplace.read(file);
  bytes[bytes.size() / 2] ^= 1;
  workplace.write(file, bytes);

  const Finished resumed = workplace.pretrain(train("moe", "parts"));
  expect_finished(resumed);
  expect_contains(resumed.err, file);
  expect_contains(resumed.err, "this checkpoint is set aside as " + checkpoint("parts", 10) + ".corrupt\n");
  expect_contains(resumed.out, "resumed   from " + checkpoint("parts", 5) + " (verified)");
  EXPECT_EQ(differences(workplace, "whole", "parts", 20), Words());
}

TEST(Resume, ARunThatIsGoingOnIsNotJoined) {
  const Workplace workplace;
  Program first = workplace.start(train("dense", "a", {"train.steps=100000"}));
  first.wait_until([&] { return records(workplace, "a") >= 1; });
  const Finished second = workplace.pretrain(train("dense", "a", {"train.steps=100000"}));
  EXPECT_EQ(second.exit_code, 2);
  EXPECT_EQ(second.out, "");
  EXPECT_EQ(second.err, "error: output/a: got a folder in use by process " + std::to_string(first.process()) +
                            ", want a free one (wait for it, stop it, or set run.name)\n");
}

TEST(Resume, ARunWithASentencepieceModelGoesOnWhereItsConfigNamesATokenizerThatIsNotThere) {
  const Workplace workplace;
  EXPECT_EQ(workplace.pretrain(train("dense", "old", {"tokenizer.path=old.model", "train.stop_after=10"})).exit_code,
            kStopped);
  const Finished rest = workplace.pretrain(train("dense", "old"));
  expect_finished(rest);
  expect_contains(rest.out + rest.err, "tokenizer old.model, which the run began with");
  EXPECT_FALSE(workplace.exists("tokenizer/tokenizer.json"));

  expect_finished(workplace.pretrain(train("dense", "whole", {"tokenizer.path=old.model"})));
  EXPECT_EQ(differences(workplace, "whole", "old", 20), Words{});
}

TEST(Resume, AChangedConfigSaysWhatBecomesOfEachChange) {
  const Workplace workplace;
  EXPECT_EQ(workplace.pretrain(train("dense", "a", {"train.stop_after=2"})).exit_code, kStopped);

  const std::string before = workplace.read("output/a/config.json");
  const Finished refused =
      workplace.pretrain(train("dense", "a", {"run.seed=7", "model.hidden_size=64", "optim.learning_rate=0.001"}));
  EXPECT_EQ(refused.exit_code, 2);
  const std::string rest =
      ", want the value that the run began with (undo it, or start another run with --set run.name=<name>)\n";
  expect_contains(refused.err, "error: output/a/config.json:run.seed: got a change 42 -> 7" + rest);
  expect_contains(refused.err, "output/a/config.json:model.hidden_size: got a change 32 -> 64" + rest);
  EXPECT_EQ(workplace.read("output/a/config.json"), before);

  const Finished applied = workplace.pretrain(
      train("dense", "a", {"train.steps=4", "optim.learning_rate=0.001", "init.from=gone.safetensors"}));
  EXPECT_EQ(applied.exit_code, 0) << applied.err;
  expect_contains(applied.out, "changed   train.steps: 20 -> 4 (used from step 3 on)\n");
  expect_contains(applied.out, "changed   optim.learning_rate: 0.0005 -> 0.001 (used from step 3 on)\n");
  expect_contains(applied.out, "changed   init.from: \"\" -> \"gone.safetensors\" (no effect: the run has begun)\n");
}

/// The records of steps and evaluations behind `step`, by type and step.
std::map<std::string, nlohmann::json> records_behind(const std::string& lines, int64_t step) {
  std::map<std::string, nlohmann::json> found;
  std::istringstream text(lines);
  for (std::string line; std::getline(text, line);) {
    nlohmann::json record = nlohmann::json::parse(line);
    const std::string type = record.at("type");
    if (record.at("step") <= step || (type != "step" && type != "evaluation")) continue;
    const std::string name = type + " " + record.at("step").dump();
    found[name] = std::move(record);
  }
  return found;
}

// A fixture for every format that checkpoints ever had. Operations may sum in another order since: what the version
// that wrote it got in its last ten steps comes out but for rounding.
TEST(Resume, ARunOfAnEarlierVersionGoesOnAsItDid) {
  const Workplace workplace;
  fs::copy(MM_GOLDEN_DATA "/runs/format_1", workplace.folder(),
           fs::copy_options::recursive | fs::copy_options::overwrite_existing);
  expect_finished(workplace.pretrain({"--config", "output/old/config.json", "--set", "train.stop_after=0"}));
  const auto was = records_behind(workplace.read("continued.jsonl"), 10);
  const auto is = records_behind(workplace.read("output/old/metrics.jsonl"), 10);
  EXPECT_EQ(was.size(), 12U);
  for (const auto& [what, record] : was) {
    ASSERT_TRUE(is.contains(what)) << what;
    for (const auto& [key, value] : record.items()) {
      if (value.is_number_float()) {
        EXPECT_NEAR(is.at(what).at(key).get<double>(), value.get<double>(), 1e-5) << what << " " << key;
      } else {
        EXPECT_EQ(is.at(what).at(key), value) << what << " " << key;
      }
    }
  }
}

}  // namespace
