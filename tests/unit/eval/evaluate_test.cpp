// Validation loss against the same thing computed window by window.
#include "eval/evaluate.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/log_softmax.h>
#include <ATen/ops/tensor.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "tests/unit/train/tiny_run.h"

namespace mm {
namespace {

struct Sums {
  double loss = 0;
  int64_t tokens = 0;
  int64_t bytes = 0;
};

/// One window alone, without a batch and without padding.
Sums plain_sums(TinyRun& run, int64_t window) {
  const WindowSource& data = *run.data.validation;
  std::vector<int64_t> tokens(static_cast<size_t>(data.sequence_length())), targets = tokens;
  const int64_t real = data.fill(window, tokens.data(), targets.data());
  const at::NoGradGuard no_grad;
  const at::Tensor tokens_bt = at::tensor(tokens).narrow(0, 0, real).unsqueeze(0);
  const HiddenStates states = run.state.model.forward(tokens_bt, /*training=*/false);
  const at::Tensor log_nv = run.state.model.logits(states.hidden_nd).to(at::kDouble).log_softmax(-1);
  Sums sums;
  for (int64_t i = 0; i < real; ++i) {
    const int64_t target = targets[static_cast<size_t>(i)];
    sums.loss -= log_nv[i][target].item<double>();
    sums.tokens += 1;
    sums.bytes += target > 2 ? 1 : 0;  // BOS and EOS stand for no text
  }
  return sums;
}

class Evaluate : public ::testing::Test {
 protected:
  EvaluationRecord evaluate_tokens(int64_t tokens, int64_t micro_batch) {
    return evaluate(run_.state.model, *run_.data.validation, tokens, micro_batch,
                    bytes_per_token(run_.tokenizer, run_.config.model.vocab_size, at::kCPU));
  }

  /// Compares with `count` windows, taken evenly from all `windows`.
  void expect_windows(const EvaluationRecord& record, int64_t count, int64_t windows) {
    Sums sums;
    for (int64_t i = 0; i < count; ++i) {
      const Sums window = plain_sums(run_, i * windows / count);
      sums.loss += window.loss;
      sums.tokens += window.tokens;
      sums.bytes += window.bytes;
    }
    EXPECT_EQ(record.tokens, sums.tokens);
    const double loss = sums.loss / static_cast<double>(sums.tokens);
    EXPECT_NEAR(record.loss, loss, 1e-5);
    EXPECT_NEAR(record.perplexity, std::exp(loss), 1e-2);
    EXPECT_NEAR(record.bits_per_byte, sums.loss / std::numbers::ln2 / static_cast<double>(sums.bytes), 1e-5);
  }

  TempFolder folder_;
  TinyRun run_{folder_.path(), tiny_config(moe_settings())};
};

TEST_F(Evaluate, EqualsAPlainComputationOverAllWindowsWithoutPadding) {
  const WindowSource& data = *run_.data.validation;
  ASSERT_NE((data.tokens() - 1) % data.sequence_length(), 0) << "the last window has no padding: nothing is tested";
  const EvaluationRecord record = evaluate_tokens(0, 3);
  EXPECT_EQ(record.tokens, data.tokens() - 1);
  expect_windows(record, data.windows(), data.windows());
}

TEST_F(Evaluate, ASubsetIsSpreadOverTheWholeSet) {
  const int64_t windows = run_.data.validation->windows();
  ASSERT_GE(windows, 6);
  const int64_t count = windows / (windows / 3);
  expect_windows(evaluate_tokens(count * 32, 2), count, windows);
}

TEST_F(Evaluate, TheSameWindowsEveryTimeWhateverTheMicroBatch) {
  const double loss = evaluate_tokens(96, 3).loss;
  EXPECT_EQ(evaluate_tokens(96, 3).loss, loss);
  EXPECT_NEAR(evaluate_tokens(96, 1).loss, loss, 1e-6);
}

TEST_F(Evaluate, LeavesNoTraceInTheState) {
  const auto before = bytes_of(run_.state);
  const std::string gradient = bytes_of(run_.state.parameters.gradient());
  evaluate_tokens(0, 4);
  EXPECT_EQ(bytes_of(run_.state), before);
  EXPECT_EQ(bytes_of(run_.state.parameters.gradient()), gradient);
}

}  // namespace
}  // namespace mm
