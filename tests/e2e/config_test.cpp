// What pretrain says of a config: the whole message and the exit code for each kind of mistake, and the questions that
// train nothing.
#include <gtest/gtest.h>

#include <filesystem>
#include <regex>
#include <set>
#include <sstream>

#include "workplace.h"

namespace {

constexpr int kConfig = 2, kData = 3, kCheckpoint = 4;

/// `pretrain --config bad.json` with `config` in that file.
void expect_refused(const std::string& config, int exit_code, const std::string& message) {
  const Workplace workplace;
  workplace.write("bad.json", config);
  const Finished program = workplace.pretrain({"--config", "bad.json"});
  EXPECT_EQ(program.exit_code, exit_code);
  EXPECT_EQ(program.err, "error: " + message + "\n");
  EXPECT_EQ(program.out, "");
  EXPECT_FALSE(workplace.exists("output")) << "a refused config left something behind";
}

TEST(Config, AnUnknownKeyNamesTheNearestOne) {
  expect_refused(R"({"optim": {"learning_rat": 0.1}})", kConfig,
                 "bad.json:optim.learning_rat: got an unknown key, want a key of `optim` (did you mean "
                 "`learning_rate`?)");
}

TEST(Config, AWrongTypeIsNotConverted) {
  expect_refused(R"({"train": {"steps": 3.9, "micro_batch": "8"}, "model": {"qk_norm": 1}})", kConfig,
                 "bad.json:model.qk_norm: got 1, want true or false (qk_norm: RMSNorm on each query and key head "
                 "before the rotation)\n"
                 "bad.json:train.steps: got 3.9, want an integer in [1, 1000000000000] steps (500M, 2k), or null "
                 "(steps: length of the run in optimizer steps; null: train.epochs or train.tokens say it, and without "
                 "them it is 1000)\n"
                 "bad.json:train.micro_batch: got \"8\", want an integer in [1, 1048576] sequences (write it without "
                 "quotes)");
}

TEST(Config, ANumberOutOfRangeIsToldTheRange) {
  expect_refused(R"({"train": {"micro_batch": -1}, "model": {"dropout": 1.5}})", kConfig,
                 "bad.json:model.dropout: got 1.5, want a number in [0, 0.95] (dropout: probability, on embedding, "
                 "attention and feed-forward outputs)\n"
                 "bad.json:train.micro_batch: got -1, want an integer in [1, 1048576] sequences (micro_batch: "
                 "sequences in one forward and backward pass)");
}

TEST(Config, ADuplicateKeyIsRefused) {
  expect_refused("{\"train\": {\"steps\": 10,\n\"steps\": 20}}", kConfig,
                 "bad.json:train.steps: got the key twice, want it once (remove one of them)");
}

TEST(Config, TruncatedJsonIsToldWhereItEnds) {
  expect_refused("{\"train\": {\"steps\": 10", kConfig,
                 "bad.json:1:23: got the end of the text, want ',' or '}' (it is cut off inside train)");
}

TEST(Config, HeadsThatDoNotDivideAreToldTheWidth) {
  expect_refused(R"({"model": {"hidden_size": 512, "num_attention_heads": 6, "num_key_value_heads": 4}})", kConfig,
                 "bad.json:model.num_attention_heads: got 6, want a divisor of hidden_size 512 (or set head_dim)\n"
                 "bad.json:model.num_key_value_heads: got 4, want a divisor of num_attention_heads 6 (each key/value "
                 "head serves an equal group of query heads)");
}

TEST(Config, TopKAboveTheNumberOfExpertsIsRefused) {
  expect_refused(R"({"model": {"model_type": "moe", "num_experts": 4, "num_experts_per_tok": 5}})", kConfig,
                 "bad.json:model.num_experts_per_tok: got 5, want at most num_experts 4 (a token cannot be sent to "
                 "more experts than there are)");
}

TEST(Config, AMissingTokenizerSaysHowToGetOne) {
  expect_refused(R"({"data": {"train": ["text.jsonl"]}, "tokenizer": {"path": "none.model"}})", kData,
                 "tokenizer.path: got none.model, which is not there, want a tokenizer (put it there, or set "
                 "tokenizer.train to true to train one from data.train)");
}

TEST(Config, MissingDataIsToldTogetherWithEverythingElseMissing) {
  const std::string rest =
      "which is not there, want a JSONL file with a \"text\" in each line (scripts/get_corpus.sh makes "
      "data/corpus/*.jsonl, with --large data/corpus_large/*.jsonl; or name your own file in data.train)\n";
  expect_refused(R"({"data": {"train": ["a.jsonl", {"path": "b.jsonl", "domain": "poems"}], "validation": ["c.jsonl"]},
                     "tokenizer": {"path": "none.model"}})",
                 kData,
                 "data.train: got a.jsonl, " + rest + "data.train: got b.jsonl, " + rest +
                     "data.validation: got c.jsonl, " + rest +
                     "tokenizer.path: got none.model, which is not there, want a tokenizer (put it there, or set "
                     "tokenizer.train to true to train one from data.train)");
}

