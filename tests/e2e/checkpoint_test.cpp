// Weights in and out through the programs: started from, evaluated, converted, continued; and what is said when it
// cannot be.
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <regex>

#include "workplace.h"

namespace {

constexpr int kConfig = 2, kData = 3, kCheckpoint = 4;
const std::string kGolden = MM_GOLDEN_DATA "/checkpoints/";

/// A short run of the dense or MoE config named `run`.
void train_run(const Workplace& workplace, const std::string& config, const std::string& run) {
  const Finished program =
      workplace.pretrain(train(config, run, {"train.steps=5", "evaluation.every=0", "sample.every=0"}));
  ASSERT_EQ(program.exit_code, 0) << program.err;
}

nlohmann::json answers(const Workplace& workplace, Words arguments) {
  workplace.write("in.json", R"({"tokens": [[5, 6, 7, 8, 9, 10]], "positions": [[0, 2], [0, 5]]})");
  arguments.insert(arguments.end(), {"--tokens", "in.json", "--logits", "out.json"});
  const Finished program = workplace.evaluate(arguments);
  EXPECT_EQ(program.exit_code, 0) << program.err;
  return program.exit_code == 0 ? nlohmann::json::parse(workplace.read("out.json")) : nlohmann::json();
}

void expect_error(const Finished& program, int exit_code, const std::string& part) {
  EXPECT_EQ(program.exit_code, exit_code);
  EXPECT_NE(program.err.find(part), std::string::npos) << program.err;
}

TEST(Checkpoints, EverySaveWritesAPthThatStartsAnotherRunWithoutAWordAboutTheModel) {
  for (const std::string config : {"dense", "moe"}) {
    const Workplace workplace;
    train_run(workplace, config, "a");
    const std::string pth = config == "moe" ? "output/a/pretrain_32_moe.pth" : "output/a/pretrain_32.pth";
    ASSERT_TRUE(workplace.exists(pth));
    workplace.write("bare.json", R"({"run": {"device": "cpu", "threads": 1, "name": "b"},
      "data": {"train": ["text.jsonl"], "sequence_length": 32}, "tokenizer": {"path": "tokenizer/tokenizer.json"},
      "train": {"steps": 2}, "evaluation": {"every": 0}})");
    const Words arguments = {"--config", "bare.json", "--init", pth};
    const Finished first = workplace.pretrain(arguments);
    EXPECT_EQ(first.exit_code, 0) << first.err;
    EXPECT_NE(first.out.find("weights   from " + pth), std::string::npos) << first.out;

    // What the run started from may be gone when it goes on.
    std::filesystem::remove_all(workplace / "output/a");
    Words more = arguments;
    more.insert(more.end(), {"--set", "train.steps=3"});
    const Finished second = workplace.pretrain(more);
    EXPECT_EQ(second.exit_code, 0) << second.err;
    EXPECT_NE(second.out.find("resumed"), std::string::npos) << second.out;
  }
}

TEST(Checkpoints, AnAverageOfTheWeightsIsAFileThatOpensWhereverWeightsDo) {
  const Workplace workplace;
  const Words settings = {"average.decay=0.9", "average.from=0.2", "train.steps=10", "sample.every=0"};
  const Finished run = workplace.pretrain(train("moe", "a", settings));
  ASSERT_EQ(run.exit_code, 0) << run.err;
  EXPECT_NE(run.out.find("; averaged weights: loss "), std::string::npos) << run.out;
  const std::string file = "output/a/checkpoints/step_00000010/average.safetensors";
  ASSERT_TRUE(workplace.exists(file));

  const Finished convert = workplace.convert({"output/a", "weights.safetensors"});
  EXPECT_EQ(convert.exit_code, 0) << convert.err;
  EXPECT_NE(convert.out.find("; their average is in output/a/checkpoints/step_"), std::string::npos) << convert.out;
  const Finished average = workplace.convert({file, "averaged.safetensors"});
  EXPECT_EQ(average.exit_code, 0) << average.err;
  const auto of_file = answers(workplace, {"--init", file}),
             of_export = answers(workplace, {"--init", "averaged.safetensors"}),
             of_weights = answers(workplace, {"--init", "weights.safetensors"});
  EXPECT_EQ(of_file.at("logits"), of_export.at("logits"));
  EXPECT_NE(of_file.at("logits"), of_weights.at("logits"));

  std::string damaged = workplace.read(file);
  damaged[damaged.size() - 5] = static_cast<char>(damaged[damaged.size() - 5] ^ 1);
  workplace.write(file, damaged);
  expect_error(workplace.evaluate({"--init", file, "--tokens", "in.json", "--logits", "out.json"}), kCheckpoint,
               "average.safetensors: got ");
  const Finished resumed = workplace.pretrain(train("moe", "a", {"average.decay=0.9", "train.steps=12"}));
  EXPECT_EQ(resumed.exit_code, 0) << resumed.err;
  EXPECT_NE(resumed.out.find("resumed   from output/a/checkpoints/step_00000005"), std::string::npos) << resumed.out;
}

