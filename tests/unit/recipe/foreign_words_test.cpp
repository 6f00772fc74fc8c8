// Words of MiniMind, nanoGPT and Hugging Face.
#include "recipe/foreign_words.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "recipe/run_config.h"
#include "tests/unit/core/thrown.h"

namespace mm {
namespace {

RunConfig load(const std::vector<std::string>& overrides) {
  std::vector<std::string> notes;
  return load_run_config("", overrides, notes);
}

/// Every name that a section knows, dotted.
std::vector<std::string> all_names() {
  RunConfig config;
  return setting_names([&](Fields& fields) { config.visit(fields); });
}

TEST(ForeignWords, EachNamesASettingThatThereIs) {
  const std::vector<std::string> names = all_names();
  std::set<std::string_view> words;
  for (const ForeignWord& row : foreign_words()) {
    EXPECT_TRUE(words.insert(row.word).second) << row.word << " twice";
    EXPECT_TRUE(row.setting.empty() || std::find(names.begin(), names.end(), row.setting) != names.end()) << row.word;
    EXPECT_TRUE(row.same ? !row.setting.empty() : !row.note.empty()) << row.word;
  }
}

TEST(ForeignWords, NamesThatASectionKnowsBesidesItsOwnAreAmongThem) {
  RunConfig config;
  const std::vector<std::string> own = diff_config("{}", run_config_text(config));
  const auto is_own = [&](const std::string& name) {
    return std::any_of(own.begin(), own.end(),
                       [&](const auto& line) { return line.starts_with(name + ": ") || line.starts_with(name + "."); });
  };
  for (const std::string& name : all_names()) {
    if (is_own(name) || name == "model.rope_scaling.type") continue;
    const std::string word = name.substr(name.rfind('.') + 1);
    EXPECT_TRUE(std::any_of(foreign_words().begin(), foreign_words().end(), [&](const ForeignWord& row) {
      return row.word == word && row.same;
    })) << name;
  }
}

TEST(ForeignWords, OnesOfTheSameMeaningAreReadWhereverTheyStand) {
  const RunConfig config = load({"lr=3e-4", "train.batch_size=4", "accumulation_steps=2", "max_seq_len=128",
                                 "grad_clip=0.5", "dtype=bfloat16", "optim.adam_beta2=0.99", "use_moe=true",
                                 "n_embd=256", "max_iters=50", "data_path=a.jsonl"});
  EXPECT_EQ(config.optim.learning_rate, 3e-4);
  EXPECT_EQ(config.train.micro_batch, 4);
  EXPECT_EQ(config.train.accumulation, 2);
  EXPECT_EQ(config.data.sequence_length, 128);
  EXPECT_EQ(config.optim.max_grad_norm, 0.5);
  EXPECT_EQ(config.train.precision, "bf16");
  EXPECT_EQ(config.optim.beta2, 0.99);
  EXPECT_TRUE(config.model.is_moe());
  EXPECT_EQ(config.model.hidden_size, 256);
  EXPECT_EQ(config.train.steps, 50);
  EXPECT_EQ(config.data.train.at(0).path, "a.jsonl");
}

TEST(ForeignWords, OnesOfAnotherMeaningSayWhatToSet) {
  const auto refusal = [](const std::string& setting) { return thrown_by([&] { load({setting}); }).message; };
  EXPECT_EQ(refusal("save_interval=1000"),
            "--set:save_interval: got a setting of MiniMind, want checkpoint.every (it counts optimizer steps, theirs "
            "micro-batches: save_interval / train.accumulation)");
  EXPECT_EQ(
      refusal("schedule.min_lr=1e-5"),
      "--set:schedule.min_lr: got a setting of nanoGPT, want schedule.min_ratio (it is a part of the peak: min_lr "
      "/ learning_rate)");
  EXPECT_EQ(refusal("num_workers=8"),
            "--set:num_workers: got a setting of MiniMind, want none of that kind (batches come from a memory map; "
            "leave it out)");
}

TEST(ForeignWords, ASettingByTwoNamesIsRefused) {
  const auto read = [](const std::string& json) {
    RunConfig config;
    Problems problems;
    std::vector<ConfigSource> sources = {{"a.json", false, parse_json(json, "a.json", problems).value()}};
    put_words_in_our_terms(sources, all_names(), problems);
    return problems.messages();
  };
  EXPECT_EQ(
      read(R"({"optim": {"learning_rate": 1, "lr": 2}})"),
      (std::vector<std::string>{"a.json:optim.lr: got both `lr` and `optim.learning_rate`, want one of them (they "
                                "are names of one setting)"}));
}

TEST(ForeignWords, TheTableIsDescribed) {
  const std::string text = describe_run_config();
  for (const ForeignWord& row : foreign_words()) {
    EXPECT_NE(text.find("\n  " + std::string(row.word) + " "), std::string::npos) << row.word;
  }
}

}  // namespace
}  // namespace mm
