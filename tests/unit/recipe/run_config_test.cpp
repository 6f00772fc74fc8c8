// The whole config: every preset loads, says what it is and survives being written and read.
#include "recipe/run_config.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "core/files/files.h"
#include "interchange/export/exports.h"
#include "model/parameters/count.h"
#include "tests/unit/core/temp_folder.h"
#include "tests/unit/core/thrown.h"

namespace mm {
namespace {

RunConfig load(const std::string& path, const std::vector<std::string>& overrides = {}) {
  std::vector<std::string> notes;
  return load_run_config(path, overrides, notes);
}

RunConfig preset(const std::string& name) {
  return load(MM_CONFIGS "/" + name + ".json");
}

/// The resolved config after a round through a file.
std::string written_again(const std::string& text) {
  const TempFolder folder;
  write_file_atomic(folder / "config.json", text);
  return run_config_text(load(folder / "config.json"));
}

TEST(RunConfig, TheTableInDocsSaysWhereEveryPresetCanGo) {
  const std::string docs = read_file(MM_DOCS "/exports.md", ExitCode::kConfig);
  for (const auto& file : std::filesystem::directory_iterator(MM_CONFIGS)) {
    if (file.path().extension() != ".json") continue;
    const ModelConfig model = load(file.path().string()).model;
    const std::string pth = fitting_generation(model);
    const std::string row =
        "| `" + file.path().stem().string() + "` | `" + architecture_of(huggingface_class(model).form) + "` | `" +
        name_of(gguf_architecture(model).form) + "` | " + (pth.empty() ? "none" : "`" + pth + "`") + " |\n";
    EXPECT_TRUE(huggingface_class(model).fits() && gguf_architecture(model).fits()) << row;
    EXPECT_NE(docs.find(row), std::string::npos) << row;
  }
}

TEST(RunConfig, EveryPresetLoadsAndIsWrittenBackTheSameAgainAndAgain) {
  int presets = 0;
  for (const auto& file : std::filesystem::directory_iterator(MM_CONFIGS)) {
    if (file.path().extension() != ".json") continue;
    SCOPED_TRACE(file.path());
    const RunConfig config = load(file.path().string());
    EXPECT_EQ(config.run.name, file.path().stem().string());
    const std::string text = run_config_text(config);
    EXPECT_EQ(written_again(text), text);
    ++presets;
  }
  EXPECT_GE(presets, 9);
}

TEST(RunConfig, ASmallVocabularyOfAGivenTokenizerIsWrittenBackTheSame) {
  const std::string text = run_config_text(load("", {"model.vocab_size=100", "tokenizer.path=a.model"}));
  EXPECT_EQ(written_again(text), text);
}

TEST(RunConfig, ATokenizerToTrainIsAsLargeAsTheModelsVocabulary) {
  EXPECT_EQ(load("", {"model.vocab_size=5000", "tokenizer.train=true"}).tokenizer.vocab_size, 5000);
  EXPECT_EQ(load("", {"tokenizer.train=true", "tokenizer.vocab_size=400"}).tokenizer.vocab_size, 400);
}

TEST(RunConfig, GenerationPresetsHaveTheParametersOfThePublishedModels) {
  struct Published {
    const char* preset;
    int64_t total, active;
  };
  for (const Published& model : {Published{"minimind_v1_512", 26878464, 26878464},
                                 {"minimind_v1_moe_512", 96100864, 61497856},
                                 {"minimind2_small_512", 25829888, 25829888},
                                 {"minimind2_moe_640", 145029760, 91945600},
                                 {"minimind3_768", 63912192, 63912192},
                                 {"minimind3_moe_768", 198416640, 63936768}}) {
    const ParameterCount count = count_parameters(preset(model.preset).model);
    EXPECT_EQ(count.total, model.total) << model.preset;
    EXPECT_EQ(count.active, model.active) << model.preset;
  }
}

TEST(RunConfig, ProblemsBetweenSectionsAreToldTogether) {
  const Thrown error = thrown_by([] {
    load("", {"run.name=../away", "run.device=gpu", "tokenizer.vocab_size=7000", "model.num_attention_heads=7"});
  });
  EXPECT_EQ(error.code, ExitCode::kConfig);
  EXPECT_EQ(
      error.message,
      "--set:model.num_attention_heads: got 7, want a divisor of hidden_size 512 (or set head_dim)\n"
      "--set:model.num_key_value_heads: got 2, want a divisor of num_attention_heads 7 (each key/value head "
      "serves an equal group of query heads)\n"
      "--set:run.name: got \"../away\", want letters, digits, '_', '-' and '.', or several such with '/' (it names a "
      "folder below output/)\n"
      "--set:run.device: got \"gpu\", want auto, cpu, cuda or cuda:N\n"
      "--set:tokenizer.vocab_size: got 7000, want at most model.vocab_size 6400 (every token needs a row of the "
      "embedding)");
}

TEST(RunConfig, ARunMayLieInFoldersButNotOutsideOfOutput) {
  EXPECT_EQ(load("", {"run.name=router/dense/seed_1"}).folder(), "output/router/dense/seed_1");
  for (const std::string name : {"/a", "a/", "a//b", "a/../b", "a/.b", "./a", "a/-b", "-a", "a b"}) {
    EXPECT_EQ(thrown_by([&] { load("", {"run.name=" + name}); }).code, ExitCode::kConfig) << name;
  }
}

TEST(RunConfig, ARouterThatCannotLearnIsWorthANote) {
  std::vector<std::string> notes;
  load_run_config(MM_CONFIGS "/minimind3_moe_768.json", {}, notes);
  ASSERT_EQ(notes.size(), 1u);
  EXPECT_EQ(notes[0],
            "model.norm_top1_prob: every routing weight is exactly 1, so the router learns nothing from the "
            "language-model loss (as MiniMind-3 was shipped; set it to false to train the router)");
  notes.clear();
  load_run_config(MM_CONFIGS "/moe_512.json", {}, notes);
  EXPECT_TRUE(notes.empty());
}

TEST(RunConfig, AnAverageOfTheWeightsIsOneProcessesAndIsNotReplayed) {
  EXPECT_EQ(thrown_by([] {
              load("", {"average.decay=0.9", "distributed.expert_parallel=2"});
            }).message,
            "--set:average.decay: got 0.9 with distributed.expert_parallel 2, want 0 (no process has all weights; with "
            "distributed.expert_parallel 1 every one has them)");
  EXPECT_NE(thrown_by([] {
              load("", {"average.decay=0.9", "compat.trainer=g4", "data.train=a.jsonl"});
            }).message.find("average.decay: got 0.9 in a replay, want 0"),
            std::string::npos);
  EXPECT_THROW(load("", {"average.decay=1"}), Error);
  std::vector<std::string> notes;
  load_run_config("", {"average.from=0.7"}, notes);
  ASSERT_EQ(notes.size(), 1U);
  EXPECT_NE(notes[0].find("average.decay is 0"), std::string::npos) << notes[0];
}

TEST(RunConfig, AnotherOptimizerThanAdamWTakesNoMomentsFromElsewhere) {
  const Thrown error = thrown_by([] { load("", {"optim.type=muon", "init.optimizer=true"}); });
  EXPECT_EQ(error.message,
            "--set:init.optimizer: got true with optim.type muon, want optim.type adamw (a _resume.pth holds AdamW's "
            "moments; without them weights are taken alone)");
}

TEST(RunConfig, DescribeListsEveryKeyOfTheWrittenConfig) {
  RunConfig config;
  const std::string description = describe_run_config();
  const std::vector<std::string> keys = diff_config("{}", run_config_text(config));
  EXPECT_GT(keys.size(), 60u);
  for (const std::string& line : keys) {
    const std::string key = line.substr(0, line.find(": "));
    EXPECT_NE(description.find("\n  " + key + " "), std::string::npos) << key;
  }
}

}  // namespace
}  // namespace mm
