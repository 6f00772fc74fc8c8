// Every program that reads weights, on runs and folders that are damaged: it says so, or takes what is whole.
#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>

#include "tests/support/captured_output.h"
#include "workplace.h"

namespace {

namespace fs = std::filesystem;

constexpr int kCheckpoint = 4;
const std::string kRun = "output/a", kBest = kRun + "/checkpoints/best";

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

/// A run with checkpoints of steps 5 and 10.
class Readers : public testing::Test {
 protected:
  Readers() {
    const Finished program = workplace_.pretrain(train("dense", "a", {"train.steps=10", "sample.every=0"}));
    EXPECT_EQ(program.exit_code, 0) << program.err;
    workplace_.write("in.json", R"({"tokens": [[5, 6, 7, 8]], "positions": [[0, 2]]})");
    const std::string link = fs::read_symlink(workplace_ / kBest);
    best_ = kRun + "/checkpoints/" + link;
    other_ = kRun + "/checkpoints/" + (link == "step_00000010" ? "step_00000005" : "step_00000010");
  }

  /// The program of that number on `from`.
  Finished read(size_t program, const std::string& from) const {
    switch (program % 4) {
      case 0:
        return workplace_.generate({"--run", from, "--max-new-tokens", "1"});
      case 1:
        return workplace_.evaluate({"--init", from, "--tokens", "in.json", "--logits", "out.json"});
      case 2:
        return workplace_.convert({from, "out.safetensors"});
      default:
        Words arguments = train("dense", "b", {"train.steps=1", "evaluation.every=0", "sample.every=0"});
        arguments.insert(arguments.end(), {"--init", from});
        const Finished finished = workplace_.pretrain(arguments);
        fs::remove_all(workplace_ / "output/b");
        return finished;
    }
  }

  void expect_refusal(const Finished& program, const std::string& part) const {
    EXPECT_EQ(program.exit_code, kCheckpoint) << program.out << program.err;
    EXPECT_TRUE(contains(program.err, part)) << program.err;
    EXPECT_FALSE(workplace_.exists("out.json"));
    EXPECT_FALSE(workplace_.exists("out.safetensors"));
  }

