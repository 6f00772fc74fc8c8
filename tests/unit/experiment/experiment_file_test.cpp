// What a file says, and what is wrong with it.
#include "experiment/experiment_file.h"

#include <gtest/gtest.h>

#include "core/files/files.h"
#include "tests/unit/core/temp_folder.h"
#include "tests/unit/core/thrown.h"

namespace mm {
namespace {

using Names = std::vector<std::string>;

ExperimentFile read(const std::string& text) {
  const TempFolder folder;
  write_file_atomic(folder / "trial.json", text);
  return read_experiment(folder / "trial.json");
}

ExperimentFile read_variants(const std::string& variants) {
  return read(R"({"base": "a.json", "seeds": [1], "budget": {"tokens": 10}, "variants": )" + variants + "}");
}

Names names_of(const ExperimentFile& file) {
  Names names;
  for (const Variant& variant : file.variants) names.push_back(variant.name);
  return names;
}

std::string message_of(const std::string& text) {
  const TempFolder folder;
  write_file_atomic(folder / "x.json", text);
  const Thrown error = thrown_by([&] { read_experiment(folder / "x.json"); });
  EXPECT_EQ(error.code, ExitCode::kConfig);
  std::string message = error.message;
  for (size_t at; (at = message.find(folder.path() + "/")) != std::string::npos;) {
    message.erase(at, folder.path().size() + 1);
  }
  return message;
}

TEST(ExperimentFile, SaysWhatIsCompared) {
  const ExperimentFile file = read(R"({"about": "why", "base": "a.json", "settings": {"sample.every": 0},
    "seeds": [3, 1], "budget": {"flops": 1e15}, "variants": {"b": {}, "a": {"optim": {"beta2": 0.99}, "model.balance": "bias"}}})");
  EXPECT_EQ(file.name, "trial");
  EXPECT_EQ(file.about, "why");
  EXPECT_EQ(file.seeds, (std::vector<int64_t>{3, 1}));
  EXPECT_EQ(file.budget.kind, Budget::Kind::kFlops);
  EXPECT_EQ(file.compare_to, "b");
  EXPECT_EQ(names_of(file), (Names{"b", "a"}));
  EXPECT_EQ(file.variants[1].settings[0].key, "optim.beta2");
  EXPECT_EQ(file.variants[1].settings[0].json, "0.99");
  EXPECT_EQ(file.variants[1].settings[1].json, "\"bias\"");
}

TEST(ExperimentFile, AListIsASweepAndSeveralAreEveryCombination) {
  const ExperimentFile file = read_variants(R"({"m": {"optim.learning_rate": [1e-3, 0.002], "train.micro_batch": [4, 8],
    "optim.type": "muon"}})");
  EXPECT_EQ(names_of(file), (Names{"m_learning_rate_0.001_micro_batch_4", "m_learning_rate_0.001_micro_batch_8",
                                   "m_learning_rate_0.002_micro_batch_4", "m_learning_rate_0.002_micro_batch_8"}));
  EXPECT_EQ(file.variants[3].settings.size(), 3u);
  EXPECT_EQ(file.variants[3].settings[1].json, "8");
}

TEST(ExperimentFile, AListForAKeyThatHoldsOneIsItsValue) {
  EXPECT_EQ(names_of(read_variants(R"({"m": {"data.train": ["a.jsonl", "b.jsonl"]}})")), Names{"m"});
  EXPECT_EQ(names_of(read_variants(R"({"m": {"sample.prompts": [["a"], ["b", "c"]]}})")),
            (Names{"m_prompts_a", "m_prompts_b_c"}));
}

TEST(ExperimentFile, EveryProblemIsToldAtOnce) {
  EXPECT_EQ(message_of(R"({"seeds": [1, 1], "budget": {"tokens": 0}, "variant": {}, "compare_to": 3})"),
            "x.json:seeds: got [1, 1], want a list of different whole numbers from 0 up\n"
            "x.json:budget.tokens: got 0, want a number above 0\n"
            "x.json:variant: got an unknown key, want about, base, settings, seeds, budget, variants or compare_to "
            "(did you mean variants?)\n"
            "x.json:compare_to: got 3, want a text\n"
            "x.json:base: got nothing, want the path of a config, such as configs/quickstart.json\n"
            "x.json:variants: got nothing, want an object of named variants");
}

TEST(ExperimentFile, WhatTheExperimentDecidesIsNoSetting) {
  const std::string start = R"({"base": "a", "seeds": [1], "budget": {"seconds": 5}, )";
  EXPECT_EQ(
      message_of(
          start +
          R"("settings": {"train.steps": 5, "optim.beta1": [0.9, 0.8]}, "variants": {"a": {"run": {"seed": 3}}}})"),
      "x.json:settings.train.steps: got a setting that the experiment makes, want the key budget\n"
      "x.json:settings.optim.beta1: got a list of values, want one value (a sweep belongs to a variant)\n"
      "x.json:variants.a.run.seed: got a setting that the experiment makes, want the key seeds");
  EXPECT_EQ(message_of(start + R"("variants": {"a b": {}}, "compare_to": "c"})"),
            "x.json:variants: got the name \"a b\", want letters, digits, '_', '-' and '.', at most 120 (it names a "
            "folder)\n"
            "x.json:compare_to: got \"c\", want one of a b (a sweep has a variant for each value)");
}

}  // namespace
}  // namespace mm
