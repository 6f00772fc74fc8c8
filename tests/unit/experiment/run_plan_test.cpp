// Equal budgets, and what each run is told.
#include "experiment/run_plan.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "core/files/files.h"
#include "model/parameters/count.h"
#include "tests/unit/core/temp_folder.h"
#include "tests/unit/core/thrown.h"

namespace mm {
namespace {

using Words = std::vector<std::string>;

RunPlan plan_of(const Budget& budget, const std::vector<Variant>& variants, const Words& overrides = {}) {
  ExperimentFile file;
  file.name = "trial";
  file.base = MM_SOURCE "/configs/moe_192.json";
  file.seeds = {1, 2};
  file.budget = budget;
  file.variants = variants;
  file.compare_to = variants[0].name;
  Words notes;
  return plan_runs(file, overrides, notes);
}

TEST(RunPlan, EqualTokensAreFewerStepsWhereAStepHasMore) {
  const RunPlan plan = plan_of({Budget::Kind::kTokens, 983040}, {{"a", {}}, {"b", {{"train.accumulation", "2"}}}});
  EXPECT_EQ(plan.variants[0].steps, 240);
  EXPECT_EQ(plan.variants[1].steps, 120);
}

TEST(RunPlan, EqualFlopsCountTheOptimizersProducts) {
  const RunPlan plan = plan_of({Budget::Kind::kFlops, 1e13}, {{"adamw", {}}, {"muon", {{"optim.type", "\"muon\""}}}});
  const RunConfig& config = plan.variants[0].config;
  const double step = flops_per_token(config.model, 256) * 4096;
  EXPECT_EQ(plan.variants[0].steps, static_cast<int64_t>(1e13 / step));
  EXPECT_LT(plan.variants[1].steps, plan.variants[0].steps);
  EXPECT_LE(static_cast<double>(plan.variants[1].steps) * plan.variants[1].flops_per_step, 1e13);
}

TEST(RunPlan, RunsComeSeedAfterSeedWithTheSettingsOfTheVariantLast) {
  const RunPlan plan = plan_of({Budget::Kind::kTokens, 40960}, {{"a", {}}, {"b", {{"optim.beta1", "0.8"}}}},
                               {"schedule.warmup_steps=2", "optim.beta1=0.7"});
  Words labels;
  for (const PlannedRun& run : plan.runs) labels.push_back(run.label);
  EXPECT_EQ(labels, (Words{"a/seed_1", "b/seed_1", "a/seed_2", "b/seed_2"}));
  EXPECT_EQ(plan.runs[3].folder(), "output/trial/b/seed_2");
  EXPECT_EQ(plan.settings_of(plan.runs[3]), (Words{"schedule.warmup_steps=2", "optim.beta1=0.7", "optim.beta1=0.8",
                                                   "run.name=trial/b/seed_2", "run.seed=2", "train.steps=10"}));
  EXPECT_EQ(plan.variants[1].config.optim.beta1, 0.8);
}

TEST(RunPlan, ProblemsOfAllVariantsAreToldBeforeAnythingRuns) {
  const Thrown error = thrown_by([] {
    plan_of({Budget::Kind::kTokens, 40960}, {{"a", {{"optim.betta1", "0.8"}}},
                                             {"b", {{"optim.beta1", "2"}}},
                                             {"c", {{"evaluation.every", "0"}, {"schedule.warmup_steps", "1"}}}});
  });
  EXPECT_EQ(error.code, ExitCode::kConfig);
  EXPECT_EQ(
      error.message,
      "variant a:\n--set:optim.betta1: got an unknown key, want a key of `optim` (did you mean `beta1`?)\n"
      "variant b:\n--set:optim.beta1: got 2, want a number in [0, 0.99999] (beta1: decay of AdamW's first moment)\n"
      "variant c: evaluation.every: got 0, want a validation at the end of each run (it is what is compared)");
}

TEST(RunPlan, RunsMadeWithOtherSettingsAreNotMixedIn) {
  const TempFolder folder;
  const std::filesystem::path before = std::filesystem::current_path();
  std::filesystem::current_path(folder.path());
  const auto plan = [](const char* rate) {
    return plan_of({Budget::Kind::kTokens, 983040}, {{"a", {{"optim.learning_rate", rate}}}});
  };
  const RunPlan first = plan("0.001");
  RunConfig config = first.variants[0].config;
  config.run = {.name = "trial/a/seed_1", .threads = 3, .seed = 1};
  config.metrics.log_every = 99;
  write_file_atomic("output/trial/a/seed_1/config.json", run_config_text(config));
  EXPECT_NO_THROW(check_existing_runs(first));
  const Thrown error = thrown_by([&] { check_existing_runs(plan("0.002")); });
  std::filesystem::current_path(before);
  EXPECT_EQ(error.message,
            "output/trial/a/seed_1/config.json:optim.learning_rate: got 0.001, want 0.002 as the experiment says now "
            "(undo that, remove output/trial/a/seed_1, or name another experiment with --name)");
}

TEST(RunPlan, TheLengthOfTimedRunsIsDecidedOnce) {
  const TempFolder folder;
  const std::filesystem::path before = std::filesystem::current_path();
  std::filesystem::current_path(folder.path());
  const Budget budget = {Budget::Kind::kSeconds, 60};
  const std::vector<Variant> variants = {{"a", {}}, {"b", {{"train.accumulation", "2"}}}};
  RunPlan plan = plan_of(budget, variants);
  EXPECT_EQ(plan.variants[0].steps, 0);
  set_steps_by_speed(budget, 0.5, plan.variants[0]);
  set_steps_by_speed(budget, 0.9, plan.variants[1]);
  save_steps(plan);
  const RunPlan again = plan_of(budget, variants);
  const RunPlan longer = plan_of({Budget::Kind::kSeconds, 120}, variants);
  std::filesystem::current_path(before);
  EXPECT_EQ(again.variants[0].steps, 120);
  EXPECT_EQ(again.variants[1].steps, 66);
  EXPECT_EQ(again.variants[1].config.train.steps, 66);
  EXPECT_EQ(longer.variants[0].steps, 0);
}

TEST(RunPlan, EveryExperimentOfOursCanBePlanned) {
  for (const auto& entry : std::filesystem::directory_iterator(MM_SOURCE "/configs/experiments")) {
    ExperimentFile file = read_experiment(entry.path());
    file.base = MM_SOURCE "/" + file.base;
    Words notes;
    EXPECT_EQ(plan_runs(file, {}, notes).runs.size(), file.variants.size() * file.seeds.size()) << entry.path();
  }
}

}  // namespace
}  // namespace mm
