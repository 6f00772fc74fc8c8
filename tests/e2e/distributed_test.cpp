// Several processes that train one run: the same run as one process trains, whoever started them.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <csignal>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

#include "core/random.h"
#include "core/text.h"
#include "workplace.h"

namespace {

constexpr int kStopped = 75, kHang = 9;

/// `launch.sh --ranks N pretrain <arguments>`
Words launched(int ranks, const Words& arguments) {
  Words words = {"--ranks", std::to_string(ranks), MM_PRETRAIN};
  words.insert(words.end(), arguments.begin(), arguments.end());
  return words;
}

Finished launch(const Workplace& workplace, int ranks, const Words& arguments) {
  return run_program(MM_LAUNCH, launched(ranks, arguments), workplace.folder());
}

void expect_finished(const Finished& program) {
  EXPECT_EQ(program.exit_code, 0) << program.out << program.err;
}

/// A port for a world whose ranks are started by hand: tests of one machine have different ones.
std::string port() {
  static int next = 0;
  return std::to_string(20000 + (::getpid() * 13 + 97 * next++) % 12000);
}

Words plain_rank(const std::string& rank, const std::string& at) {
  return {"RANK=" + rank, "WORLD_SIZE=2", "MASTER_ADDR=localhost", "MASTER_PORT=" + at};
}

Words slurm_rank(const std::string& rank, const std::string& at) {
  return {"SLURM_PROCID=" + rank,          "SLURM_NTASKS=2",    "SLURM_LOCALID=" + rank, "SLURM_NNODES=1",
          "SLURM_STEP_NODELIST=localhost", "SLURM_JOB_ID=" + at};
}

/// The two ranks of a world, started by hand.
struct ByHand {
  using Variables = Words (*)(const std::string& rank, const std::string& port);

  ByHand(const Workplace& workplace, const Words& command, Variables variables = plain_rank)
      : ByHand(workplace.folder(), command, workplace.folder(), command, variables) {}
  ByHand(const std::string& folder, const Words& command, const std::string& other_folder, const Words& other_command,
         Variables variables = plain_rank)
      : zero(MM_PRETRAIN, command, folder, variables("0", at)),
        one(MM_PRETRAIN, other_command, other_folder, variables("1", at)) {}

