// Text from a model: drawn from a seed alone, and recited by a model that knows one text by heart.
#include "eval/generation/generate.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/tensor.h>
#include <gtest/gtest.h>

#include "tests/unit/train/tiny_run.h"

namespace mm {
namespace {

constexpr const char* kVerse = "so it goes, amber on the river.";

class Generate : public ::testing::Test {
 protected:
  std::string continuation(const std::string& prompt, const GenerationOptions& options, int64_t context = 512) {
    Decoder decoder(run_.state.model, context);
    return continue_text(decoder, run_.tokenizer, prompt_tokens(run_.tokenizer, prompt), options).text;
  }

  TempFolder folder_;
  /// One window: BOS, the 31 bytes of the verse, EOS.
  TinyRun run_{
      folder_.path(), tiny_config({"data.validation_fraction=0", "train.micro_batch=1", "train.steps=120"}), {kVerse}};
};

TEST_F(Generate, TheSeedDecidesTheText) {
  const std::string text = continuation("so", {.max_new_tokens = 20, .sampling = {.temperature = 1}, .seed = 3});
  EXPECT_EQ(continuation("so", {.max_new_tokens = 20, .sampling = {.temperature = 1}, .seed = 3}), text);
  EXPECT_NE(continuation("so", {.max_new_tokens = 20, .sampling = {.temperature = 1}, .seed = 4}), text);
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
  EXPECT_EQ(continuation("s", {.max_new_tokens = 8, .sampling = {.temperature = 0}, .seed = 1}), want);
  EXPECT_EQ(continuation("s", {.max_new_tokens = 8, .sampling = {.temperature = 0}, .seed = 2}), want);
  // The smallest set of likeliest tokens that reaches almost nothing is the likeliest one.
  EXPECT_EQ(continuation("s", {.max_new_tokens = 8, .sampling = {.temperature = 1, .top_p = 1e-6}, .seed = 1}), want);
}

TEST_F(Generate, AVerseKnownByHeartIsRecitedAndEndsWhereItEnds) {
  run_.train();
  EXPECT_LT(run_.records->steps.back().loss, 0.1);
  const std::string verse(kVerse);
  EXPECT_EQ(continuation("", {.max_new_tokens = 200, .sampling = {.temperature = 0}}), verse);
  EXPECT_EQ(continuation(verse.substr(0, 10), {.max_new_tokens = 200, .sampling = {.temperature = 0}}),
            verse.substr(10));
  EXPECT_EQ(continuation("", {.max_new_tokens = 5, .sampling = {.temperature = 0}}), verse.substr(0, 5));
}

TEST_F(Generate, OlderTokensThanTheContextAreForgotten) {
  const GenerationOptions options = {.max_new_tokens = 10, .sampling = {.temperature = 0}};
  EXPECT_EQ(continuation("abc", options, /*context=*/1), continuation("xyc", options, /*context=*/1));
}

TEST_F(Generate, AReaderAlongSeesTheTextInPiecesAndAStopTextEndsIt) {
  run_.train();
  Decoder decoder(run_.state.model, 512);
  std::string shown;
  int pieces = 0;
  const auto show = [&](std::string_view piece, const TokenRoute& route) {
    EXPECT_EQ(route.layers(), 0);
    shown += piece;
    ++pieces;
  };
  GenerationOptions options = {.max_new_tokens = 200, .sampling = {.temperature = 0}};
  const std::vector<int32_t> prompt = prompt_tokens(run_.tokenizer, "");
  const Continuation whole = continue_text(decoder, run_.tokenizer, prompt, options, show);
  EXPECT_EQ(whole.text, kVerse);
  EXPECT_EQ(shown, whole.text);
  EXPECT_EQ(pieces, 31);
  EXPECT_EQ(whole.tokens.size(), 31u);
  EXPECT_GT(whole.first_token_seconds, 0);
  EXPECT_GT(whole.later_tokens_seconds, 0);

  shown.clear();
  options.stop = {" river", "amber"};
  EXPECT_EQ(continue_text(decoder, run_.tokenizer, prompt, options, show).text, "so it goes, ");
  EXPECT_EQ(shown, "so it goes, ");
}

TEST(GenerateRoutes, WithADecoderThatKeepsRoutesEveryPieceOfPromptAndTextSaysWhereItWent) {
  const TempFolder folder;
  TinyRun run(folder.path(), tiny_config(moe_settings()));
  Decoder plain(run.state.model, 512), routed(run.state.model, 512);
  routed.keep_routes();
  const GenerationOptions options = {.max_new_tokens = 12, .sampling = {.temperature = 0}};
  const std::vector<int32_t> prompt = prompt_tokens(run.tokenizer, "so it");
  std::string shown;
  const auto show = [&](std::string_view piece, const TokenRoute& route) {
    EXPECT_EQ(route.layers(), run.config.model.num_hidden_layers);
    shown += piece;
  };
  const Continuation text = continue_text(routed, run.tokenizer, prompt, options, show);
  EXPECT_EQ(text.text, continue_text(plain, run.tokenizer, prompt, options).text);
  EXPECT_EQ(shown, "so it" + text.text);
  ASSERT_GE(text.pieces.size(), prompt.size());  // BOS is no text

  // Where tokens went is what a pass over all of them says.
  std::vector<int32_t> all = prompt;
  all.insert(all.end(), text.tokens.begin(), text.tokens.end());
  Decoder again(run.state.model, 512);
  again.keep_routes();
  again.next_logits(all);
  EXPECT_EQ(text.pieces.front().route.experts, again.routes()[1].experts);
  EXPECT_EQ(text.pieces.back().route.experts, again.routes().back().experts);
}

}  // namespace
}  // namespace mm
