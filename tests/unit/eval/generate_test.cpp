// Text from a model: drawn from a seed alone, and recited by a model that knows one text by heart.
#include "eval/generate.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/tensor.h>
#include <gtest/gtest.h>

#include "tests/unit/train/tiny_run.h"

namespace mm {
namespace {

constexpr const char* kVerse = "so it goes, amber on the river.";

class Generate : public ::testing::Test {
 protected:
  std::string continuation(const std::string& prompt, const GenerationOptions& options) {
    return generate(run_.state.model, run_.tokenizer, prompt, options);
  }

  TempFolder folder_;
  /// One window: BOS, the 31 bytes of the verse, EOS.
  TinyRun run_{
      folder_.path(), tiny_config({"data.validation_fraction=0", "train.micro_batch=1", "train.steps=120"}), {kVerse}};
};

TEST_F(Generate, TheSeedDecidesTheText) {
  const std::string text = continuation("so", {.max_new_tokens = 20, .temperature = 1, .seed = 3});
  EXPECT_EQ(continuation("so", {.max_new_tokens = 20, .temperature = 1, .seed = 3}), text);
  EXPECT_NE(continuation("so", {.max_new_tokens = 20, .temperature = 1, .seed = 4}), text);
}

TEST_F(Generate, TemperatureZeroTakesTheLikeliestTokenEveryTime) {
  const at::NoGradGuard no_grad;
  std::vector<int64_t> tokens = {run_.tokenizer.bos_id(), 3 + 's'};
  std::string want;
  for (int i = 0; i < 8; ++i) {
    const HiddenStates states = run_.state.model.forward(at::tensor(tokens).unsqueeze(0), /*training=*/false);
    tokens.push_back(run_.state.model.logits(states.hidden_nd)[-1].argmax().item<int64_t>());
    if (tokens.back() > 2) want += static_cast<char>(tokens.back() - 3);
  }
  EXPECT_EQ(continuation("s", {.max_new_tokens = 8, .temperature = 0, .seed = 1}), want);
  EXPECT_EQ(continuation("s", {.max_new_tokens = 8, .temperature = 0, .seed = 2}), want);
  // The smallest set of likeliest tokens that reaches almost nothing is the likeliest one.
  EXPECT_EQ(continuation("s", {.max_new_tokens = 8, .temperature = 1, .top_p = 1e-6, .seed = 1}), want);
}

TEST_F(Generate, AVerseKnownByHeartIsRecitedAndEndsWhereItEnds) {
  run_.train();
  EXPECT_LT(run_.records->steps.back().loss, 0.1);
  const std::string verse(kVerse);
  EXPECT_EQ(continuation("", {.max_new_tokens = 200, .temperature = 0}), verse);
  EXPECT_EQ(continuation(verse.substr(0, 10), {.max_new_tokens = 200, .temperature = 0}), verse.substr(10));
  EXPECT_EQ(continuation("", {.max_new_tokens = 5, .temperature = 0}), verse.substr(0, 5));
}

TEST_F(Generate, OlderTokensThanTheContextAreForgotten) {
  const GenerationOptions last_alone = {.max_new_tokens = 10, .temperature = 0, .context = 1};
  EXPECT_EQ(continuation("abc", last_alone), continuation("xyc", last_alone));
}

}  // namespace
}  // namespace mm