  const std::string at = port();
  Program zero, one;
};

std::vector<nlohmann::json> records(const Workplace& workplace, const std::string& run, const std::string& type) {
  std::vector<nlohmann::json> found;
  std::istringstream lines(workplace.read("output/" + run + "/metrics.jsonl"));
  for (std::string line; std::getline(lines, line);) {
    nlohmann::json record = nlohmann::json::parse(line);
    if (record.at("type") == type) found.push_back(std::move(record));
  }
  return found;
}

/// Losses to `tolerance` relative, counts of tokens exactly.
void expect_same_steps(const Workplace& workplace, const std::string& run, const std::string& other, double tolerance,
                       bool counts = true) {
  const auto steps = records(workplace, run, "step"), others = records(workplace, other, "step");
  ASSERT_EQ(steps.size(), others.size());
  ASSERT_FALSE(steps.empty());
  for (size_t i = 0; i < steps.size(); ++i) {
    const double loss = steps[i].at("loss"), other_loss = others[i].at("loss");
    EXPECT_NEAR(loss, other_loss, tolerance * loss) << run << ", " << other << ": step " << i + 1;
    EXPECT_EQ(steps[i].at("tokens"), others[i].at("tokens"));
    if (counts) {
      EXPECT_EQ(steps[i].value("expert_tokens", nlohmann::json()), others[i].value("expert_tokens", nlohmann::json()));
    }
  }
}

const Words kFour = {"train.accumulation=4", "train.steps=50", "evaluation.every=25", "sample.every=0",
                     "checkpoint.every=25"};

/// Four processes on two cores take their time: what differs in one thing from the runs of kFour shows it sooner.
const Words kFourShort = {"train.accumulation=4", "train.steps=20", "evaluation.every=10", "sample.every=0",
                          "checkpoint.every=10"};

Words with(Words settings, const Words& more) {
  settings.insert(settings.end(), more.begin(), more.end());
  return settings;
}

/// That worlds of so many processes train what one process trains.
void expect_same_run(const Workplace& workplace, const std::string& config, const Words& settings,
                     const std::vector<int>& worlds) {
  expect_finished(workplace.pretrain(train(config, "1", settings)));
  for (const int ranks : worlds) {
    const std::string run = std::to_string(ranks);
    expect_finished(launch(workplace, ranks, train(config, run, settings)));
    expect_same_steps(workplace, "1", run, 1e-6);
  }
}

void expect_same_run(const std::string& config, const Words& settings, const std::vector<int>& worlds = {2, 4}) {
  expect_same_run(Workplace(), config, settings, worlds);
}

TEST(Distributed, OneTwoAndFourProcessesTrainTheSameDenseRun) {
  expect_same_run("dense", kFour);
}

TEST(Distributed, OneTwoAndFourProcessesTrainTheSameMixture) {
  expect_same_run("moe", with(kFour, {"model.aux_loss=token", "optim.max_grad_norm=0.5"}));
}

TEST(Distributed, TheAverageOfTheWeightsIsThatOfOneProcessAndGoesOn) {
  const Workplace workplace;
  const Words settings = {"train.accumulation=2", "train.steps=20",    "evaluation.every=10", "sample.every=0",
                          "checkpoint.every=10",  "average.decay=0.9", "average.from=0.25",   "model.balance=bias"};
  expect_finished(workplace.pretrain(train("moe", "1", settings)));
  EXPECT_EQ(launch(workplace, 2, train("moe", "2", with(settings, {"train.stop_after=10"}))).exit_code, kStopped);
  expect_finished(launch(workplace, 2, train("moe", "2", settings)));
  const auto alone = records(workplace, "1", "evaluation"), together = records(workplace, "2", "evaluation");
  ASSERT_EQ(alone.size(), 2U);
  ASSERT_EQ(together.size(), 2U);
  for (size_t i = 0; i < 2; ++i) {
    const double loss = alone[i].at("average_loss");
    EXPECT_NEAR(loss, together[i].at("average_loss").get<double>(), 1e-6 * loss);
    EXPECT_NE(loss, alone[i].at("loss").get<double>());
  }
}

TEST(Distributed, TheLoadOfAStepIsThatOfAllProcesses) {
  expect_same_run("moe", with(kFourShort, {"model.aux_loss=step"}), {4});
}

TEST(Distributed, BiasesAreRaisedByTheLoadOfAllProcesses) {
  for (const char* balance : {"model.balance=bias", "model.balance=quantile"}) {
    expect_same_run("moe", with(kFourShort, {balance, "model.aux_loss=none"}), {4});
  }
}

TEST(Distributed, AllLeaveOutTheSameSteps) {
  const Workplace workplace;
  mm::RandomStream random(3, "noise");
  std::string text = workplace.read("text.jsonl");
  for (int line = 0; line < 12; ++line) {
    std::string noise;
    for (int i = 0; i < 300; ++i) noise += static_cast<char>('!' + random.below(90));
    text += nlohmann::json{{"text", noise}}.dump() + "\n";
  }
  workplace.write("text.jsonl", text);
  const Words settings = {"spikes.policy=skip", "spikes.window=8",     "spikes.deviations=2",
                          "spikes.budget=100",  "train.micro_batch=1", "optim.learning_rate=0.002"};
  expect_same_run(workplace, "moe", with(kFour, settings), {4});
  const auto steps = records(workplace, "4", "step");
  EXPECT_TRUE(std::any_of(steps.begin(), steps.end(), [](const auto& step) { return step.at("skipped"); }));
}

TEST(Distributed, TheSameWorldGivesTheSameBytesWhoeverKeepsTheMoments) {
  const Workplace workplace;
  expect_finished(launch(workplace, 2, train("moe", "a")));
  expect_finished(launch(workplace, 2, train("moe", "b")));
  expect_finished(launch(workplace, 2, train("moe", "off", {"distributed.shard_optimizer=off"})));
  EXPECT_EQ(differences(workplace, "a", "b", 20), Words());
  EXPECT_EQ(differences(workplace, "a", "off", 20), Words());
}

TEST(Distributed, ProcessesThatDivideTheExpertsTrainTheSameRun) {
  const Workplace workplace;
  expect_finished(workplace.pretrain(train("moe", "one", kFourShort)));
  expect_finished(launch(workplace, 2, train("moe", "two", with(kFourShort, {"distributed.expert_parallel=2"}))));
  expect_finished(launch(workplace, 4, train("moe", "pairs", with(kFourShort, {"distributed.expert_parallel=2"}))));
  expect_finished(launch(workplace, 4, train("moe", "four", with(kFourShort, {"distributed.expert_parallel=4"}))));
  for (const char* run : {"two", "pairs", "four"}) expect_same_steps(workplace, "one", run, 1e-6);
}

TEST(Distributed, MuonUpdatesWholeMatricesInEveryProcess) {
  const Workplace workplace;
  const Words muon = with(kFour, {"optim.type=muon", "train.steps=10"});
  expect_finished(workplace.pretrain(train("moe", "one", muon)));
  expect_finished(launch(workplace, 2, train("moe", "two", muon)));
  expect_same_steps(workplace, "one", "two", 1e-5);
  const Finished refused = launch(workplace, 2, train("moe", "a", with(muon, {"distributed.shard_optimizer=on"})));
  EXPECT_EQ(refused.exit_code, 2);
  expect_contains(refused.err, "distributed.shard_optimizer: got on with optim.type muon, want auto or off (");
}

TEST(Distributed, ExpertsThatCannotBeDividedAreRefusedWithTheReason) {
  const Workplace workplace;
  const auto refusal = [&](const std::string& config, const Words& settings) {
    const Finished refused = workplace.pretrain(train(config, "a", settings));
    EXPECT_EQ(refused.exit_code, 2);
    EXPECT_FALSE(workplace.exists("output/a"));
    return refused.err;
  };
  expect_contains(refusal("moe", {"distributed.expert_parallel=2"}),
                  "distributed.expert_parallel: got 2 for 1 process, want a divisor of their number (");
  expect_contains(refusal("dense", {"distributed.expert_parallel=2"}),
                  "distributed.expert_parallel: got 2 for a dense model, want 1 (there are no experts to divide)");
  expect_contains(refusal("moe", {"distributed.expert_parallel=3"}),
                  "distributed.expert_parallel: got 3 for model.num_experts 4, want a divisor of their number (");
  expect_contains(refusal("moe", {"distributed.expert_parallel=2", "revival.method=gate"}),
                  "distributed.expert_parallel: got 2 with revival.method gate, want 1 (");
}

TEST(Distributed, ProcessesStartedByHandOrBySlurmAreAWorld) {
  const Workplace workplace;
  for (const std::string model : {"dense", "moe"}) {
    const auto together = [&](const std::string& run, ByHand::Variables variables) {
      ByHand ranks(workplace, train(model, model + run, {"train.steps=5"}), variables);
      expect_finished(ranks.zero.wait());
      const Finished second = ranks.one.wait();
      expect_finished(second);
      EXPECT_EQ(second.out, "");
    };
    together("_plain", plain_rank);
    together("_slurm", slurm_rank);
    EXPECT_EQ(differences(workplace, model + "_plain", model + "_slurm", 5), Words());
  }
}

TEST(Distributed, AnAccumulationThatCannotBeSharedNamesThoseThatCan) {
  const Workplace workplace;
  const Finished refused = launch(workplace, 2, train("dense", "a", {"train.accumulation=3"}));
  EXPECT_EQ(refused.exit_code, 2);
  expect_contains(
      refused.err,
      "train.accumulation: got 3 for 2 ranks, want a multiple of the ranks (they share the micro-batches of "
      "a step: 2 or 4 is next");
  EXPECT_FALSE(workplace.exists("output/a"));
}

TEST(Distributed, AnotherConfigOrTextOnOneRankIsRefusedBeforeTheFirstStep) {
  const Workplace workplace;
  const auto refusal = [&](int code, const std::string& folder, const Words& settings) {
    ByHand ranks(workplace.folder(), train("dense", "a"), folder, train("dense", "a", settings));
    const Finished first = ranks.zero.wait();
    EXPECT_EQ(first.exit_code, code) << first.err;
    EXPECT_EQ(ranks.one.wait().exit_code, code);
    EXPECT_FALSE(workplace.exists("output/a/metrics.jsonl"));
    return first.err;
  };
  const std::string config = refusal(2, workplace.folder(), {"optim.learning_rate=0.002"});
  expect_contains(config, "error: optim.learning_rate of rank 1 on host ");
  expect_contains(config, ": got 0.002, want 0.0005 (as rank 0 has it; give all ranks the same)\n");

  std::filesystem::create_directory(workplace / "elsewhere");
  workplace.write("elsewhere/dense.json", workplace.read("dense.json"));
  workplace.write("elsewhere/text.jsonl", workplace.read("text.jsonl") + "{\"text\": \"one more\"}\n");
  const std::string text = refusal(3, workplace / "elsewhere", {});
  expect_contains(text, "the training text of rank 1 on host ");
  expect_contains(text, ": got fingerprint ");
}

TEST(Distributed, ASignalToOneProcessStopsAllBehindTheSameStep) {
  const Workplace workplace;
  const Words settings = {"train.steps=60"};
  expect_finished(launch(workplace, 2, train("moe", "whole", settings)));
  ByHand ranks(workplace, train("moe", "parts", settings));
  ranks.zero.wait_until([&] {
    return workplace.exists("output/parts/metrics.jsonl") && records(workplace, "parts", "step").size() >= 3;
  });
  ranks.one.send(SIGTERM);
  EXPECT_EQ(ranks.zero.wait().exit_code, kStopped);
  EXPECT_EQ(ranks.one.wait().exit_code, kStopped);
  expect_finished(launch(workplace, 2, train("moe", "parts", settings)));
  EXPECT_EQ(differences(workplace, "whole", "parts", 60), Words());
}

TEST(Distributed, ASignalToTheLauncherReachesAll) {
  const Workplace workplace;
  Program launcher(MM_LAUNCH, launched(2, train("dense", "a", {"train.steps=100000"})), workplace.folder());
  launcher.wait_until([&] { return workplace.exists("output/a/checkpoints/step_00000005"); });
  launcher.send(SIGTERM);
  EXPECT_EQ(launcher.wait().exit_code, kStopped);
}

TEST(Distributed, ARunGoesOnWithAnotherNumberOfProcesses) {
  const Workplace workplace;
  const auto until = [](const std::string& step) { return with(kFour, {"train.stop_after=" + step}); };
  expect_finished(workplace.pretrain(train("moe", "whole", kFour)));
  const Words divided = with(until("10"), {"distributed.expert_parallel=2"});
  EXPECT_EQ(launch(workplace, 2, train("moe", "parts", divided)).exit_code, kStopped);
  const Finished alone = workplace.pretrain(train("moe", "parts", until("20")));
  EXPECT_EQ(alone.exit_code, kStopped) << alone.err;
  expect_contains(alone.out,
                  "ranks     2 -> 1 (the same run from step 11 on but for rounding, no longer to the bit)\n");
  const Finished four = launch(workplace, 4, train("moe", "parts", kFour));
  expect_finished(four);
  expect_contains(four.out, "ranks     1 -> 4 (");
  expect_same_steps(workplace, "whole", "parts", 1e-5, /*counts=*/false);
}

TEST(Distributed, AKilledProcessEndsTheOthersAndTheRunGoesOn) {
  const Workplace workplace;
  const Words settings = {"train.steps=60", "distributed.timeout_seconds=5"};
  expect_finished(launch(workplace, 2, train("dense", "whole", settings)));
  ByHand ranks(workplace, train("dense", "parts", settings));
  ranks.zero.wait_until([&] { return workplace.exists("output/parts/checkpoints/step_00000005"); });
  ranks.one.send(SIGKILL);
  const Finished left = ranks.zero.wait();
  EXPECT_EQ(left.exit_code, kHang);
  expect_contains(left.err, "error: rank 1 on host ");
  expect_contains(workplace.read("output/parts/train.log"), "rank 1 on host ");
  expect_finished(launch(workplace, 2, train("dense", "parts", settings)));
  EXPECT_EQ(differences(workplace, "whole", "parts", 60), Words());
}

TEST(Distributed, AProcessThatIsStoppedIsNoticedInTime) {
  const Workplace workplace;
  const Words settings = {"train.steps=100000", "distributed.timeout_seconds=3"};
  ByHand ranks(workplace, train("moe", "a", settings));
  ranks.zero.wait_until([&] { return workplace.exists("output/a/checkpoints/step_00000005"); });
  ranks.one.send(SIGSTOP);
  const auto start = std::chrono::steady_clock::now();
  const Finished left = ranks.zero.wait();
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(15));
  EXPECT_EQ(left.exit_code, kHang);
  expect_contains(left.err, "error: rank 1 on host ");
  ranks.one.send(SIGCONT);
  EXPECT_EQ(ranks.one.wait().exit_code, kHang);
}

