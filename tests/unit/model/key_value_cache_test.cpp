// A text read in pieces gives what it gives when it is read at once.
#include "model/key_value_cache.h"

#include <ATen/ops/cat.h>

#include "core/error.h"
#include "small_model.h"

namespace mm {
namespace {

constexpr double kTolerance = 1e-5;

/// Logits [batch, time, vocabulary] of `tokens`, read in pieces of these lengths.
at::Tensor in_pieces(SmallModel& small, const at::Tensor& tokens_bt, const std::vector<int64_t>& lengths) {
  const at::NoGradGuard no_grad;
  KeyValueCache cache(small.config);
  std::vector<at::Tensor> pieces;
  for (const int64_t length : lengths) {
    const at::Tensor piece = tokens_bt.narrow(1, cache.length(), length).contiguous();
    const HiddenStates states = small.model.forward_more(piece, cache);
    pieces.push_back(small.model.logits(states.hidden_nd).view({tokens_bt.size(0), length, -1}));
  }
  EXPECT_EQ(cache.length(), tokens_bt.size(1));
  return at::cat(pieces, 1);
}

double difference(const at::Tensor& a, const at::Tensor& b) {
  return (a - b).abs().max().item<double>();
}

struct Shape {
  std::string name;
  std::string model_type = "dense";
  int64_t key_value_heads = 2;
  bool qk_norm = false;
  std::string layout = "half_split";
};

TEST(KeyValueCache, ATextInPiecesGivesTheLogitsOfTheWholeText) {
  const std::vector<Shape> shapes = {{.name = "dense"},
                                     {.name = "a mixture", .model_type = "moe"},
                                     {.name = "one head for each query head", .key_value_heads = 4},
                                     {.name = "one head for all", .key_value_heads = 1},
                                     {.name = "normed heads", .model_type = "moe", .qk_norm = true},
                                     {.name = "interleaved pairs", .layout = "interleaved"}};
  for (const Shape& shape : shapes) {
    SCOPED_TRACE(shape.name);
    ModelConfig config = small_config(shape.model_type);
    config.num_key_value_heads = shape.key_value_heads;
    config.qk_norm = shape.qk_norm;
    config.rope_layout = shape.layout;
    config.moe.n_shared_experts = 1;
    SmallModel small(config);
    const at::Tensor tokens = some_tokens(2, 80);
    const at::Tensor whole = evaluation_logits(small.model, tokens);
    EXPECT_GT(whole.abs().max().item<double>(), 0.1);
    EXPECT_LE(difference(in_pieces(small, tokens, std::vector<int64_t>(80, 1)), whole), kTolerance);
    // Past the room for 64 tokens, and several tokens behind others.
    EXPECT_LE(difference(in_pieces(small, tokens, {7, 1, 12, 59, 1}), whole), kTolerance);
    EXPECT_EQ(difference(in_pieces(small, tokens, {80}), whole), 0);
  }
}

TEST(KeyValueCache, WhatIsForgottenLeavesNoTrace) {
  SmallModel small(small_config("dense"));
  const at::NoGradGuard no_grad;
  const at::Tensor tokens = some_tokens(1, 20), others = some_tokens(1, 20, /*seed=*/2);
  KeyValueCache cache(small.config), fresh(small.config);
  small.model.forward_more(tokens.narrow(1, 0, 8), cache);
  small.model.forward_more(others.narrow(1, 0, 12), cache);
  cache.truncate(8);
  small.model.forward_more(tokens.narrow(1, 0, 8), fresh);
  const at::Tensor next = tokens.narrow(1, 8, 1);
  EXPECT_EQ(
      difference(small.model.forward_more(next, cache).hidden_nd, small.model.forward_more(next, fresh).hidden_nd), 0);
  EXPECT_THROW(cache.truncate(10), Error);
}

}  // namespace
}  // namespace mm