  Workplace workplace_;
  std::string best_, other_;  // the folders of both checkpoints
};

TEST_F(Readers, AFlippedByteOfACheckpointEndsEveryProgram) {
  const std::string good = workplace_.read(kBest + "/model.safetensors");
  for (size_t i = 0; i < 12; ++i) {
    std::string bad = good;
    bad[i * good.size() / 12] ^= 4;
    workplace_.write(best_ + "/model.safetensors", bad);
    expect_refusal(read(i, kBest), kBest + "/model.safetensors: got \"");
  }
}

TEST_F(Readers, ARunWhoseBestIsDamagedIsReadFromTheNextOneWithAWarning) {
  std::string bytes = workplace_.read(kBest + "/model.safetensors");
  bytes[bytes.size() / 2] ^= 1;
  workplace_.write(best_ + "/model.safetensors", bytes);
  for (size_t program = 0; program < 4; ++program) {
    const Finished finished = read(program, kRun);
    EXPECT_EQ(finished.exit_code, 0) << finished.err;
    EXPECT_TRUE(contains(finished.err, "warning: " + best_ + "/model.safetensors: got \"")) << finished.err;
    EXPECT_TRUE(contains(finished.err, "read instead: " + other_)) << finished.err;
  }
}

TEST_F(Readers, WithoutAManifestACheckpointIsNotWhole) {
  fs::remove(workplace_ / (best_ + "/manifest.json"));
  for (size_t program = 0; program < 4; ++program) {
    expect_refusal(read(program, best_), "/manifest.json: got no such file");
  }
  EXPECT_TRUE(contains(read(0, kRun).err, "read instead: " + other_));
  fs::remove(workplace_ / (other_ + "/manifest.json"));
  expect_refusal(read(2, kRun), "checkpoints: got no checkpoint that is whole");
}

TEST_F(Readers, AConfigThatCannotBeReadIsNoOtherModel) {
  ASSERT_EQ(workplace_.convert({kRun, "hf", "--to", "hf", "--set", "model.rope_theta=10000"}).exit_code, 0);
  const std::string config = workplace_.read("hf/config.json");
  const Words damages = {"", config.substr(0, 300), config.substr(0, config.size() - 3), "\xef\xbb\xbf" + config,
                         config + "}"};
  for (size_t i = 0; i < damages.size(); ++i) {
    workplace_.write("hf/config.json", damages[i]);
    expect_refusal(read(1 + i % 3, "hf"), "hf/config.json:");
  }
  fs::remove(workplace_ / "hf/config.json");
  expect_refusal(read(1, "hf"), "which has no config.json");
}

TEST_F(Readers, AConvertThatIsKilledLeavesNothingThatOpens) {
  ASSERT_EQ(workplace_.convert({kRun, "old", "--to", "hf"}).exit_code, 0);
  for (const std::string folder : {"new", "old"}) {
    for (useconds_t microseconds = 0; microseconds < 10'000; microseconds += 2000) {
      Program program(MM_CONVERT, {kRun, folder, "--to", "hf", "--dtype", "fp16"}, workplace_.folder());
      const std::string ending = ".tmp-" + std::to_string(program.process());
      try {
        program.wait_until([&] { return workplace_.exists(folder == "new" ? "new" + ending : "old/" + ending); });
      } catch (const std::runtime_error&) {  // it was faster
      }
      ::usleep(microseconds);
      program.send(SIGKILL);
      program.wait();
      if (!workplace_.exists(folder)) continue;
      const Finished opened = read(1, folder);
      if (opened.exit_code != 0) expect_refusal(opened, "--init: got " + folder);
      fs::remove(workplace_ / "out.json");
      if (folder == "new") fs::remove_all(workplace_ / folder);
    }
  }
}

TEST_F(Readers, PathsThatLeadNowhereAreErrorsWithTheirName) {
  fs::create_symlink("loop", workplace_ / "loop");
  fs::create_symlink("nothing", workplace_ / "dangling");
  size_t program = 0;
  for (const std::string& path : {std::string("loop"), std::string("loop/model.safetensors"), std::string("dangling"),
                                  std::string(300, 'x'), std::string("in.json/below"), std::string("/dev/null")}) {
    const Finished finished = read(program++ % 3, path);
    expect_refusal(finished, path);
    EXPECT_FALSE(contains(finished.err, "filesystem error")) << finished.err;
  }
  const auto data = [&](const std::string& file) {
    return workplace_.evaluate({"--init", kRun, "--data", file}).exit_code;
  };
  EXPECT_EQ(data("loop"), 3);
  EXPECT_EQ(data("name=" + std::string(300, 'x')), 3);
  EXPECT_EQ(workplace_.evaluate({"--init", kRun, "--data", "text.jsonl", "--tokenizer", "loop"}).exit_code, 3);
  EXPECT_EQ(workplace_.generate({"--run", kRun, "--tokenizer", std::string(300, 'x')}).exit_code, 3);
}

TEST_F(Readers, ATerminalDoesNotObeyWhatAModelWrites) {
  const std::string prompt = "river \x1b[2J\n";
  const auto generate = [&] {
    ::setenv("OMP_NUM_THREADS", "1", 1);
    fs::current_path(workplace_.folder());
    ::execl(MM_GENERATE, MM_GENERATE, "--run", kRun.c_str(), "--prompt", prompt.c_str(), "--max-new-tokens", "1",
            nullptr);
  };
  EXPECT_TRUE(output_to_terminal(80, generate).starts_with("river \\x1b[2J\r\n"));
  EXPECT_TRUE(output_to_pipe(generate).starts_with(prompt));
}

}  // namespace