TEST(Distributed, TwoLaunchesOfOneRunAreNotJoined) {
  const Workplace workplace;
  Program first(MM_LAUNCH, launched(2, train("dense", "a", {"train.steps=100000"})), workplace.folder());
  first.wait_until([&] { return workplace.exists("output/a/checkpoints/step_00000005"); });
  const Finished second = launch(workplace, 2, train("dense", "a", {"train.steps=100000"}));
  EXPECT_EQ(second.exit_code, 2);
  expect_contains(second.err, "error: output/a: got a folder in use by process ");
  first.send(SIGTERM);
  EXPECT_EQ(first.wait().exit_code, kStopped);
}

TEST(Distributed, TheCheckTellsWhatEachOfSeveralTakesAndTheBenchTimesThemTogether) {
  const Workplace workplace;
  Words check = train("moe", "a", {"train.accumulation=4"});
  check.insert(check.end(), {"--check", "--ranks", "4"});
  const Finished told = workplace.pretrain(check);
  expect_finished(told);
  expect_contains(told.out, "ranks       4, each with 1 of the 4 micro-batches of a step: ");
  Words bench = train("moe", "a", {"train.accumulation=4"});
  bench.insert(bench.end(), {"--bench", "1"});
  const Finished timed = launch(workplace, 2, bench);
  expect_finished(timed);
  expect_contains(timed.out, ", sums over 2 ranks ");
  check.resize(check.size() - 2);
  const Finished refused = launch(workplace, 2, check);
  EXPECT_EQ(refused.exit_code, 2);
  expect_contains(refused.err, "--check: got 2 processes, want one (--ranks tells what several take)");
}

}  // namespace