TEST(Checkpoints, ThePthOfARunCanBeTurnedOff) {
  const Workplace workplace;
  const Words settings = {"train.steps=1", "checkpoint.pth=off", "sample.every=0", "evaluation.every=0"};
  ASSERT_EQ(workplace.pretrain(train("dense", "a", settings)).exit_code, 0);
  EXPECT_FALSE(workplace.exists("output/a/pretrain_32.pth"));
  expect_error(workplace.pretrain(train("dense", "b", {"checkpoint.pth=g4"})), kConfig,
               "checkpoint.pth: got g4, which cannot hold this model: it needs a norm on queries and keys");
}

TEST(Checkpoints, ARunSaysWhereItsModelCanGoAndOnceWhyNoPthIsWritten) {
  const Workplace workplace;
  const Words settings = {"model.qk_norm=true", "train.steps=10", "sample.every=0"};
  const Finished program = workplace.pretrain(train("moe", "a", settings));
  ASSERT_EQ(program.exit_code, 0) << program.err;
  const std::string exports =
      "exports   Hugging Face as Qwen3NextForCausalLM, GGUF as glm4moe; no MiniMind .pth: g4 is nearest, but it has no "
      "shared experts (model.n_shared_experts)\n";
  EXPECT_LT(program.out.find(exports), program.out.find("step ")) << program.out;
  const std::string reason =
      "no pretrain_*.pth goes with the checkpoints: g4 is nearest, but it has no shared experts "
      "(model.n_shared_experts)\n";
  const size_t first = program.out.find(reason);
  EXPECT_NE(first, std::string::npos) << program.out;
  EXPECT_EQ(program.out.find(reason, first + 1), std::string::npos) << "two saves, one word";
}

