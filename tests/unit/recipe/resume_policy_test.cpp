// What a changed config does to a run that has begun: the exact words for each kind of key.
#include "recipe/resume/resume_policy.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <sstream>

#include "recipe/run_config.h"
#include "tests/unit/core/thrown.h"

namespace mm {
namespace {

using Lines = std::vector<std::string>;

constexpr std::array kRouterOptions = {"shared_expert_intermediate_size",
                                       "shared_expert_gate",
                                       "router_hidden_size",
                                       "router_jitter",
                                       "n_group",
                                       "topk_group",
                                       "capacity_factor",
                                       "force_uniform_routing",
                                       "balance",
                                       "router_bias_update_rate",
                                       "router_bias_smoothing"};

std::string config_with(std::vector<std::string> overrides) {
  std::vector<std::string> notes;
  overrides.insert(overrides.begin(), "run.name=a");
  return run_config_text(load_run_config("", overrides, notes));
}

/// A run of the default config, resumed after step 120 with `overrides`.
Lines explain(const std::vector<std::string>& overrides) {
  return explain_changes("output/a", config_with({}), config_with(overrides), 120);
}

TEST(ResumePolicy, AnUnchangedConfigSaysNothing) {
  EXPECT_EQ(explain({}), Lines());
}

TEST(ResumePolicy, SettingsOfTheLoopApplyFromTheNextStepOn) {
  EXPECT_EQ(explain({"optim.learning_rate=0.001", "train.steps=2000", "model.dropout=0.1", "checkpoint.keep=5",
                     "model.router_aux_loss_coef=0.5"}),
            Lines({"model.dropout: 0.0 -> 0.1 (used from step 121 on)",
                   "model.router_aux_loss_coef: 0.01 -> 0.5 (used from step 121 on)",
                   "train.steps: 1000 -> 2000 (used from step 121 on)",
                   "optim.learning_rate: 0.0005 -> 0.001 (used from step 121 on)",
                   "checkpoint.keep: 2 -> 5 (used from step 121 on)"}));
}

TEST(ResumePolicy, AnotherPlaceMayRoundDifferently) {
  EXPECT_EQ(explain({"run.device=cpu", "run.threads=3", "run.deterministic=false", "run.expert_products=by_expert",
                     "train.precision=fp32"}),
            Lines({"run.device: \"auto\" -> \"cpu\" (used from step 121 on; results may differ in rounding)",
                   "run.threads: 0 -> 3 (used from step 121 on; results may differ in rounding)",
                   "run.deterministic: true -> false (used from step 121 on; results may differ in rounding)",
                   "run.expert_products: \"auto\" -> \"by_expert\" (used from step 121 on; results may differ in "
                   "rounding)",
                   "train.precision: \"auto\" -> \"fp32\" (used from step 121 on; results may differ in rounding)"}));
}

TEST(ResumePolicy, WhatWasDecidedAtTheBeginningHasNoEffect) {
  EXPECT_EQ(explain({"init.from=output/b", "model.initializer_range=0.01", "tokenizer.character_coverage=0.99"}),
            Lines({"tokenizer.character_coverage: 0.995 -> 0.99 (no effect: the run has begun)",
                   "model.initializer_range: 0.02 -> 0.01 (no effect: the run has begun)",
                   "init.from: \"\" -> \"output/b\" (no effect: the run has begun)"}));
}

TEST(ResumePolicy, WhatSaysNothingOfTheRunIsNotWorthALine) {
  EXPECT_EQ(explain({"train.stop_after=130", "data.cache=elsewhere"}), Lines());
}

TEST(ResumePolicy, FilesMayMoveAsWhatCountsIsWhatTheyHold) {
  const std::string rest = " (its content is compared with what the run was trained on)";
  EXPECT_EQ(explain({"data.train=b.jsonl", "tokenizer.path=b.model"}),
            Lines({"data.train: [] -> [\"b.jsonl\"]" + rest, "tokenizer.path: \"\" -> \"b.model\"" + rest}));
}

TEST(ResumePolicy, WhatWouldMakeItAnotherRunIsRefusedAllAtOnce) {
  const Thrown error = thrown_by([] {
    explain({"run.seed=7", "data.train=b.jsonl", "data.sequence_length=256", "tokenizer.path=b.model",
             "model.num_hidden_layers=4", "optim.learning_rate=0.001", "optim.type=muon"});
  });
  EXPECT_EQ(error.code, ExitCode::kConfig);
  const std::string rest =
      ", want the value that the run began with (undo it, or start another run with --set "
      "run.name=<name>)";
  EXPECT_EQ(error.message, "output/a/config.json:run.seed: got a change 42 -> 7" + rest +
                               "\noutput/a/config.json:data.sequence_length: got a change 512 -> 256" + rest +
                               "\noutput/a/config.json:model.num_hidden_layers: got a change 8 -> 4" + rest +
                               "\noutput/a/config.json:optim.type: got a change \"adamw\" -> \"muon\"" + rest);
}

TEST(ResumePolicy, AReplayKeepsWhatItsPlaceInTheDataDependsOn) {
  const auto replay = [](std::vector<std::string> overrides) {
    overrides.insert(overrides.begin(), {"compat.trainer=g4", "data.train=a.jsonl"});
    return config_with(overrides);
  };
  const auto explain_replay = [&](const std::vector<std::string>& overrides) {
    return explain_changes("output/a", replay({}), replay(overrides), 120, /*replay=*/true);
  };
  EXPECT_EQ(explain_replay({"compat.epochs=2"}), Lines({"compat.epochs: 1 -> 2 (used from step 121 on)"}));
  for (const std::string change : {"train.micro_batch=9", "train.accumulation=9", "compat.trainer=g2"}) {
    EXPECT_EQ(thrown_by([&] { explain_replay({change}); }).code, ExitCode::kConfig) << change;
  }
}

TEST(ResumePolicy, ARunFromBeforeThereWereReplaysGoesOn) {
  EXPECT_EQ(explain_changes("output/a", "{}", R"({"compat": {"trainer": "none", "epochs": 1}})", 1), Lines());
}

TEST(ResumePolicy, ARunFromBeforeThereWereOtherOptimizersGoesOnWithAdamW) {
  const auto after = [](const std::string& type) {
    return R"({"optim": {"type": ")" + type + R"(", "momentum": 0.95, "orthogonalize": "parts"}})";
  };
  EXPECT_EQ(explain_changes("output/a", "{}", after("adamw"), 1), Lines());
  EXPECT_EQ(thrown_by([&] { explain_changes("output/a", "{}", after("muon"), 1); }).code, ExitCode::kConfig);
}

TEST(ResumePolicy, ARunFromBeforeRoutersHadOptionsGoesOnWithTheDefaultsAlone) {
  std::string before;
  std::istringstream lines(config_with({}));
  for (std::string line; std::getline(lines, line);) {
    const bool later = std::any_of(kRouterOptions.begin(), kRouterOptions.end(), [&](const char* key) {
      return line.find('"' + std::string(key) + '"') != std::string::npos;
    });
    if (!later) before += line + "\n";
  }
  EXPECT_EQ(explain_changes("output/a", before, config_with({}), 120), Lines());
  for (const std::string change : {"model.balance=bias", "model.n_group=2", "model.router_hidden_size=8"}) {
    const std::string after = config_with({change, "model.topk_group=1"});
    EXPECT_EQ(thrown_by([&] { explain_changes("output/a", before, after, 120); }).code, ExitCode::kConfig) << change;
  }
}

TEST(ResumePolicy, AKeyThatNoRuleKnowsIsRefused) {
  const Thrown error = thrown_by([] { explain_changes("output/a", "{}", R"({"gravity": {"g": 9.81}})", 1); });
  EXPECT_EQ(error.message,
            "output/a/config.json:gravity.g: got a change none -> 9.81, want the value that the run began with (undo "
            "it, or start another run with --set run.name=<name>)");
}

TEST(ResumePolicy, TheTokenizerOfARunIsReadFromItsConfig) {
  EXPECT_EQ(tokenizer_path_in(R"({"tokenizer": {"path": "a.model"}})"), "a.model");
  EXPECT_EQ(tokenizer_path_in(R"({"tokenizer": {}})"), "");
  EXPECT_EQ(tokenizer_path_in(R"({"tokenizer": {"path": 7}})"), "");
  EXPECT_EQ(tokenizer_path_in("no JSON"), "");
}

}  // namespace
}  // namespace mm
