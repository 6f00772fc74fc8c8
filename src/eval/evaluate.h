// Validation loss.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "data/batch.h"
#include "data/windows/window_source.h"
#include "metrics/record.h"
#include "model/causal_lm.h"
#include "recipe/run_config.h"
#include "tokenizer/tokenizer.h"

namespace mm {

class DomainWatch;

/// What the model wants to know of a batch that it is not trained on: whatever has no target does not count.
BatchLayout evaluation_layout(const Batch& batch);

/// Bytes of text that each token stands for, [vocab_size] fp32: the denominator of bits per byte.
at::Tensor bytes_per_token(const Tokenizer& tokenizer, int64_t vocab_size, at::Device device);

/// Sums over targets, on the model's device until they are asked for.
class LossSums {
 public:
  explicit LossSums(const at::Tensor& bytes_per_token_v);

  /// Of a batch: [tokens, vocab_size] and [batch, time] int64, where kIgnoredTarget does not count.
  /// Returns the losses [n] of the targets, 0 on padding.
  at::Tensor add(const at::Tensor& logits_nv, const at::Tensor& targets_bt);
  void add(const LossSums& other);

  /// tokens, loss, perplexity and bits_per_byte.
  EvaluationRecord record() const;

 private:
  at::Tensor bytes_per_token_v_;
  at::Tensor sums_;  // loss, tokens, bytes
};

/// How many windows an evaluation on `max_tokens` tokens (0: all) reads; at least one.
int64_t evaluated_windows(const WindowSource& data, int64_t max_tokens);

/// Mean cross entropy in nats, perplexity and bits per byte over `max_tokens` tokens (0: all) of `data`, in windows
/// taken evenly from the whole of it: the same windows every time.
///   micro_batch  windows in one forward pass
///   domains      of `data`: takes down who does what
/// Throws StopRequested when a signal asks a run to stop.
EvaluationRecord evaluate(CausalLm& model, const WindowSource& data, int64_t max_tokens, int64_t micro_batch,
                          const at::Tensor& bytes_per_token_v, DomainWatch* domains = nullptr);

}  // namespace mm
