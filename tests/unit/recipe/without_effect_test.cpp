// Settings that were given and do nothing are said; those that nobody gave are not.
#include "recipe/without_effect.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "core/files/files.h"
#include "recipe/run_config.h"
#include "tests/unit/core/temp_folder.h"

namespace mm {
namespace {

using Lines = std::vector<std::string>;

Lines notes_of(const std::vector<std::string>& overrides, const std::string& path = "") {
  Lines notes;
  load_run_config(path, overrides, notes);
  return notes;
}

TEST(WithoutEffect, EachReasonHasOneLine) {
  EXPECT_EQ(notes_of({"optim.momentum=0.9", "optim.orthogonalize=joined"}),
            Lines{"optim.momentum, optim.orthogonalize: no effect: optim.type is adamw"});
  EXPECT_EQ(notes_of({"evaluation.every=200", "data.validation_fraction=0"}),
            Lines{"evaluation.every: no effect: nothing is held out to validate on (data.validation, "
                  "data.validation_fraction)"});
  EXPECT_EQ(notes_of({"run.device=cpu", "run.deterministic=false"}),
            Lines{"run.deterministic: no effect: run.device is cpu, which gives the same bytes every time"});
  EXPECT_EQ(notes_of({"train.cuda_graph=true", "model.dropout=0.1"}),
            Lines{"train.cuda_graph: no effect: model.dropout or model.router_jitter draws anew every time"});
  EXPECT_EQ(notes_of({"model.model_type=moe", "run.expert_products=by_expert", "train.cuda_graph=true"}),
            Lines{"train.cuda_graph: no effect: products by_expert wait for the counts of their rows"});
  EXPECT_EQ(notes_of({"run.expert_products=by_expert"}),
            Lines{"run.expert_products: no effect: model.model_type is dense"});
  EXPECT_EQ(notes_of({"model.num_experts=8"}), Lines{"model.num_experts: no effect: model.model_type is dense"});
  EXPECT_EQ(notes_of({"schedule.type=constant", "schedule.min_ratio=0.2"}),
            Lines{"schedule.min_ratio: no effect: schedule.type is constant"});
  EXPECT_EQ(notes_of({"compat.trainer=g4", "data.train=a.jsonl", "schedule.warmup_steps=5", "optim.beta2=0.999",
                      "optim.weight_decay=0.01", "optim.decay=all"}),
            Lines{"schedule.warmup_steps: no effect: a replay has the learning rates of its trainer"});
}

TEST(WithoutEffect, WhatHasOneIsNoNews) {
  EXPECT_EQ(notes_of({"train.cuda_graph=true"}), Lines{});
  EXPECT_EQ(notes_of({"optim.type=muon", "optim.momentum=0.9"}), Lines{});
  EXPECT_EQ(notes_of({"model.model_type=moe", "model.num_experts=8"}), Lines{});
  EXPECT_EQ(notes_of({}), Lines{});
}

TEST(WithoutEffect, NoPresetHasOne) {
  for (const auto& file : std::filesystem::directory_iterator(MM_CONFIGS)) {
    if (file.path().extension() != ".json") continue;
    for (const std::string& note : notes_of({}, file.path().string())) {
      EXPECT_EQ(note.find("no effect"), std::string::npos) << file.path() << ": " << note;
    }
  }
}

TEST(WithoutEffect, AConfigThatSaysEverythingSaysNothingByIt) {
  const TempFolder folder;
  RunConfig config;
  write_file_atomic(folder / "a.json", run_config_text(config));
  EXPECT_EQ(notes_of({}, folder / "a.json"), Lines{});
  EXPECT_EQ(notes_of({"optim.momentum=0.9"}, folder / "a.json").size(), 1u);
}

}  // namespace
}  // namespace mm