TEST(Config, CheckTellsMissingTextTokenizerAndWeightsInOneAnswer) {
  const Workplace workplace;
  const Finished program = workplace.pretrain(
      {"--check", "--set", "data.train=a.jsonl", "--set", "tokenizer.path=none.model", "--init", "none.pth"});
  EXPECT_EQ(program.exit_code, kData);
  EXPECT_NE(program.err.find("data.train: got a.jsonl, which is not there"), std::string::npos) << program.err;
  EXPECT_NE(program.err.find("\ntokenizer.path: got none.model, which is not there"), std::string::npos);
  EXPECT_NE(program.err.find("\ninit.from: got none.pth, and there is nothing at "), std::string::npos);
  EXPECT_NE(program.err.find("train from scratch with --from-scratch, or put the file there"), std::string::npos);
}

TEST(Config, CheckTellsTextAndTimeAndWritesNothing) {
  const Workplace workplace;
  ASSERT_EQ(workplace.pretrain({"--config", "moe.json", "--set", "train.steps=2"}).exit_code, 0);
  const auto files = [&] {
    std::set<std::string> names;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(workplace.folder())) {
      names.insert(entry.path().string());
    }
    return names;
  };
  const auto before = files();
  const Finished program =
      workplace.pretrain({"--config", "moe.json", "--set", "run.name=other", "--set", "train.epochs=2", "--check"});
  EXPECT_EQ(program.exit_code, 0) << program.err;
  for (const char* line :
       {"\nexports     ", "about 2.0", "\nexperts     about ", "\nmemory      about ", "\ntime        about "}) {
    EXPECT_NE(program.out.find(line), std::string::npos) << line << " in " << program.out;
  }
  EXPECT_EQ(files(), before);
}

TEST(Config, CheckForecastsTheMemoryThatARunThenTakes) {
  const Workplace workplace;
  const Words run =
      train("moe", "a", {"train.steps=2", "train.micro_batch=64", "data.sequence_length=64", "model.hidden_size=256"});
  ASSERT_EQ(workplace.pretrain(run).exit_code, 0);  // trains the tokenizer
  std::filesystem::remove_all(workplace / "output/a");
  Words check = run;
  check.push_back("--check");
  const std::string said = workplace.pretrain(check).out;
  const size_t place = said.find("\nmemory      about ");
  ASSERT_NE(place, std::string::npos) << said;
  std::istringstream words(said.substr(place + 19));
  double amount = 0;
  std::string unit;
  words >> amount >> unit;
  ASSERT_EQ(unit.substr(0, 3), "MiB") << said;
  const double measured = workplace.pretrain(run).peak_memory / (1 << 20);
  EXPECT_NEAR(amount, measured, 0.08 * measured);
}

TEST(Config, ALengthInEpochsOrTokensTrainsWhatItSays) {
  const Workplace workplace;
  const auto last_lines = [&](const std::string& name, const std::string& length) {
    const Finished program = workplace.pretrain({"--config", "dense.json", "--set", "run.name=" + name, "--set", length,
                                                 "--set", "evaluation.every=0", "--set", "sample.every=0"});
    EXPECT_EQ(program.exit_code, 0) << program.err;
    return program.out;
  };
  EXPECT_NE(last_lines("tokens", "train.tokens=1.5k").find("finished  at step 6,"), std::string::npos);
  const std::string epochs = last_lines("epochs", "train.epochs=0.5");
  EXPECT_NE(epochs.find(" steps are 0.5"), std::string::npos) << epochs;
  // The same command goes on to the same step, and has nothing left to do.
  EXPECT_NE(last_lines("epochs", "train.epochs=0.5").find(" already; raise train.epochs to go on"), std::string::npos);
  // A longer one goes on, at another learning rate.
  const Finished longer =
      workplace.pretrain({"--config", "dense.json", "--set", "run.name=tokens", "--set", "train.tokens=4k"});
  EXPECT_EQ(longer.exit_code, 0) << longer.err;
  EXPECT_NE(longer.err.find("the learning rate goes from "), std::string::npos) << longer.err;
}

