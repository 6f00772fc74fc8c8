// Sums stay on the device and are read once, at the end.
#include "train/evaluate.h"

#include <ATen/ops/stack.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <numbers>

#include "data/batch_loader.h"
#include "ops/cross_entropy.h"

namespace mm {

at::Tensor bytes_per_token(const Tokenizer& tokenizer, int64_t vocab_size, at::Device device) {
  at::Tensor bytes_v = at::zeros({vocab_size}, at::kFloat);
  float* bytes = bytes_v.mutable_data_ptr<float>();
  for (int64_t id = 0; id < tokenizer.vocab_size(); ++id) {
    bytes[id] = static_cast<float>(tokenizer.token_bytes(static_cast<int32_t>(id)));
  }
  return bytes_v.to(device);
}

EvaluationRecord evaluate(CausalLm& model, const PackedDataset& data, int64_t max_tokens, int64_t micro_batch,
                          const at::Tensor& bytes_per_token_v) {
  const auto start = std::chrono::steady_clock::now();
  const at::NoGradGuard no_grad;
  int64_t windows = data.windows();
  if (max_tokens > 0) windows = std::clamp<int64_t>(max_tokens / data.sequence_length(), 1, windows);

  at::Tensor sums = at::zeros({3}, bytes_per_token_v.options().dtype(at::kDouble));  // loss, tokens, bytes
  SequentialLoader loader(data, micro_batch, windows, bytes_per_token_v.device());
  while (const std::optional<Batch> batch = loader.next()) {
    const at::Tensor targets_n = batch->targets_bt.flatten();
    const at::Tensor counted_n = targets_n >= 0;
    const HiddenStates states = model.forward(batch->tokens_bt, /*training=*/false, batch->targets_bt >= 0);
    const at::Tensor loss_n = cross_entropy(model.logits(states.hidden_nd), targets_n);
    const at::Tensor bytes_n = bytes_per_token_v.index_select(0, targets_n.clamp_min(0)) * counted_n;
    sums += at::stack({loss_n.sum(at::kDouble), counted_n.sum(at::kDouble), bytes_n.sum(at::kDouble)});
  }

  const at::Tensor host = sums.cpu();
  const double* values = host.const_data_ptr<double>();
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
  EvaluationRecord record;
  record.tokens = static_cast<int64_t>(values[1]);
  record.loss = values[0] / values[1];
  record.perplexity = std::exp(record.loss);
  record.bits_per_byte = values[0] / std::numbers::ln2 / values[2];
  record.seconds = elapsed.count();
  return record;
}

}  // namespace mm
