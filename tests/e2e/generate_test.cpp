// Text from what a run left behind.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <regex>

#include "tests/support/captured_output.h"
#include "workplace.h"

namespace {

TEST(GenerateProgram, ARunAndItsCheckpointGiveTheSameTextForTheSameSeed) {
  const Workplace workplace;
  ASSERT_EQ(workplace.pretrain(train("moe", "a", {"train.steps=5", "evaluation.every=0"})).exit_code, 0);
  const auto text = [&](const std::string& run, const std::string& seed) {
    const Finished program =
        workplace.generate({"--run", run, "--prompt", "river", "--seed", seed, "--max-new-tokens", "12"});
    EXPECT_EQ(program.exit_code, 0) << program.err;
    EXPECT_TRUE(program.out.starts_with("river")) << program.out;
    return program.out;
  };
  const std::string of_run = text("output/a", "1");
  EXPECT_EQ(text("output/a/checkpoints/step_00000005", "1"), of_run);
  EXPECT_EQ(text("output/a/", "1"), of_run);
  EXPECT_NE(text("output/a", "2"), of_run);
}

TEST(GenerateProgram, SamplesAreThoseOfTheSeedsThatFollow) {
  const Workplace workplace;
  ASSERT_EQ(workplace.pretrain(train("dense", "a", {"train.steps=2", "evaluation.every=0"})).exit_code, 0);
  const auto text = [&](const Words& more) {
    Words arguments = {"--run", "output/a", "--prompt", "river", "--max-new-tokens", "12", "--temperature", "1.5"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return workplace.generate(arguments).out;
  };
  EXPECT_EQ(text({"--samples", "2", "--seed", "4"}), "--- sample 1 of 2, seed 4 ---\n" + text({"--seed", "4"}) +
                                                         "\n--- sample 2 of 2, seed 5 ---\n" + text({"--seed", "5"}));
}

TEST(GenerateProgram, ThePromptMayComeFromStandardInputAndTheSpeedIsToldApart) {
  const Workplace workplace;
  ASSERT_EQ(workplace.pretrain(train("dense", "a", {"train.steps=2", "evaluation.every=0"})).exit_code, 0);
  workplace.write("prompt.txt", "river\nstone\n");
  const auto generate = [&](const std::string& prompt, const std::string& input) {
    return run_program(MM_GENERATE, {"--run", "output/a", "--prompt", prompt, "--max-new-tokens", "3"},
                       workplace.folder(), {}, input);
  };
  const Finished from_input = generate("-", workplace / "prompt.txt");
  EXPECT_EQ(from_input.out, generate("river\nstone", "/dev/null").out);
  EXPECT_TRUE(from_input.out.starts_with("river\nstone")) << from_input.out;
  EXPECT_NE(from_input.err.find("prompt tokens and the first new one in "), std::string::npos) << from_input.err;
  EXPECT_NE(from_input.err.find(" 2 more at "), std::string::npos) << from_input.err;
}

TEST(GenerateProgram, AConversationAnswersEachLineAndWantsATemplate) {
  const Workplace workplace;
  std::filesystem::copy(MM_GOLDEN_DATA "/tokenizers/g3", workplace / "tokenizer");
  ASSERT_EQ(workplace
                .pretrain(train(
                    "dense", "a",
                    {"train.steps=1", "evaluation.every=0", "sample.every=0", "tokenizer.path=tokenizer/tokenizer.json",
                     "tokenizer.train=false", "tokenizer.vocab_size=null", "model.vocab_size=6400"}))
                .exit_code,
            0);
  workplace.write("questions.txt", "Who?\n\nWhy?\n");
  const auto chat = [&](const Words& more) {
    Words arguments = {"--run", "output/a", "--tokenizer", "tokenizer/tokenizer.json", "--chat", "--max-new-tokens",
                       "2"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run_program(MM_GENERATE, arguments, workplace.folder(), {}, workplace / "questions.txt");
  };
  EXPECT_EQ(chat({}).exit_code, 3);
  workplace.write("tokenizer/chat_template.jinja",
                  "{{ '<|im_start|>user\\n' + m + '<|im_end|>\\n<|im_start|>assistant\\n' }}");
  const Finished finished = chat({"--seed", "3"});
  EXPECT_EQ(finished.exit_code, 0) << finished.err;
  EXPECT_EQ(std::count(finished.out.begin(), finished.out.end(), '\n') >= 2, true) << finished.out;
  EXPECT_EQ(chat({"--seed", "3"}).out, finished.out);
  EXPECT_NE(chat({"--seed", "3", "--system", "Rhyme."}).out, "");
  // 3 tokens are not enough for two turns.
  const Finished forgetful = chat({"--context", "3"});
  EXPECT_NE(forgetful.err.find("its oldest turn is forgotten"), std::string::npos) << forgetful.err;
  EXPECT_EQ(chat({"--samples", "2"}).exit_code, 2);
}

/// What a terminal gets of `generate --experts`, and of it without colours.
std::string coloured_text(const Workplace& workplace, const char* variable, const char* value) {
  return output_to_terminal(/*columns=*/200, [&] {
    ::setenv("COLORTERM", "truecolor", 1);
    ::unsetenv("NO_COLOR");
    ::setenv(variable, value, 1);
    ::setenv("OMP_NUM_THREADS", "1", 1);
    std::filesystem::current_path(workplace.folder());
    ::execl(MM_GENERATE, MM_GENERATE, "--run", "output/a", "--prompt", "river stone", "--max-new-tokens", "12",
            "--experts", nullptr);
  });
}

TEST(GenerateProgram, TextIsColouredByExpertOnATerminalAndTheSameEverywhereElse) {
  const Workplace workplace;
  ASSERT_EQ(workplace.pretrain(train("moe", "a", {"train.steps=5", "evaluation.every=0"})).exit_code, 0);
  ASSERT_EQ(workplace.pretrain(train("dense", "b", {"train.steps=1", "evaluation.every=0"})).exit_code, 0);
  const auto generate = [&](const std::string& run, const Words& more) {
    Words arguments = {"--run", run, "--prompt", "river stone", "--max-new-tokens", "12"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return workplace.generate(arguments);
  };
  const std::string plain = generate("output/a", {}).out;
  const Finished piped = generate("output/a", {"--experts"});
  EXPECT_EQ(piped.out, plain);
  EXPECT_NE(piped.err.find("[layer 1, expert: "), std::string::npos) << piped.err;
  EXPECT_NE(generate("output/a", {"--experts", "0"}).err.find("[layer 0, expert: "), std::string::npos);

  const std::string coloured = coloured_text(workplace, "TERM", "xterm");
  EXPECT_NE(coloured.find("\x1b[48;2;"), std::string::npos) << coloured;
  const std::string without = coloured_text(workplace, "NO_COLOR", "1");
  EXPECT_EQ(without.find("\x1b["), std::string::npos);
  const auto text = [](const std::string& output) { return output.substr(0, output.find("[layer 1")); };
  EXPECT_EQ(text(std::regex_replace(coloured, std::regex("\x1b\\[[0-9;]*m"), "")), text(without));

  EXPECT_EQ(generate("output/a", {"--experts", "2"}).exit_code, 2);
  EXPECT_EQ(generate("output/a", {"--experts", "x"}).exit_code, 2);
  EXPECT_EQ(generate("output/b", {"--experts"}).exit_code, 2);
}

TEST(GenerateProgram, OptionsThatCannotHaveAnEffectAreRefused) {
  const Workplace workplace;
  EXPECT_EQ(workplace.generate({"--run", "output/a", "--system", "Rhyme."}).exit_code, 2);
  EXPECT_EQ(workplace.generate({"--run", "output/a", "--stop", ""}).exit_code, 2);
}

TEST(GenerateProgram, AMissingRunIsAnErrorOfTheCheckpoint) {
  const Workplace workplace;
  const Finished program = workplace.generate({"--run", "output/none"});
  EXPECT_EQ(program.exit_code, 4);
  EXPECT_EQ(program.err, "error: --init: got output/none, and there is nothing at " + workplace / "output/none" +
                             ", want weights (put the file there)\n");
}

TEST(GenerateProgram, ARunWithoutACheckpointAndWrongUsageAreRefused) {
  const Workplace workplace;
  EXPECT_EQ(workplace.pretrain(train("dense", "a", {"train.steps=1"})).exit_code, 0);
  std::filesystem::remove_all(workplace / "output/a/checkpoints");
  EXPECT_EQ(workplace.generate({"--run", "output/a"}).exit_code, 4);
  EXPECT_EQ(workplace.generate({}).exit_code, 2);
}

}  // namespace