TEST(Config, AnEpochIsEverySequenceOnceHoweverTextIsPacked) {
  const Workplace workplace;
  const auto said = [&](const std::string& name, const Words& settings) {
    Words all = settings;
    all.insert(all.end(), {"train.epochs=2", "evaluation.every=0", "sample.every=0", "checkpoint.every=0"});
    const Finished program = workplace.pretrain(train("dense", name, all));
    EXPECT_EQ(program.exit_code, 0) << program.err;
    return program.out;
  };
  for (const char* packing : {"stream", "documents", "padded"}) {
    const std::string out = said(packing, {std::string("data.packing=") + packing});
    std::smatch words;
    ASSERT_TRUE(std::regex_search(out, words, std::regex(R"(([\d,]+) sequences of \d+; (\d+) steps are 2\.0)"))) << out;
    const double sequences = std::stod(std::regex_replace(words.str(1), std::regex(","), ""));
    EXPECT_NEAR(std::stod(words.str(2)), 2 * sequences / 8, 1) << out;  // a step has 4 x 2 of them
  }
  const std::string replay = said("replay", {"compat.trainer=g2", "train.accumulation=1"});
  std::smatch rows;
  ASSERT_TRUE(std::regex_search(replay, rows, std::regex(R"(finished  at step (\d+),)"))) << replay;
  EXPECT_EQ(std::stoi(rows.str(1)), 2 * 75);  // 300 rows, 4 at a time
}

TEST(Config, AFileThatCannotBeReadIsRefused) {
  const Workplace workplace;
  const Finished missing = workplace.pretrain({"--config", "missing.json"});
  EXPECT_EQ(missing.exit_code, kConfig);
  EXPECT_EQ(missing.err, "error: missing.json: got no such file, want a file (check the path)\n");
  std::filesystem::create_directory(workplace / "folder.json");
  const Finished folder = workplace.pretrain({"--config", "folder.json"});
  EXPECT_EQ(folder.exit_code, kConfig);
  EXPECT_EQ(folder.err, "error: folder.json: got a folder, want a file (name a file in it)\n");
}

TEST(Config, DataThatIsNotJsonlIsToldTheLine) {
  const Workplace workplace;
  workplace.write("text.jsonl", "{\"text\": \"fine\"}\n{\"txt\": \"not\"}\n");
  const Finished program = workplace.pretrain(train("dense", "a"));
  EXPECT_EQ(program.exit_code, kData);
  EXPECT_EQ(program.err,
            "error: text.jsonl:2: got no \"text\", want a line such as {\"text\": \"...\"} (1 of 2 records is bad; "
            "data.bad_lines=skip passes over it)\n");
}

TEST(Config, AllProblemsOfAFileAreToldAtOnce) {
  expect_refused(R"({
  "trian": {},
  "model": {"hidden_size": "wide", "num_experts": 4, "num_experts_per_tok": 8, "model_type": "moe"},
  "optim": {"learning_rate": -1},
  "run": {"device": "gpu"}
})",
                 kConfig,
                 "bad.json:model.hidden_size: got \"wide\", want an integer in [8, 65536] features (hidden_size: width "
                 "of the residual stream)\n"
                 "bad.json:optim.learning_rate: got -1, want a number in [0, 10] (learning_rate: peak learning "
                 "rate)\n"
                 "bad.json:trian: got an unknown key, want a section (did you mean `train`?)\n"
                 "bad.json:model.num_experts_per_tok: got 8, want at most num_experts 4 (a token cannot be sent to "
                 "more experts than there are)\n"
                 "bad.json:run.device: got \"gpu\", want auto, cpu, cuda or cuda:N");
}

TEST(Config, MissingFirstWeightsNameThePlaceAndBothWaysOut) {
  const Workplace workplace;
  const Finished program = workplace.pretrain(train("dense", "a", {"init.from=pretrain_512_moe.safetensors"}));
  EXPECT_EQ(program.exit_code, kCheckpoint);
  EXPECT_EQ(program.err, "error: init.from: got pretrain_512_moe.safetensors, and there is nothing at " +
                             std::filesystem::canonical(workplace.folder()).string() +
                             "/pretrain_512_moe.safetensors, want weights (train from scratch with --from-scratch, or "
                             "put the file there)\n");
  EXPECT_FALSE(workplace.exists("output"));
}

