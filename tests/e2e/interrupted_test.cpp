// Whatever a run meets when it starts, it neither loses what is there nor takes it for something else.
#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>

#include "core/text.h"
#include "tests/support/newer_manifest.h"
#include "workplace.h"

namespace {

namespace fs = std::filesystem;

constexpr int kStopped = 75;

std::string checkpoint(const std::string& run, int step) {
  return mm::format("output/%s/checkpoints/step_%08d", run.c_str(), step);
}

TEST(Interrupted, ARunFromWeightsThatDiedInItsFirstSaveStartsAgain) {
  const Workplace workplace;
  finish(workplace, "source");
  const Words settings = {"init.from=output/source/checkpoints/step_00000020/model.safetensors"};
  finish(workplace, "whole", settings);

  // What a kill in the first save leaves: the folders, the config, and a checkpoint without its name.
  fs::create_directories(workplace / "output/parts/checkpoints/step_00000005.tmp-999999999");
  fs::copy_file(workplace / "output/whole/config.json", workplace / "output/parts/config.json");
  const Finished again = workplace.pretrain(train("dense", "parts", settings));
  EXPECT_EQ(again.exit_code, 0) << again.err;
  expect_contains(again.out, "weights   from output/source");
  EXPECT_EQ(differences(workplace, "whole", "parts", 20), Words());
}

/// `spoil` is done to the checkpoints of a run that has ended; the next call must refuse and touch nothing.
void expect_not_taken_for_fresh(const std::function<void(const std::string& checkpoints)>& spoil,
                                const std::string& message) {
  const Workplace workplace;
  finish(workplace, "a");
  const std::string metrics = workplace.read("output/a/metrics.jsonl");
  spoil(workplace / "output/a/checkpoints");
  const Finished again = workplace.pretrain(train("dense", "a"));
  EXPECT_EQ(again.exit_code, 4) << again.err;
  expect_contains(again.err, message);
  EXPECT_EQ(workplace.read("output/a/metrics.jsonl"), metrics);
}

TEST(Interrupted, CheckpointsThatCannotBeReadAreNotAbsent) {
  expect_not_taken_for_fresh(
      [](const std::string& checkpoints) {
        fs::rename(checkpoints, checkpoints + "_elsewhere");
        fs::create_directory_symlink("not_mounted", checkpoints);
      },
      "output/a/checkpoints: got \"No such file or directory\", want the folder of this run's checkpoints (make it "
      "readable or mount what it links to; to start from nothing, move it away)");
  expect_not_taken_for_fresh(
      [](const std::string& checkpoints) {
        fs::remove_all(checkpoints);
        fs::copy_file(fs::path(checkpoints).parent_path() / "config.json", checkpoints);
      },
      "output/a/checkpoints: got \"Not a directory\"");
  expect_not_taken_for_fresh(
      [](const std::string& checkpoints) {
        for (const auto& entry : fs::directory_iterator(checkpoints)) fs::remove(entry.path() / "manifest.json");
      },
      "output/a/checkpoints: got no checkpoint that is whole, want at least one");
}

TEST(Interrupted, ACheckpointOfANewerFormatIsLeftAlone) {
  const Workplace workplace;
  finish(workplace, "a");
  const std::string manifest = checkpoint("a", 20) + "/manifest.json";
  workplace.write(manifest, mm::with_format(workplace.read(manifest), 2));
  const Finished again = workplace.pretrain(train("dense", "a", {"train.steps=22"}));
  EXPECT_EQ(again.exit_code, 4);
  expect_contains(again.err,
                  "manifest.json:format: got 2, want 1 (use the version of the program that wrote it; nothing "
                  "was changed)");
  EXPECT_TRUE(workplace.exists(manifest));
}

TEST(Interrupted, WhatHangsOnTheNewestCheckpointIsMadeTrueAtStart) {
  const Workplace workplace;
  finish(workplace, "a");
  const std::string pth = workplace.read("output/a/pretrain_32.pth");
  const auto best = fs::read_symlink(workplace / "output/a/checkpoints/best");

  // Killed behind the rename of the last checkpoint.
  workplace.write("output/a/pretrain_32.pth", "the weights of an older step");
  workplace.write("output/a/config.json.tmp.999999999.0", "left by a process that is gone");
  fs::remove(workplace / "output/a/checkpoints/best");
  fs::remove(workplace / "output/a/report.html");
  finish(workplace, "a");
  EXPECT_EQ(workplace.read("output/a/pretrain_32.pth"), pth);
  EXPECT_EQ(fs::read_symlink(workplace / "output/a/checkpoints/best"), best);
  EXPECT_TRUE(workplace.exists("output/a/report.html"));
  EXPECT_FALSE(workplace.exists("output/a/config.json.tmp.999999999.0"));
}

TEST(Interrupted, ADeletedConfigDoesNotMakeItAnotherRun) {
  const Workplace workplace;
  finish(workplace, "a");
  fs::remove(workplace / "output/a/config.json");
  const Finished again =
      workplace.pretrain(train("dense", "a", {"train.steps=22", "run.seed=7", "model.rope_theta=500"}));
  EXPECT_EQ(again.exit_code, 2);
  expect_contains(again.err, "config.json:run.seed: got a change 42 -> 7");
  expect_contains(again.err, "config.json:model.rope_theta: got a change");
  finish(workplace, "a", {"train.steps=22"});
}

TEST(Interrupted, TheSameTextInAnotherPlaceIsTheSameText) {
  const Workplace workplace;
  finish(workplace, "a");
  fs::create_directory(workplace / "elsewhere");
  fs::copy_file(workplace / "text.jsonl", workplace / "elsewhere/text.jsonl");
  const Finished moved = workplace.pretrain(train("dense", "a", {"train.steps=22", "data.train=elsewhere/text.jsonl"}));
  EXPECT_EQ(moved.exit_code, 0) << moved.err;
  expect_contains(moved.out, "(its content is compared with what the run was trained on)");
  workplace.write("elsewhere/text.jsonl",
                  "{\"text\": \"something else altogether\"}\n{\"text\": \"and more of it\"}\n");
  const Finished other = workplace.pretrain(train("dense", "a", {"train.steps=24", "data.train=elsewhere/text.jsonl"}));
  EXPECT_EQ(other.exit_code, 3) << other.err;
}

TEST(Interrupted, ASignalBeforeTheFirstStepIsAStopAsWell) {
  const Workplace workplace;
  for (int delay = 0; delay < 5; ++delay) {
    Program program = workplace.start(train("dense", "a", {"train.steps=100000"}));
    program.wait_until([&] { return workplace.exists("output/a/train.log"); });
    usleep(static_cast<useconds_t>(delay) * 30000);
    program.send(SIGTERM);
    EXPECT_EQ(program.wait().exit_code, kStopped);
    fs::remove_all(workplace / "output/a");
    fs::remove_all(workplace / "tokenizer");
  }
}

TEST(Interrupted, AStopInAnEvaluationIsTakenUpThere) {
  const Workplace workplace;
  // An evaluation of many thousand windows: the signal finds it at work.
  const Words settings = {
      "train.steps=6",          "evaluation.every=3", "evaluation.tokens=0", "data.validation=other.jsonl",
      "data.sequence_length=8", "sample.every=0",     "checkpoint.every=0"};
  finish(workplace, "whole", settings);
  {
    Program program = workplace.start(train("dense", "parts", settings));
    program.wait_until([&] {
      return workplace.exists("output/parts/metrics.jsonl") &&
             workplace.read("output/parts/metrics.jsonl").find("\"step\":3") != std::string::npos;
    });
    program.send(SIGTERM);
    EXPECT_EQ(program.wait().exit_code, kStopped);
  }
  finish(workplace, "parts", settings);
  EXPECT_EQ(differences(workplace, "whole", "parts", 6), Words());
}

TEST(Interrupted, AFileSizeLimitIsAnErrorOfTheWrite) {
  const Workplace workplace;
  const Finished limited = run_program("/bin/sh",
                                       {"-c", std::string("ulimit -f 40; exec ") + MM_PRETRAIN +
                                                  " --config dense.json --set run.name=a --set checkpoint.every=2"},
                                       workplace.folder());
  EXPECT_EQ(limited.exit_code, 7) << limited.err;
  expect_contains(limited.err, "File too large");
  finish(workplace, "a", {"checkpoint.every=2"});
}

TEST(Interrupted, MemoryThatDoesNotSufficeIsToldWithABatchThatFits) {
  const Workplace workplace;
  const auto limited = [&](const std::string& batch) {
    return run_program("/bin/sh",
                       {"-c", std::string("ulimit -v 1200000; exec ") + MM_PRETRAIN +
                                  " --config dense.json --set run.name=a --set train.steps=1 " + batch},
                       workplace.folder());
  };
  const Finished program = limited("--set train.micro_batch=16384");
  EXPECT_EQ(program.exit_code, 6) << program.err;
  const size_t offer = program.err.find("train.micro_batch=");
  ASSERT_NE(offer, std::string::npos) << program.err;
  const std::string words = program.err.substr(offer, program.err.find('\n', offer) - offer);
  fs::remove_all(workplace / "output/a");
  const Finished smaller = limited("--set " + words.substr(0, words.find(' ')) + " --set train.accumulation=1");
  EXPECT_EQ(smaller.exit_code, 0) << words << "\n" << smaller.err;
}

TEST(Interrupted, WhereMemoryDoesNotSufficeTheSameBatchIsTrainedInSmallerParts) {
  const Workplace workplace;
  const auto run = [&](const std::string& name, const std::string& more) {
    return run_program("/bin/sh",
                       {"-c", more + "exec " + MM_PRETRAIN + " --config dense.json --set run.name=" + name +
                                  " --set train.micro_batch=16384 --set train.steps=1 --set evaluation.every=0"
                                  " --set train.shrink_micro_batch=true --set train.accumulation=1"},
                       workplace.folder());
  };
  const Finished program = run("a", "ulimit -v 1200000; ");
  EXPECT_EQ(program.exit_code, 0) << program.err;
  EXPECT_NE(program.err.find("out of memory: going on from the newest checkpoint with train.micro_batch=8192 and "
                             "train.accumulation=2 (train.shrink_micro_batch)"),
            std::string::npos)
      << program.err;
  const auto record = [&](const std::string& name) { return nlohmann::json::parse(workplace.read(name)); };
  const nlohmann::json config = record("output/a/config.json")["train"];
  EXPECT_EQ(config["micro_batch"].get<int64_t>() * config["accumulation"].get<int64_t>(), 16384);
  EXPECT_LT(config["micro_batch"].get<int64_t>(), 16384);
}

TEST(Interrupted, OtherValidationTextIsSaidAndItsLossesAreNotCompared) {
  const Workplace workplace;
  workplace.write("held.jsonl", "{\"text\": \"amber cloud seven light under song\"}\n");
  const Words settings = {"data.validation=held.jsonl", "evaluation.tokens=0"};
  finish(workplace, "a", settings);
  workplace.write("held.jsonl", "{\"text\": \"stone stone stone stone stone\"}\n");
  const Finished again =
      workplace.pretrain(train("dense", "a", {"data.validation=held.jsonl", "evaluation.tokens=0", "train.steps=25"}));
  EXPECT_EQ(again.exit_code, 0) << again.err;
  expect_contains(again.err, "the validation text is not what it was: the lowest validation loss is looked for anew");
  expect_contains(again.out, "(best so far)");
}

TEST(Interrupted, RecordsThatAreMissingAreSaid) {
  const Workplace workplace;
  finish(workplace, "a");
  const std::string metrics = workplace.read("output/a/metrics.jsonl");
  workplace.write("output/a/metrics.jsonl", metrics.substr(0, metrics.find("\"step\":9") - 15));
  const Finished again = workplace.pretrain(train("dense", "a", {"train.steps=25"}));
  EXPECT_EQ(again.exit_code, 0) << again.err;
  expect_contains(again.err, "output/a/metrics.jsonl: got records up to step 8, want them up to step 20");
}

TEST(Interrupted, AFileThatShrinksWhileItIsReadEndsTheRunWithItsCode) {
  const Workplace workplace;
  Program program = workplace.start(train("dense", "a", {"train.steps=100000"}));
  program.wait_until([&] { return workplace.exists(checkpoint("a", 5)); });
  for (const auto& entry : fs::recursive_directory_iterator(workplace.folder())) {
    if (entry.path().extension() == ".part") fs::resize_file(entry.path(), 0);
  }
  const Finished ended = program.wait();
  EXPECT_EQ(ended.exit_code, 3) << ended.err;
  expect_contains(ended.err, ".tokens/000000.part: got nothing where data was, as it has become shorter");
}

TEST(Interrupted, AFolderThatIsTakenAwayEndsTheRun) {
  const Workplace workplace;
  Program program = workplace.start(train("dense", "a", {"train.steps=100000"}));
  program.wait_until([&] { return workplace.exists(checkpoint("a", 5)); });
  fs::rename(workplace / "output/a", workplace / "output/b");
  const Finished ended = program.wait();
  EXPECT_EQ(ended.exit_code, 7) << ended.err;
  expect_contains(ended.err, "output/a/.lock: got no longer the file that this run has locked");
  // One that was being written just then may have come through.
  EXPECT_FALSE(workplace.exists("output/a/checkpoints/step_00000020"));
}

TEST(Interrupted, AStoppedProcessDoesNotHang) {
  const Workplace workplace;
  Program program = workplace.start(train("dense", "a", {"train.steps=100000", "run.hang_seconds=4"}));
  program.wait_until([&] { return workplace.exists(checkpoint("a", 5)); });
  // What a stopped process does not do is no hang.
  program.send(SIGSTOP);
  usleep(6'000'000);
  program.send(SIGCONT);
  usleep(500'000);
  EXPECT_FALSE(workplace.exists("output/a/hang.txt"));
  program.send(SIGTERM);
  EXPECT_EQ(program.wait().exit_code, kStopped);
}

TEST(Interrupted, AClosedOutputDoesNotBecomeAnotherFile) {
  const Workplace workplace;
  const Finished closed = run_program(
      "/bin/sh", {"-c", std::string("exec ") + MM_PRETRAIN + " --config dense.json --set run.name=a <&- >&- 2>&-"},
      workplace.folder());
  EXPECT_EQ(closed.exit_code, 0);
  EXPECT_EQ(workplace.read("output/a/.lock").find("step"), std::string::npos);
  finish(workplace, "b");
  EXPECT_EQ(differences(workplace, "a", "b", 20), Words());
}

TEST(Interrupted, WeightsThatAreNotNumbersAreRefused) {
  const Workplace workplace;
  finish(workplace, "source");
  std::string weights = workplace.read(checkpoint("source", 20) + "/model.safetensors");
  weights.replace(weights.size() - 4, 4, std::string("\0\0\xc0\x7f", 4));
  workplace.write("nan.safetensors", weights);
  const Finished program = workplace.pretrain(train("dense", "a", {"init.from=nan.safetensors"}));
  EXPECT_EQ(program.exit_code, 4) << program.err;
  expect_contains(program.err, ": 1 of ");
  expect_contains(program.err, " values are not finite");
}

TEST(Interrupted, AHangupAndAReaderThatLeavesDoNotEndARun) {
  const Workplace workplace;
  {
    Program program = workplace.start(train("dense", "a", {"train.steps=200", "evaluation.every=0", "sample.every=0"}));
    program.wait_until([&] { return workplace.exists("output/a/metrics.jsonl"); });
    program.send(SIGHUP);
    program.send(SIGPIPE);
    EXPECT_EQ(program.wait().exit_code, 0);
  }
  const Finished piped = run_program(
      "/bin/sh",
      {"-c", std::string("{ ") + MM_PRETRAIN + " --config dense.json --set run.name=b; echo $? > code; } | head -1"},
      workplace.folder());
  EXPECT_EQ(workplace.read("code"), "0\n") << piped.err;
}

TEST(Interrupted, TooFewFileDescriptorsAreAnErrorWithItsCode) {
  const Workplace workplace;
  const Finished limited = run_program(
      "/bin/sh", {"-c", std::string("ulimit -n 12; exec ") + MM_PRETRAIN + " --config dense.json --set run.name=a"},
      workplace.folder());
  EXPECT_TRUE(limited.exit_code == 0 || limited.exit_code == 2 || limited.exit_code == 3 || limited.exit_code == 7)
      << limited.exit_code << limited.err;
  if (limited.exit_code != 0) expect_contains(limited.err, "Too many open files");
  finish(workplace, "a");
}

TEST(Interrupted, PathsMayHaveSpacesAndAnyLettersAndLongNames) {
  const Workplace workplace;
  const std::string name(180, 'x');
  fs::rename(workplace / "text.jsonl", workplace / "der Text \xe6\x96\x87.jsonl");
  const Finished run = workplace.pretrain(
      train("dense", name, {"data.train=der Text \xe6\x96\x87.jsonl", "tokenizer.path=ein Ordner/tokenizer.json"}));
  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_TRUE(workplace.exists("output/" + name + "/checkpoints/step_00000020/manifest.json"));
}

}  // namespace