TEST(Checkpoints, WhatConvertWritesFindsItsTokenizer) {
  const Workplace workplace;
  train_run(workplace, "moe", "a");
  const auto text = [&](const std::string& weights, const Words& more = {}) {
    Words arguments = {"--init", weights, "--prompt", "river", "--temperature", "0", "--max-new-tokens", "8"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const Finished program = workplace.generate(arguments);
    EXPECT_EQ(program.exit_code, 0) << weights << ": " << program.err;
    return program.out;
  };
  const std::string own = text("output/a");
  for (const std::string output : {"elsewhere/x.safetensors", "elsewhere/x.pth", "elsewhere/hf"}) {
    ASSERT_EQ(workplace.convert({"output/a", output}).exit_code, 0) << output;
    const bool pth = output.ends_with(".pth");
    EXPECT_EQ(text(output, pth ? Words{"--set", "model.num_attention_heads=4"} : Words{}), own) << output;
  }
  EXPECT_EQ(workplace.convert({"output/a", "elsewhere/x.gguf"}).exit_code, 0);
  EXPECT_EQ(workplace.read("elsewhere/x.gguf").substr(0, 4), "GGUF");
}

TEST(Checkpoints, AConvertedModelAnswersAsTheRunDoes) {
  const Workplace workplace;
  train_run(workplace, "moe", "a");
  const nlohmann::json want = answers(workplace, {"--init", "output/a"});
  ASSERT_TRUE(want.is_object());
  ASSERT_EQ(workplace.convert({"output/a", "a.safetensors"}).exit_code, 0);
  EXPECT_EQ(answers(workplace, {"--init", "a.safetensors"}), want);
  ASSERT_EQ(workplace.convert({"a.safetensors", "a.pth"}).exit_code, 0);
  EXPECT_EQ(
      answers(workplace, {"--init", "a.pth", "--set", "model.num_attention_heads=4", "--set", "model.aux_loss=token"}),
      want);
  expect_error(workplace.convert({"output/a", "hf", "--to", "hf", "--set", "model.force_uniform_routing=true"}),
               kCheckpoint, "experts taken in turn (model.force_uniform_routing)");
  expect_error(workplace.convert({"output/a", "a.pth", "--to", "g7"}), kConfig, "--to: got \"g7\", want one of");
}

TEST(Checkpoints, AFolderOfWeightsBringsItsTokenizer) {
  const Workplace workplace;
  ASSERT_EQ(workplace.pretrain(train("moe", "a", {"train.steps=1"})).exit_code, 0);
  ASSERT_EQ(workplace.convert({"output/a", "theirs", "--to", "hf"}).exit_code, 0);
  // The config's own tokenizer is another one, and the weights know nothing of it.
  ASSERT_EQ(
      workplace
          .pretrain(train("dense", "b", {"train.steps=1", "model.vocab_size=300", "tokenizer.path=own/tokenizer.json"}))
          .exit_code,
      0);
  Words run = train("moe", "c", {"train.steps=1"});
  workplace.write("own.json", std::regex_replace(workplace.read("moe.json"), std::regex("tokenizer/tokenizer.json"),
                                                 "own/tokenizer.json"));
  run[1] = "own.json";
  run.insert(run.end(), {"--init", "theirs"});
  const Finished program = workplace.pretrain(run);
  EXPECT_EQ(program.exit_code, 0) << program.err;
  const std::string taken = workplace / "theirs/tokenizer.json";
  EXPECT_NE(
      program.err.find("tokenizer.path: got own/tokenizer.json, want " + taken +
                       ", which belongs to theirs (that is taken; --set tokenizer.path=own/tokenizer.json insists)"),
      std::string::npos)
      << program.err;
  EXPECT_NE(workplace.read("output/c/config.json").find("\"path\": \"" + taken + "\""), std::string::npos);
}

TEST(Checkpoints, EvaluateTellsTheLossOnText) {
  const Workplace workplace;
  train_run(workplace, "dense", "a");
  const Finished run = workplace.evaluate({"--init", "output/a", "--data", "text.jsonl"});
  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_NE(run.out.find("perplexity  bits/byte"), std::string::npos) << run.out;
  EXPECT_NE(run.out.find("text.jsonl\n"), std::string::npos) << run.out;
  expect_error(workplace.evaluate({"--init", kGolden + "g4b_dense_dict_fp16.pth", "--data", "text.jsonl"}), kData,
               "--tokenizer: got nothing");
  expect_error(workplace.evaluate({"--init", "output/a"}), kConfig, "neither --data nor --tokens");
}

TEST(Checkpoints, MissingWeightsNameBothWaysOut) {
  const Workplace workplace;
  Words arguments = train("dense", "a", {"init.from=output/pretrain_moe/pretrain_512_moe.pth", "train.steps=1"});
  const Finished missing = workplace.pretrain(arguments);
  expect_error(missing, kCheckpoint, "init.from: got output/pretrain_moe/pretrain_512_moe.pth");
  expect_error(missing, kCheckpoint, "train from scratch with --from-scratch, or put the file there");
  arguments.push_back("--from-scratch");
  EXPECT_EQ(workplace.pretrain(arguments).exit_code, 0);
}

TEST(Checkpoints, ASettingAgainstTheFileIsAnErrorOfTheCheckpoint) {
  const Workplace workplace;
  workplace.write("in.json", R"({"tokens": [[1, 2]]})");
  expect_error(workplace.evaluate({"--init", kGolden + "g4b_dense_dict_fp16.pth", "--set", "model.hidden_size=128",
                                   "--tokens", "in.json", "--logits", "out.json"}),
               kCheckpoint, "g4b_dense_dict_fp16.pth:model.hidden_size: got 128 in --set, want 64");
  EXPECT_FALSE(workplace.exists("out.json"));
}

TEST(Checkpoints, QuestionsInAnotherFormAreRefusedByTheirPlace) {
  const Workplace workplace;
  const auto refused = [&](const std::string& question, const std::string& part) {
    workplace.write("in.json", question);
    expect_error(workplace.evaluate(
                     {"--init", kGolden + "g4b_dense_dict_fp16.pth", "--tokens", "in.json", "--logits", "out.json"}),
                 kData, part);
  };
  refused("{", "in.json: got no \"tokens\"");
  refused(R"({"tokens": [[1, 2], [3]]})", "in.json:tokens[1]: got a row of another length, want 2 ids");
  refused(R"({"tokens": [[1, 320]]})", "in.json:tokens[0]: got 320, want a whole number from 0 to 319");
  refused(R"({"tokens": [[1, 2]], "positions": [[0, 2]]})", "in.json:positions[0]: got 2, want a whole number from 0");
}

TEST(Checkpoints, UpcyclingMakesExpertsThatAnswerAsTheDenseModel) {
  const Workplace workplace;
  const std::string dense = kGolden + "g4b_dense_dict_fp32.pth";
  ASSERT_EQ(workplace.convert({dense, "moe.safetensors", "--upcycle", "experts=4,top_k=2"}).exit_code, 0);
  const nlohmann::json want = answers(workplace, {"--init", dense});
  const nlohmann::json got = answers(workplace, {"--init", "moe.safetensors"});
  ASSERT_TRUE(want.is_object() && got.is_object());
  for (size_t row = 0; row < 2; ++row) {
    for (size_t id = 0; id < want["logits"][row].size(); ++id) {
      EXPECT_NEAR(got["logits"][row][id].get<double>(), want["logits"][row][id].get<double>(), 5e-6);
    }
  }
  expect_error(workplace.convert({"moe.safetensors", "again.safetensors", "--upcycle", "experts=2"}), kConfig,
               "--upcycle: got a model that has experts already, want a dense model");
}

}  // namespace