TEST(Config, AFolderThatCannotBeMadeIsAnErrorOfTheStorage) {
  const Workplace workplace;
  workplace.write("output", "a file");
  const Finished program = workplace.pretrain(train("dense", "a"));
  EXPECT_EQ(program.exit_code, 7);
  EXPECT_EQ(program.err, "error: output/a: got Not a directory, want a folder to write to\n");
}

/// Runs pretrain in an empty folder, which must stay empty.
Finished ask(const Words& arguments) {
  const TempFolder folder;
  const std::string empty = folder / "empty";
  std::filesystem::create_directory(empty);
  const Finished program = run_program(MM_PRETRAIN, arguments, empty);
  EXPECT_TRUE(std::filesystem::is_empty(empty)) << "something was written";
  return program;
}

TEST(Config, CheckTellsTheSizeOfAPresetAndTouchesNoData) {
  const Finished program = ask({"--config", MM_CONFIGS "/minimind2_small_512.json", "--check"});
  EXPECT_EQ(program.exit_code, kData) << "neither text nor tokenizer are there: " << program.err;
  EXPECT_NE(program.out.find("parameters  25,829,888 total, 25,829,888 active per token\n"), std::string::npos)
      << program.out;
}

TEST(Config, DescribeAndVersionNeedNoConfig) {
  const Finished description = ask({"--describe"});
  EXPECT_EQ(description.exit_code, 0);
  for (const char* key : {"run.name", "data.train", "tokenizer.path", "model.num_experts", "train.stop_after",
                          "optim.learning_rate", "schedule.type", "evaluation.every", "sample.prompts",
                          "metrics.experts_every", "checkpoint.keep", "init.from"}) {
    EXPECT_NE(description.out.find("\n  " + std::string(key) + " "), std::string::npos) << key;
  }
  const Finished version = ask({"--version"});
  EXPECT_EQ(version.exit_code, 0);
  EXPECT_TRUE(version.out.starts_with("minimind.cpp ")) << version.out;
}

TEST(Config, WrongUsageIsAnErrorOfTheUser) {
  const Finished unknown = ask({"--frobnicate"});
  EXPECT_EQ(unknown.exit_code, kConfig);
  EXPECT_NE(unknown.err.find("--frobnicate"), std::string::npos) << unknown.err;
  const Finished nothing = ask({});
  EXPECT_EQ(nothing.exit_code, kConfig);
  EXPECT_EQ(nothing.err,
            "error: pretrain: got no --config, want a JSON config (configs/quickstart.json is one; --help tells "
            "more)\n");
}

TEST(Config, AValueThatIsEmptyIsNoValue) {
  const Workplace workplace;
  const Finished program = workplace.pretrain({"--config", "dense.json", "--init", ""});
  EXPECT_EQ(program.exit_code, 2);
  EXPECT_NE(program.err.find("--init: got nothing, want a value (is a variable not set?)"), std::string::npos)
      << program.err;
  EXPECT_FALSE(workplace.exists("output"));
}

TEST(Config, AGpuThatIsNotThereHasItsOwnExitCode) {
  const Workplace workplace;
  const Finished program = workplace.pretrain({"--config", "dense.json", "--device", "cuda:999"});
  EXPECT_EQ(program.exit_code, 8);
  EXPECT_NE(program.err.find("run.device: got cuda:999 with "), std::string::npos) << program.err;
}

TEST(Config, WhatIsSetForAGpuIsSaidToDoNothingWithoutOne) {
  const Workplace workplace;
  const Words settings = {"run.device=auto",       "run.deterministic=false", "run.expert_products=tensor_cores",
                          "train.cuda_graph=true", "train.precision=bf16",    "train.steps=1",
                          "model.dropout=0"};
  const Finished program =
      run_program(MM_PRETRAIN, train("moe", "idle", settings), workplace.folder(), {"CUDA_VISIBLE_DEVICES="});
  EXPECT_EQ(program.exit_code, 0) << program.err;
  for (const char* key : {"run.deterministic", "run.expert_products", "train.cuda_graph"}) {
    expect_contains(program.err, std::string("warning: ") + key + ": no effect: there is no GPU\n");
  }
}

}  // namespace
