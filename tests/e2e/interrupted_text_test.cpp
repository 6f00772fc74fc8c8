// Text that is tokenized behind a run, and text that is another one: the same bytes, or a word.
#include <gtest/gtest.h>

#include <csignal>
#include <deque>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "core/text.h"
#include "workplace.h"

namespace {

namespace fs = std::filesystem;

Words names_in(const std::string& folder) {
  Words names;
  for (const auto& entry : fs::directory_iterator(folder)) names.push_back(entry.path().filename());
  return names;
}

/// Removes what was tokenized; returns where it was.
std::string remove_store(const Workplace& workplace) {
  for (const auto& entry : fs::directory_iterator(workplace.folder())) {
    if (entry.path().extension() != ".tokens") continue;
    fs::remove_all(entry.path());
    return entry.path();
  }
  ADD_FAILURE() << "no store";
  return "";
}

TEST(InterruptedText, ThatIsTokenizedBehindTheTrainingChangesNoByteOfIt) {
  const Workplace workplace;
  std::string lines;
  for (int i = 0; i < 4000; ++i) {
    lines += mm::format("{\"text\": \"%d is a number that %s\"}\n", i,
                        std::string(1000, static_cast<char>('a' + i % 26)).c_str());
  }
  workplace.write("text.jsonl", lines);
  const Words settings = {"data.shuffle_megabytes=1"};
  finish(workplace, "cold", settings);
  finish(workplace, "warm", settings);
  EXPECT_EQ(differences(workplace, "cold", "warm", 20), Words());
  expect_contains(workplace.read("output/warm/data.json"), "\"documents\": 4000,");
  EXPECT_EQ(workplace.read("output/warm/data.json"), workplace.read("output/cold/data.json"));

  const std::string store = remove_store(workplace);
  for (size_t parts = 1; parts < 5; ++parts) {
    Program program = workplace.start(train("dense", "killed", settings));
    program.wait_until([&] { return fs::exists(store) && names_in(store).size() > 2 * parts; });
    program.send(SIGKILL);
    program.wait();
  }
  finish(workplace, "killed", settings);
  EXPECT_EQ(differences(workplace, "killed", "warm", 20), Words());
  for (const std::string& name : names_in(store)) {
    EXPECT_TRUE(name == ".lock" || name.ends_with(".part")) << name;
  }
}

TEST(InterruptedText, IsTokenizedByOneOfFourProcessesThatWantItAtOnce) {
  const Workplace workplace;
  std::string lines;
  for (int i = 0; i < 20000; ++i) lines += mm::format("{\"text\": \"%d %s\"}\n", i, std::string(1000, 'x').c_str());
  ASSERT_EQ(workplace.pretrain(train("dense", "first", {"train.steps=1"})).exit_code, 0) << "trains the tokenizer";
  workplace.write("long.jsonl", lines);
  const Words runs = {"one", "two", "three", "four"};
  std::deque<Program> programs;
  for (const std::string& run : runs) {
    const Words words = train("dense", run, {"data.train=long.jsonl", "train.steps=1"});
    programs.emplace_back(MM_PRETRAIN, words, workplace.folder());
  }
  for (Program& program : programs) EXPECT_EQ(program.wait().exit_code, 0);
  int64_t builders = 0;
  for (const std::string& run : runs) {
    builders += workplace.read("output/" + run + "/train.log").find("tokenized long.jsonl") != std::string::npos;
  }
  EXPECT_EQ(builders, 1);
}

TEST(InterruptedText, ThatIsAnotherOneIsNoticedWhereverItDiffers) {
  const Workplace workplace;
  std::string lines;
  for (int i = 0; i < 4000; ++i) lines += mm::format("{\"text\": \"%d %s\"}\n", i, std::string(1000, 'x').c_str());
  workplace.write("text.jsonl", lines);
  finish(workplace, "a", {"data.shuffle_megabytes=1"});
  const Words more = {"data.shuffle_megabytes=1", "train.steps=4000"};
  const std::string refusal = "data.train: got other text or tokens than output/a";

  workplace.write("text.jsonl", lines + "{\"text\": \"one more\"}\n");
  const Finished longer = workplace.pretrain(train("dense", "a", more));
  EXPECT_EQ(longer.exit_code, 3) << longer.out;
  expect_contains(longer.err, refusal);

  // Between two of the blocks that a start looks at.
  std::string other = lines;
  other[50'000] = 'y';
  workplace.write("text.jsonl", other);
  const Finished changed = workplace.pretrain(train("dense", "a", more));
  EXPECT_EQ(changed.exit_code, 3) << changed.out;
  expect_contains(changed.err, refusal);
  EXPECT_TRUE(workplace.exists("output/a/checkpoints/step_00000020"));
  for (const std::string& name : names_in(workplace / "output/a/checkpoints")) {
    EXPECT_TRUE(name == "best" || name <= "step_00000020") << name << ": what another text made of it is not saved";
  }
}

TEST(InterruptedText, WithABadLineFarBehindEndsTheRunWithAllItsStepsSaved) {
  const Workplace workplace;
  std::string lines;
  for (int i = 0; i < 24000; ++i) lines += mm::format("{\"text\": \"%d %s\"}\n", i, std::string(1000, 'x').c_str());
  ASSERT_EQ(workplace.pretrain(train("dense", "first", {"train.steps=1"})).exit_code, 0) << "trains the tokenizer";
  workplace.write("long.jsonl", lines + "{}\n");
  const Words settings = {"data.train=long.jsonl", "data.shuffle_megabytes=1", "run.threads=1",
                          "sample.every=0",        "checkpoint.every=100000",  "evaluation.every=0",
                          "schedule.type=constant"};
  const auto with = [&](const Words& more) {
    Words all = settings;
    all.insert(all.end(), more.begin(), more.end());
    return all;
  };
  const Finished ended = workplace.pretrain(train("dense", "parts", with({"train.steps=100000"})));
  EXPECT_EQ(ended.exit_code, 3) << ended.out;
  expect_contains(ended.err, "long.jsonl:24001: got no \"text\"");
  const Words saved = names_in(workplace / "output/parts/checkpoints");
  ASSERT_EQ(saved.size(), 1U);
  const int64_t step = std::stoll(saved[0].substr(std::string("step_").size()));
  expect_contains(ended.out, mm::format("failed    at step %lld", static_cast<long long>(step)));

  const std::string steps = mm::format("train.steps=%lld", static_cast<long long>(step + 5));
  for (const char* run : {"parts", "whole"}) {
    const Finished skipping = workplace.pretrain(train("dense", run, with({"data.bad_lines=skip", steps})));
    EXPECT_EQ(skipping.exit_code, 0) << skipping.err;
  }
  EXPECT_EQ(differences(workplace, "whole", "parts", static_cast<int>(step) + 5), Words());
}

}  // namespace
